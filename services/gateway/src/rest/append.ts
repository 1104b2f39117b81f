import { type Draft, draft, Failure, flag, listFields, mailboxRef, type Octets } from "@postern/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import * as z from "zod";
import { publicPath } from "../http/addresses.ts";
import { exampleDraft, exampleLetter, exampleListed } from "./examples.ts";
import { shownMessage } from "./messages.ts";
import { ofStoring } from "./problem-responses.ts";
import { asOf, json, location } from "./responses.ts";
import { accountParams, enterUpload, type RestOptions, type Scoped } from "./routes.ts";
import { documentedAs } from "./schema.ts";

/** Octets as they come, behind the media type of a whole message. */
export const rawMessage = z.custom<Octets>().meta({
  description: "A message (RFC 5322), stored to the octet.",
  override: documentedAs({ type: "string", format: "binary" }),
});

const bodyKinds = {
  "message/rfc822": { schema: rawMessage, example: exampleLetter },
  "application/json": {
    schema: draft.meta({ id: "Draft", description: "A message in its parts, as a person writes it." }),
    example: exampleDraft,
  },
};

const flagList = z
  .string()
  .transform((text) => text.split(","))
  .pipe(z.array(flag).max(100))
  .optional()
  .meta({
    description:
      "Flags to set, with commas between them. What is composed has `\\Draft` and `\\Seen` unless told otherwise.",
    param: { style: "form", explode: false },
    override: documentedAs({ type: "array", items: { type: "string" } }),
  });

const storeQuery = z.strictObject({
  mailbox: mailboxRef
    .optional()
    .describe("Where to store it: an id or a role. Unless told otherwise `inbox`, and `drafts` for what is composed."),
  flags: flagList,
  receivedAt: z.iso
    .datetime({ offset: true })
    .optional()
    .describe("The time of arrival (INTERNALDATE); now unless told otherwise."),
});

/** Messages are taken in as they are; their bodies are not read before somebody wants them. */
export function takeRawMessages(app: Scoped): void {
  app.removeContentTypeParser("text/plain");
  app.addContentTypeParser("message/rfc822", (_, octets, done) => done(null, octets));
}

export function appendRoutes(app: Scoped, { mail, publicUrl }: RestOptions): void {
  app.route({
    method: "POST",
    url: "/accounts/:account/messages",
    schema: {
      operationId: "appendMessage",
      summary: "Store a message",
      description:
        "A whole message as `message/rfc822`, streamed and stored to the octet; or JSON, of which one is composed. Nothing is sent to anybody.",
      tags: ["messages"],
      params: accountParams,
      querystring: storeQuery,
      body: { content: bodyKinds },
      response: { 201: json("The message, stored.", shownMessage, exampleListed, { ...asOf, ...location }) },
      failures: ofStoring,
    },
    handler: async (request, reply) => {
      const { account } = request.params;
      const call = enterUpload(request, reply, account, "write");
      const isRaw = isRawMessage(request);
      if (request.body === undefined) throw new Failure("invalid-request", { detail: "There is no message to store." });
      const wanted = storing(account, request.query, isRaw ? asArrived : asDraft);
      const { message } = isRaw
        ? await mail.appendMessage(wanted, call, request.body as Octets)
        : await mail.composeMessage({ ...wanted, draft: request.body as Draft }, call);
      return created(reply, publicUrl, account, message);
    },
  });
}

/** Where a message goes, and how it is marked, unless the request says otherwise. */
interface Otherwise {
  mailbox: string;
  flags: string[];
}

const asArrived: Otherwise = { mailbox: "inbox", flags: [] };
const asDraft: Otherwise = { mailbox: "drafts", flags: ["\\Draft", "\\Seen"] };

function storing(account: string, { mailbox, flags, receivedAt }: z.infer<typeof storeQuery>, otherwise: Otherwise) {
  return {
    account,
    mailbox: mailbox ?? otherwise.mailbox,
    flags: flags ?? otherwise.flags,
    fields: [...listFields],
    ...(receivedAt !== undefined && { receivedAt }),
  };
}

function isRawMessage({ headers }: FastifyRequest): boolean {
  return /^\s*message\/rfc822\s*(;|$)/i.test(headers["content-type"] ?? "");
}

function created<T extends { id: string }>(
  reply: FastifyReply,
  publicUrl: string | undefined,
  account: string,
  message: T,
): FastifyReply {
  const path = publicPath(publicUrl, `/v1/accounts/${account}/messages/${message.id}`);
  return reply.code(201).header("location", path).send(message);
}
