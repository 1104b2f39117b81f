import { mailboxRef, readPosition } from "@postern/protocol";
import * as z from "zod";
import { ofMail } from "./problem-responses.ts";
import { asOf, json, notStored } from "./responses.ts";
import { accountParams, enterAccount, type RestOptions, type Scoped } from "./routes.ts";

export const state = z.string().describe("Where to follow from: see `GET /v1/accounts/{account}/changes`.");

const ids = z.array(z.string());
const changes = z.object({
  created: ids.describe("Messages that came."),
  updated: ids.describe("Messages whose flags or mailbox are others."),
  destroyed: ids.describe("Messages that are gone."),
  newState: z.string().describe("What to ask with the next time."),
  hasMore: z.boolean().describe("There are more changes: ask again at once, with `newState`."),
});
const query = z.strictObject({
  since: z
    .string()
    .max(40)
    .refine((text) => readPosition(text) !== null, "is no state that was ever given")
    .optional()
    .describe("A `state`, `newState` or event's `id`. Absent: no changes, and the state to begin with."),
  mailbox: mailboxRef
    .optional()
    .describe("Only this mailbox: what was moved in is created, what was moved out destroyed."),
  limit: z.coerce.number().int().min(1).max(5_000).default(500).describe("How many ids the answer has at most."),
});

export function changeRoutes(app: Scoped, { mail }: RestOptions): void {
  app.route({
    method: "GET",
    url: "/accounts/:account/changes",
    schema: {
      operationId: "getChanges",
      summary: "Get what has changed",
      description:
        "Each message once, by what has become of it since then. All that the mail server had acknowledged before the request is in it. At least 100,000 changes are kept; when `since` is older, the answer is 410 `state-expired`: list again, and follow from the list's `state`.",
      tags: ["events"],
      params: accountParams,
      querystring: query,
      response: {
        200: json(
          "What has changed.",
          changes,
          {
            created: ["msg_AbOgDuoE2QAAAAFmWVEeAAAAKgzS9w"],
            updated: [],
            destroyed: [],
            newState: "3-43",
            hasMore: false,
          },
          { ...asOf, ...notStored },
        ),
      },
      failures: [...ofMail, "state-expired"],
    },
    handler: async (request, reply) => {
      const { account } = request.params;
      const call = enterAccount(request, reply, account, "read");
      const { mailbox, since, limit } = request.query;
      const wanted = mailbox === undefined ? {} : { mailbox: (await mail.getMailbox({ account, mailbox }, call)).id };
      void reply.header("cache-control", "no-store");
      return mail.getChanges({ account, limit, ...wanted, ...(since !== undefined && { since }) }, call);
    },
  });
}
