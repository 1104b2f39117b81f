import { Failure, importedItem, type ImportResult, MOST_AT_ONCE } from "@postern/protocol";
import * as z from "zod";
import { exampleUpload } from "./examples.ts";
import { exampleChanged } from "./message-changes.ts";
import { type Problem, problemOf } from "./problem.ts";
import { ofStoring, problem } from "./problem-responses.ts";
import { asOf, json } from "./responses.ts";
import { accountParams, enterUpload, type RestOptions, type Scoped } from "./routes.ts";

const importBody = z.strictObject({
  items: z.array(importedItem).min(1).max(MOST_AT_ONCE).describe("The messages, each of which was uploaded before."),
});

const upload = z.string().describe("The id of the upload.");
const imported = z.object({
  id: z.string().describe("The message's id."),
  mailboxId: z.string().describe("The mailbox that it is in."),
});
const result = z
  .union([
    z.object({
      upload,
      ok: z.literal(true).describe("It was stored."),
      message: imported.describe("The message, as it is now."),
    }),
    z.object({
      upload,
      ok: z.literal(false).describe("It was not, or may not be."),
      problem: problem.describe("Why not."),
    }),
  ])
  .meta({ id: "ImportResult", description: "What became of one message that was to be stored." });
const results = z.object({ results: z.array(result).describe("One for each of `items`, in their order.") });

const { id, mailboxId = "" } = exampleChanged;
const example = { results: [{ upload: exampleUpload.id, ok: true as const, message: { id, mailboxId } }] };

type Shown = Extract<ImportResult, { ok: true }> | { upload: string; ok: false; problem: Problem };

export function importRoutes(app: Scoped, { mail }: RestOptions): void {
  app.route({
    method: "POST",
    url: "/accounts/:account/messages/import",
    schema: {
      operationId: "importMessages",
      summary: "Store many messages",
      description:
        "Whole messages that were uploaded, stored to the octet, in as few commands as the mail server takes (MULTIAPPEND). Each has a result of its own. Needs `write`.",
      tags: ["messages"],
      params: accountParams,
      body: importBody,
      example: { items: [{ upload: exampleUpload.id, mailbox: "archive", flags: ["\\Seen"] }] },
      response: { 200: json("What became of each.", results, example, asOf) },
      failures: ofStoring,
    },
    handler: async (request, reply) => {
      const { account } = request.params;
      const call = enterUpload(request, reply, account, "write");
      const answer = await mail.importMessages({ account, items: request.body.items }, call);
      return { results: answer.results.map((each) => resultOf(account, each)) };
    },
  });
}

function resultOf(account: string, result: ImportResult): Shown {
  if (result.ok) return result;
  const { upload: id, failure } = result;
  const path = `/v1/accounts/${account}/uploads/${encodeURIComponent(id)}`;
  return { upload: id, ok: false, problem: problemOf(Failure.fromJSON(failure), path) };
}
