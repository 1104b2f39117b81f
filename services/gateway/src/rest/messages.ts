import {
  detailFields,
  Failure,
  type ListMessagesInput,
  listFields,
  mailboxRef,
  type Message,
  type MessageField,
  message,
  messageField,
  messageFilter,
  messageSort,
  MessagePage,
  type RemoteImages,
  TextMemory,
} from "@postern/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import * as z from "zod";
import { maxStaleIn } from "./cache-control.ts";
import { fieldsForHtml, htmlShower } from "../http/shown-html.ts";
import { etagsIn } from "./etags.ts";
import { fieldList, filterIn, listQuery, remoteImages, withId } from "./message-queries.ts";
import { exampleListed, exampleMessage, examplePage } from "./examples.ts";
import { state } from "./changes.ts";
import { sendPage } from "./pages.ts";
import { problemOf } from "./problem.ts";
import { ofMail, problem } from "./problem-responses.ts";
import { asOf, json, link, listAnswer, messageAnswer, nothing, shownAnswer, shownListAnswer } from "./responses.ts";
import {
  accountParams,
  enterAccount,
  identityOf,
  ifNoneMatch,
  maxStale,
  linkTo,
  messageParams,
  nextCursor,
  type RestOptions,
  type Scoped,
} from "./routes.ts";

export const shownMessage = message.omit({ markedHtml: true }).meta({
  id: "Message",
  description: "A message. Fields that were not asked for are absent; values that do not exist are null.",
});
const page = z.object({
  items: z.array(shownMessage),
  nextCursor,
  total: z.int().nullable().describe("Of all pages; null where counting would cost more than the page."),
  state,
});
const inPlace = z.object({ id: z.string(), problem }).describe("Stands for a message that cannot be given.");
const many = z.object({ items: z.array(z.union([shownMessage, inPlace])) });
const fields = z.object({ "If-None-Match": ifNoneMatch });
const listHeader = z.object({ "If-None-Match": ifNoneMatch, "Cache-Control": maxStale });
const notModified = nothing("Nothing has changed.", listAnswer);
const listFailures = [...ofMail, "cursor-mismatch" as const, "cursor-expired" as const, "query-too-costly" as const];

const searchBody = z.strictObject({
  filter: messageFilter.optional(),
  mailbox: mailboxRef.optional(),
  sort: messageSort.optional(),
  limit: z.int().min(1).max(200).default(50),
  cursor: z.string().max(8192).optional(),
  fields: z.array(messageField).min(1).optional(),
  remoteImages,
});

const getBody = z.strictObject({
  ids: z.array(z.string().max(200)).min(1).max(1_000),
  fields: z.array(messageField).min(1).optional(),
  remoteImages,
});

interface Showing {
  fields?: readonly MessageField[] | undefined;
  remoteImages: RemoteImages;
}

export function messageRoutes(app: Scoped, { mail, access, publicUrl }: RestOptions): void {
  const list = async (
    request: FastifyRequest,
    reply: FastifyReply,
    input: ListMessagesInput,
    { fields = listFields, remoteImages: remote }: Showing,
  ) => {
    const call = enterAccount(request, reply, input.account, "read");
    const answer = await mail.listMessages(input, call);
    void reply
      .header("etag", `W/"${answer.etag}"`)
      .header("cache-control", "private, no-cache")
      .header("vary", "authorization");
    if (answer.notModified) return reply.code(304).send();
    const { nextCursor } = answer;
    if (request.method === "GET" && nextCursor !== null) void reply.header("link", nextLink(request, nextCursor));
    if (!isShown(fields, remote)) return sendPage(reply, answer, call);
    const show = htmlShower(access, publicUrl, request, identityOf(request));
    const shown = answer.items.map((item) => ({ item, ...show(input.account, item, remote) }));
    if (shown.some(({ expires }) => expires)) void reply.header("cache-control", "no-store");
    const items = shown.map(({ item, html }) => shownWith(item, fields, html));
    return sendPage(reply, MessagePage.of(answer.head, items), call);
  };
  const links = new TextMemory<string>();
  const nextLink = (request: FastifyRequest, cursor: string): string =>
    links.recall(
      `${request.protocol}://${request.host}${request.originalUrl} ${cursor}`,
      () => `<${linkTo(request, publicUrl, { cursor })}>; rel="next"`,
    );
  const inputs = new TextMemory<ListMessagesInput>();

  app.route({
    method: "GET",
    url: "/accounts/:account/messages",
    schema: {
      operationId: "listMessages",
      summary: "List messages",
      description: "Newest arrival first unless `sort` says otherwise. Several filter keys must all hold.",
      tags: ["messages"],
      params: accountParams,
      querystring: listQuery,
      fields: listHeader,
      response: {
        200: json("A page of messages.", page, examplePage, { ...shownListAnswer, ...link }),
        304: notModified,
      },
      failures: listFailures,
    },
    handler: (request, reply) => {
      const input = inputs.recall(textOfAsking(request), () => {
        const { mailbox, limit, cursor, sort, fields } = request.query;
        const filter = filterIn(request.query);
        const { account } = request.params;
        const wanted = inList(fields ?? listFields, request.query.remoteImages);
        return conditional(request, { account, mailbox, filter, sort, limit, cursor, fields: wanted });
      });
      return list(request, reply, input, request.query);
    },
  });

  const searchSchema = {
    tags: ["messages"],
    params: accountParams,
    body: searchBody,
    example: { mailbox: "inbox", filter: { or: [{ from: "grace@example.com" }, { subject: "lunch" }] }, limit: 10 },
    fields: listHeader,
    response: { 200: json("A page of messages.", page, examplePage, shownListAnswer), 304: notModified },
    failures: listFailures,
  };

  const search = async (request: FastifyRequest, reply: FastifyReply) => {
    const { account } = request.params as z.infer<typeof accountParams>;
    const { fields, remoteImages: remote, ...body } = request.body as z.infer<typeof searchBody>;
    const question = { account, ...body, fields: inList(fields ?? listFields, remote) };
    return list(request, reply, conditional(request, question), { fields, remoteImages: remote });
  };

  app.route({
    method: "POST",
    url: "/accounts/:account/messages/search",
    schema: {
      ...searchSchema,
      operationId: "searchMessages",
      summary: "Search messages",
      description:
        "As the list, with a filter in which `and`, `or` and `not` nest. The same body may be sent with QUERY (RFC 10008) to `/accounts/{account}/messages`.",
    },
    handler: search,
  });
  app.route({
    method: "QUERY",
    url: "/accounts/:account/messages",
    schema: searchSchema,
    handler: search,
  });

  app.route({
    method: "POST",
    url: "/accounts/:account/messages/get",
    schema: {
      operationId: "getMessages",
      summary: "Get many messages",
      description: "In the order asked; a problem stands in the place of what is gone.",
      tags: ["messages"],
      params: accountParams,
      body: getBody,
      example: { ids: [exampleMessage.id], fields: ["subject", "text"] },
      response: { 200: json("The messages.", many, { items: [exampleListed] }, asOf) },
      failures: ofMail,
    },
    handler: async (request, reply) => {
      const call = enterAccount(request, reply, request.params.account, "read");
      const { ids, fields, remoteImages: remote } = request.body;
      const { account } = request.params;
      const { results } = await mail.getMessages({ account, ids, fields: asked(fields, remote) }, call);
      const show = htmlShower(access, publicUrl, request, identityOf(request));
      const items = results.map((result, index) =>
        "message" in result
          ? shownWith(result.message, fields, show(account, result.message, remote).html)
          : {
              id: ids[index] ?? "",
              problem: problemOf(Failure.fromJSON(result.failure), pathOf(request.params.account, ids[index] ?? "")),
            },
      );
      return { items };
    },
  });

  app.route({
    method: "GET",
    url: "/accounts/:account/messages/:message",
    schema: {
      operationId: "getMessage",
      summary: "Get a message",
      description:
        "With its text, sanitized HTML and headers unless `fields` says otherwise. Nothing that reads ever sets a flag.",
      tags: ["messages"],
      params: messageParams,
      querystring: z.strictObject({ fields: fieldList, remoteImages }),
      fields,
      response: {
        200: json("The message.", shownMessage, exampleMessage, shownAnswer),
        304: nothing("Nothing has changed.", messageAnswer),
      },
      failures: [...ofMail, "message-gone"],
    },
    handler: async (request, reply) => {
      const { account, message: id } = request.params;
      const call = enterAccount(request, reply, account, "read");
      const { fields, remoteImages: remote } = request.query;
      const held = etagsIn(request.headers["if-none-match"]);
      if (held.length > 0) {
        const { etag = "" } = await one(
          id,
          await mail.getMessages({ account, ids: [id], fields: ["id", "etag"] }, call),
        );
        if (held.includes("*") || held.includes(etag.slice(1, -1)))
          return describeMessage(reply, etag).code(304).send(null);
      }
      const found = await one(
        id,
        await mail.getMessages(
          { account, ids: [id], fields: [...new Set([...asked(fields, remote), "etag" as const])] },
          call,
        ),
      );
      const { html, expires } = htmlShower(access, publicUrl, request, identityOf(request))(account, found, remote);
      void describeMessage(reply, found.etag);
      if (expires) void reply.header("cache-control", "no-store");
      return shownWith(found, fields, html);
    },
  });
}

/** Whether HTML of a list is shown as asked, and not as it is. */
export function isShown(fields: readonly MessageField[], remote: RemoteImages): boolean {
  return remote !== "block" && fields.includes("html");
}

/** What the core is asked for, for these fields of a list. */
export function inList(fields: readonly MessageField[], remote: RemoteImages): MessageField[] {
  return isShown(fields, remote) ? asked([...fields], remote) : withId(fields);
}

/** What the core is asked for, for these fields; without any, for all that is usual, and whether it is whole. */
function asked(given: MessageField[] | undefined, remote: RemoteImages): MessageField[] {
  const fields = given ? withId(given) : [...detailFields, "truncated" as const];
  if (!fields.includes("html")) return fields;
  return [...new Set([...fields.filter((field) => field !== "html"), ...fieldsForHtml(remote)])];
}

/** Just the fields that were asked for, with the HTML as it is shown. What is not whole says so unasked. */
export function shownWith(found: Message, given: readonly MessageField[] | undefined, html: string | null): Message {
  const { etag, attachments, markedHtml: _, truncated = [], ...rest } = found;
  const fields = given ?? detailFields;
  return {
    ...rest,
    ...(fields.includes("attachments") && { attachments }),
    ...(fields.includes("etag") && { etag }),
    ...(fields.includes("html") && { html }),
    ...((fields.includes("truncated") || (!given && truncated.length > 0)) && { truncated }),
  };
}

/** All of a request without a body that decides what is asked by it. */
function textOfAsking({ url, headers }: FastifyRequest): string {
  return `${url}\n${headers["if-none-match"] ?? ""}\n${headers["cache-control"] ?? ""}`;
}

function conditional({ headers }: FastifyRequest, question: ListMessagesInput): ListMessagesInput {
  const ifNoneMatch = etagsIn(headers["if-none-match"]);
  const maxStaleMs = maxStaleIn(headers["cache-control"]);
  return {
    ...question,
    ...(ifNoneMatch.length > 0 && { ifNoneMatch }),
    ...(maxStaleMs !== undefined && { maxStaleMs }),
  };
}

/** The same for the message and for 304 (RFC 9110 section 15.4.5). */
function describeMessage(reply: FastifyReply, etag: string | undefined): FastifyReply {
  return reply.header("etag", etag).header("cache-control", "private, no-cache").header("vary", "authorization");
}

async function one(id: string, { results }: Awaited<ReturnType<RestOptions["mail"]["getMessages"]>>): Promise<Message> {
  const [result] = results;
  if (!result) throw new Failure("not-found", { detail: `There is no message ${id}.` });
  if ("failure" in result) throw Failure.fromJSON(result.failure);
  return result.message;
}

function pathOf(account: string, message: string): string {
  return `/v1/accounts/${account}/messages/${encodeURIComponent(message)}`;
}
