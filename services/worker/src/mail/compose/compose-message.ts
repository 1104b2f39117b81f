import type { Call, Input, Output } from "@postern/protocol";
import { showStored } from "../append/show-stored.ts";
import { storeMessage } from "../append/store-message.ts";
import type { Core } from "../core.ts";
import { resolveMailbox } from "../mailboxes/resolve.ts";
import { accountRef } from "../open-mailbox.ts";
import { attachUploads } from "./attach-uploads.ts";
import { writeLetter } from "./letter.ts";
import { readOriginal } from "./original.ts";

/** Writes a message from its parts and stores it. */
export async function composeMessage(
  core: Core,
  input: Input<"composeMessage">,
  call: Call,
): Promise<Output<"composeMessage">> {
  const { draft, flags, fields } = input;
  const account = await accountRef(core, input.account);
  const mailbox = await resolveMailbox(core, account, input.mailbox, call);
  const attachments = await attachUploads(core, account.id, draft.attachments ?? []);
  const original = await readOriginal(core, account.id, draft, call);
  const letter = writeLetter(draft, attachments, original, new Date());
  const spooled = await core.spool.take(core.composer.compose(letter));
  try {
    const receivedAt = input.receivedAt === undefined ? null : new Date(input.receivedAt);
    const stored = await storeMessage(core, account, { mailbox, flags, receivedAt, spooled }, call);
    return { message: await showStored(core, account, stored, fields, call) };
  } finally {
    await spooled.release();
  }
}
