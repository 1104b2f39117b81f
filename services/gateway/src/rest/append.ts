import {
  type Call,
  type Draft,
  draft,
  Failure,
  flag,
  type Input,
  listFields,
  mailboxRef,
  type Message,
  type Octets,
} from "@postern/protocol";
import type { FastifyRequest } from "fastify";
import * as z from "zod";
import { publicPath } from "../http/addresses.ts";
import { strongEtagsIn } from "./etags.ts";
import { exampleDraft, exampleLetter, exampleListed } from "./examples.ts";
import { shownMessage } from "./messages.ts";
import { ofStoring } from "./problem-responses.ts";
import { asOf, json, location, messageAnswer } from "./responses.ts";
import { accountParams, enterUpload, ifMatch, messageParams, type RestOptions, type Scoped } from "./routes.ts";
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
      const { mailbox, flags, receivedAt } = request.query;
      const otherwise = isRawMessage(request) ? asArrived : asDraft;
      const message = await store(request, call, {
        account,
        where: { mailbox: mailbox ?? otherwise.mailbox },
        flags: flags ?? otherwise.flags,
        receivedAt,
      });
      const path = publicPath(publicUrl, `/v1/accounts/${account}/messages/${message.id}`);
      void reply.code(201).header("location", path);
      return message;
    },
  });

  app.route({
    method: "PUT",
    url: "/accounts/:account/messages/:message",
    schema: {
      operationId: "replaceMessage",
      summary: "Replace a draft",
      description:
        "By a whole message or by one that is composed, as when one is stored. It keeps its id, its mailbox, and its flags unless told otherwise. Only what has the flag `\\Draft` can be replaced.",
      tags: ["messages"],
      params: messageParams,
      querystring: storeQuery.omit({ mailbox: true }),
      fields: z.object({ "If-Match": ifMatch }),
      body: { content: bodyKinds },
      response: { 200: json("The message as it is now.", shownMessage, exampleListed, messageAnswer) },
      failures: [...ofStoring, "precondition-failed", "expunge-withheld", "not-possible", "partly-done"],
    },
    handler: async (request, reply) => {
      const { account, message: replaces } = request.params;
      const call = enterUpload(request, reply, account, "write");
      const ifMatch = strongEtagsIn(request.headers["if-match"]);
      const where = { replaces, ...(ifMatch && { ifMatch }) };
      const message = await store(request, call, { account, where, ...request.query });
      void reply
        .header("etag", message.etag)
        .header("cache-control", "private, no-cache")
        .header("vary", "authorization");
      return message;
    },
  });

  async function store(request: FastifyRequest, call: Call, { flags, receivedAt, ...rest }: Storing): Promise<Message> {
    if (request.body === undefined) throw new Failure("invalid-request", { detail: "There is no message to store." });
    const wanted = {
      ...rest,
      fields: [...listFields],
      ...(flags && { flags }),
      ...(receivedAt !== undefined && { receivedAt }),
    };
    const { message } = isRawMessage(request)
      ? await mail.appendMessage(wanted, call, request.body as Octets)
      : await mail.composeMessage({ ...wanted, draft: request.body as Draft }, call);
    return message;
  }
}

interface Storing {
  account: string;
  where: Input<"appendMessage">["where"];
  flags?: string[] | undefined;
  receivedAt?: string | undefined;
}

/** Where a message goes, and how it is marked, unless the request says otherwise. */
interface Otherwise {
  mailbox: string;
  flags: string[];
}

const asArrived: Otherwise = { mailbox: "inbox", flags: [] };
const asDraft: Otherwise = { mailbox: "drafts", flags: ["\\Draft", "\\Seen"] };

function isRawMessage({ headers }: FastifyRequest): boolean {
  return /^\s*message\/rfc822\s*(;|$)/i.test(headers["content-type"] ?? "");
}
