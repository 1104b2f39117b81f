import { type ChangeResult, Failure, flagChange, mailboxRef, type Message, message } from "@postern/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import * as z from "zod";
import { publicPath } from "../http/addresses.ts";
import { strongEtagsIn } from "./etags.ts";
import { exampleListed } from "./examples.ts";
import { ofChange } from "./problem-responses.ts";
import { asOf, json, location, nothing, strongEtag } from "./responses.ts";
import { enterAccount, messageParams, type RestOptions, type Scoped } from "./routes.ts";
import { documentedAs } from "./schema.ts";

/** What is told of a message that was changed: nothing that a token that may not read must not see. */
export const changedMessage = message
  .pick({ id: true, mailboxId: true, flags: true, modseq: true, etag: true })
  .partial()
  .required({ id: true })
  .meta({ id: "ChangedMessage", description: "What is known of a message once it was changed." });

const STATE = ["id" as const, "mailboxId" as const, "flags" as const, "modseq" as const, "etag" as const];
const { id, mailboxId, flags, modseq, etag } = exampleListed;
export const exampleChanged = { id, mailboxId, flags, modseq, etag };

export const ifMatch = z
  .string()
  .optional()
  .describe("The `ETag` that the message must have for this to be done; `*`: any. Else 412, with `current`.");
const conditions = z.object({ "If-Match": ifMatch });

const patchBody = z
  .strictObject({
    flags: flagChange.optional().describe("Flags to add and remove, or to set."),
    mailbox: mailboxRef.optional().describe("Where the message is to be: a mailbox id or a role."),
  })
  .refine((body) => body.flags || body.mailbox, { message: "give flags, mailbox, or both" });

const permanently = z.strictObject({
  permanent: z
    .enum(["true", "false"])
    .default("false")
    .transform((text) => text === "true")
    .meta({
      description: "For good, and not to Trash. What is in Trash is always deleted for good.",
      override: documentedAs({ type: "boolean", default: false }),
    }),
});

/** The one result, or the failure that it is. */
export function only(results: readonly ChangeResult[]): Message | null {
  const [result] = results;
  if (!result) throw new Failure("internal", { cause: new Error("a change without a result") });
  if (!result.ok) throw Failure.fromJSON(result.failure);
  return result.message;
}

export function messageChangeRoutes(app: Scoped, { mail, publicUrl }: RestOptions): void {
  /** As any read shows it from now on. */
  const shown = async (request: FastifyRequest, reply: FastifyReply, account: string, id: string): Promise<Message> => {
    const call = enterAccount(request, reply, account, "write");
    try {
      const { results } = await mail.getMessages({ account, ids: [id], fields: STATE }, call);
      const [result] = results;
      if (!result) throw new Failure("message-gone");
      if ("failure" in result) throw Failure.fromJSON(result.failure);
      void reply.header("etag", result.message.etag);
      return result.message;
    } catch (error) {
      throw Failure.from(error).withOutcome("done");
    }
  };

  app.route({
    method: "PATCH",
    url: "/accounts/:account/messages/:message",
    schema: {
      operationId: "updateMessage",
      summary: "Change flags, or move",
      description:
        "The id stays the same when the message moves. With `flags` and `mailbox` flags come first. Needs `write`.",
      tags: ["messages"],
      params: messageParams,
      fields: conditions,
      body: patchBody,
      example: { flags: { add: ["\\Seen"], remove: ["\\Flagged"] } },
      response: {
        200: json("The message as it is now.", changedMessage, exampleChanged, { ...strongEtag, ...asOf }),
      },
      failures: ofChange,
    },
    handler: async (request, reply) => {
      const { account, message: id } = request.params;
      const call = enterAccount(request, reply, account, "write");
      const { flags, mailbox } = request.body;
      const target = { id, ...ifMatchOf(request) };
      if (flags && mailbox !== undefined) await mail.getMailbox({ account, mailbox }, call);
      if (flags) only((await mail.changeFlags({ account, messages: [target], flags }, call)).results);
      if (mailbox !== undefined) {
        const messages = [flags ? { id } : target];
        const { results } = await mail.moveMessages({ account, messages, mailbox }, call);
        if (flags) afterFlags(results);
        else only(results);
      }
      return shown(request, reply, account, id);
    },
  });

  app.route({
    method: "DELETE",
    url: "/accounts/:account/messages/:message",
    schema: {
      operationId: "deleteMessage",
      summary: "Delete a message",
      description:
        "Moves it to Trash, which is made if it is missing; what is in Trash is deleted for good. Needs `write`.",
      tags: ["messages"],
      params: messageParams,
      querystring: permanently,
      fields: conditions,
      response: { 204: nothing("Deleted.", asOf) },
      failures: ofChange,
    },
    handler: async (request, reply) => {
      const { account, message: id } = request.params;
      const call = enterAccount(request, reply, account, "write");
      const messages = [{ id, ...ifMatchOf(request) }];
      only((await mail.deleteMessages({ account, messages, permanent: request.query.permanent }, call)).results);
      return reply.code(204).send(null);
    },
  });

  app.route({
    method: "POST",
    url: "/accounts/:account/messages/:message/copy",
    schema: {
      operationId: "copyMessage",
      summary: "Copy a message",
      description: "The copy is another message with an id of its own. Needs `write`.",
      tags: ["messages"],
      params: messageParams,
      fields: conditions,
      body: z.strictObject({ mailbox: mailboxRef.describe("Where to: a mailbox id or a role.") }),
      example: { mailbox: "archive" },
      response: { 201: json("The copy.", changedMessage, exampleChanged, { ...strongEtag, ...location, ...asOf }) },
      failures: ofChange,
    },
    handler: async (request, reply) => {
      const { account, message: id } = request.params;
      const call = enterAccount(request, reply, account, "write");
      const messages = [{ id, ...ifMatchOf(request) }];
      const copy = only((await mail.copyMessages({ account, messages, mailbox: request.body.mailbox }, call)).results);
      const made = await shown(request, reply, account, copy?.id ?? "");
      return reply
        .code(201)
        .header("location", publicPath(publicUrl, `/v1/accounts/${account}/messages/${made.id}`))
        .send(made);
    },
  });
}

function ifMatchOf(request: FastifyRequest): { ifMatch?: string[] } {
  const etags = strongEtagsIn(request.headers["if-match"]);
  return etags === null ? {} : { ifMatch: etags };
}

/** The flags were changed by then. */
function afterFlags(results: readonly ChangeResult[]): void {
  const [result] = results;
  if (!result || result.ok) return;
  const failure = Failure.fromJSON(result.failure);
  throw new Failure("partly-done", {
    detail: `The flags were changed, and the message was not moved. ${failure.detail ?? failure.title}`,
    ...(failure.upstream && { upstream: failure.upstream }),
    outcome: "unknown",
  });
}
