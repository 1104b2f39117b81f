import { flag, listFields, mailboxRef, type Octets } from "@postern/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import * as z from "zod";
import { publicPath } from "../http/addresses.ts";
import { exampleLetter, exampleListed } from "./examples.ts";
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

const flagList = z
  .string()
  .transform((text) => text.split(","))
  .pipe(z.array(flag).max(100))
  .optional()
  .meta({
    description: "Flags to set, with commas between them.",
    param: { style: "form", explode: false },
    override: documentedAs({ type: "array", items: { type: "string" } }),
  });

const storeQuery = z.strictObject({
  mailbox: mailboxRef.optional().describe("Where to store it: an id or a role. `inbox` unless told otherwise."),
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
      description: "A whole message, streamed and stored to the octet.",
      tags: ["messages"],
      params: accountParams,
      querystring: storeQuery,
      body: { content: { "message/rfc822": { schema: rawMessage, example: exampleLetter } } },
      response: { 201: json("The message, stored.", shownMessage, exampleListed, { ...asOf, ...location }) },
      failures: ofStoring,
    },
    handler: async (request, reply) => {
      const { account } = request.params;
      const call = enterUpload(request, reply, account, "write");
      const { mailbox = "inbox", flags = [], receivedAt } = request.query;
      const wanted = {
        account,
        mailbox,
        flags,
        fields: [...listFields],
        ...(receivedAt !== undefined && { receivedAt }),
      };
      const { message } = await mail.appendMessage(wanted, call, octetsOf(request));
      return created(reply, publicUrl, account, message);
    },
  });
}

function octetsOf({ body }: FastifyRequest): Octets {
  return body as Octets;
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
