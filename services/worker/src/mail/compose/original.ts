import { type Call, type Draft, Failure, type Message, type MessageField } from "@postern/protocol";
import type { Core } from "../core.ts";
import { getMessages } from "../get-messages.ts";
import type { LetterAttachment } from "../ports.ts";
import { readPart } from "../read-part.ts";
import { readRaw } from "../read-raw.ts";

/** The message that is answered or handed on, and what of it goes along. */
export interface Original {
  message: Message;
  attachments: LetterAttachment[];
}

const fields: MessageField[] = [
  "id",
  "messageId",
  "inReplyTo",
  "references",
  "subject",
  "from",
  "to",
  "cc",
  "replyTo",
  "sentAt",
  "text",
  "html",
  "attachments",
];

/** Null where the draft has to do with no other message. Throws `not-found` and `message-gone`. */
export async function readOriginal(core: Core, account: string, draft: Draft, call: Call): Promise<Original | null> {
  const id = draft.reply?.message ?? draft.forward?.message;
  if (id === undefined) return null;
  const [result] = (await getMessages(core, { account, ids: [id], fields }, call)).results;
  if (!result) throw new Failure("not-found");
  if ("failure" in result) throw Failure.fromJSON(result.failure);
  const { message } = result;
  return { message, attachments: attachmentsOf(core, account, message, draft, call) };
}

function attachmentsOf(core: Core, account: string, message: Message, draft: Draft, call: Call): LetterAttachment[] {
  if (draft.forward?.as === "attachment") return [asOne(core, account, message, call)];
  const all = message.attachments ?? [];
  // An answer quotes the text: of what was attached only what the text shows goes along.
  const wanted = draft.forward
    ? all
    : draft.reply?.quote
      ? all.filter(({ contentId, inline }) => inline && contentId)
      : [];
  return wanted.map(({ part, filename, contentType, contentId, inline }) => ({
    filename,
    contentType,
    contentId: contentId?.replace(/^<|>$/g, "") ?? null,
    inline,
    octets: () => partOf(core, account, message.id, part, call),
  }));
}

function asOne(core: Core, account: string, { id, subject }: Message, call: Call): LetterAttachment {
  const name = (subject ?? "")
    .replace(/[\p{Cc}\\/:*?"<>|]+/gu, " ")
    .trim()
    .slice(0, 100);
  return {
    filename: `${name || "message"}.eml`,
    contentType: "message/rfc822",
    contentId: null,
    inline: false,
    octets: () => rawOf(core, account, id, call),
  };
}

async function* partOf(
  core: Core,
  account: string,
  message: string,
  part: string,
  call: Call,
): AsyncGenerator<Uint8Array> {
  yield* (await readPart(core, { account, message, part }, call)).body;
}

async function* rawOf(core: Core, account: string, message: string, call: Call): AsyncGenerator<Uint8Array> {
  yield* (await readRaw(core, { account, message }, call)).body;
}
