import { listFields, thread } from "@postern/protocol";
import * as z from "zod";
import { exampleListed, exampleThreadId } from "./examples.ts";
import { htmlShower } from "../http/shown-html.ts";
import { fieldList, remoteImages } from "./message-queries.ts";
import { inList, isShown, shownMessage, shownWith } from "./messages.ts";
import { ofMail } from "./problem-responses.ts";
import { asOf, json } from "./responses.ts";
import { accountParams, enterAccount, identityOf, limit, type RestOptions, type Scoped } from "./routes.ts";

const threadParams = accountParams.extend({ thread: z.string().max(200).describe("The thread's id.") });
const query = z.strictObject({
  fields: fieldList,
  remoteImages,
  limit,
  cursor: z.string().max(200).optional().describe("`nextCursor` of the page before."),
});
const shown = thread
  .extend({
    total: z.int().describe("How many messages it has."),
    messages: z.array(shownMessage).describe("Oldest arrival first, over all mailboxes."),
  })
  .meta({ id: "Thread", description: "A conversation over all mailboxes." });

export function threadRoutes(app: Scoped, { mail, access, publicUrl }: RestOptions): void {
  app.route({
    method: "GET",
    url: "/accounts/:account/threads/:thread",
    schema: {
      operationId: "getThread",
      summary: "Get a thread",
      description:
        "Its messages over all mailboxes, Sent included, oldest arrival first, with the fields of a list unless `fields` says otherwise.",
      tags: ["messages"],
      params: threadParams,
      querystring: query,
      response: {
        200: json(
          "The thread, with a page of its messages.",
          shown,
          {
            id: exampleThreadId,
            threadIds: [exampleThreadId],
            messages: [exampleListed],
            nextCursor: null,
            total: 1,
            complete: true,
          },
          asOf,
        ),
      },
      failures: [...ofMail, "cursor-mismatch", "query-too-costly"],
    },
    handler: async (request, reply) => {
      const { account, thread: id } = request.params;
      const call = enterAccount(request, reply, account, "read");
      const { fields = listFields, remoteImages: remote, limit, cursor } = request.query;
      const wanted = inList(fields, remote);
      const input = { account, thread: id, fields: wanted, limit, ...(cursor !== undefined && { cursor }) };
      const { messages: found, ...thread } = await mail.getThread(input, call);
      const { threadIds, nextCursor, total, complete } = thread;
      const show = htmlShower(access, publicUrl, request, identityOf(request));
      const messages = isShown(fields, remote)
        ? found.map((message) => shownWith(message, fields, show(account, message, remote).html))
        : found;
      return { id, threadIds, messages, nextCursor, total: total ?? messages.length, complete };
    },
  });
}
