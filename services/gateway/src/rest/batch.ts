import {
  type ChangePreview,
  changeAction,
  type ChangeResult,
  Failure,
  type Job,
  jobState,
  mailboxRef,
  type Message,
  messageFilter,
  MOST_IN_JOB,
} from "@postern/protocol";
import type { FastifyReply } from "fastify";
import * as z from "zod";
import { publicPath } from "../http/addresses.ts";
import { changedMessage, exampleChanged } from "./message-changes.ts";
import { strongEtagsIn } from "./etags.ts";
import { exampleAccount } from "./examples.ts";
import { type Problem, problemOf } from "./problem.ts";
import { ofChange, problem } from "./problem-responses.ts";
import { asOf, json, location } from "./responses.ts";
import { accountParams, enterAccount, type RestOptions, type Scoped } from "./routes.ts";

const id = z.string().min(1).max(200);
const batchBody = z
  .strictObject({
    ids: z.array(id).min(1).max(MOST_IN_JOB).optional().describe("Which messages. More than 1,000 are a job."),
    ifMatch: z
      .array(z.string().max(1_000))
      .optional()
      .describe("The etag that each of `ids` must have, in the same order; `*`: any."),
    filter: messageFilter.optional().describe("Or those that match now, newest first."),
    mailbox: mailboxRef.optional().describe("Where they must match; absent: in all mailboxes."),
    action: changeAction.describe("What is done with each of them."),
    dryRun: z.boolean().optional().describe("Change nothing: tell how many it would be, and show some."),
  })
  .refine(({ ids, filter, mailbox }) => (ids ? !filter && !mailbox : Boolean(filter ?? mailbox)), {
    message: "give either ids, or filter, mailbox or both",
  })
  .refine(({ ids, ifMatch }) => !ifMatch || ifMatch.length === ids?.length, {
    path: ["ifMatch"],
    message: "goes with ids, one for each",
  });

const askedFor = z.string().describe("The id that was asked for.");
const result = z
  .union([
    z.object({
      id: askedFor,
      ok: z.literal(true).describe("It was done."),
      message: changedMessage.nullable().describe("As it is now, or its copy; null where it is gone."),
    }),
    z.object({
      id: askedFor,
      ok: z.literal(false).describe("It was not done."),
      problem: problem.describe("Why not."),
    }),
  ])
  .meta({ id: "ChangeResult", description: "What became of one message of many." });
const exampleResult = { id: exampleChanged.id, ok: true as const, message: exampleChanged };

const results = z.object({ results: z.array(result).describe("One for each message, in their order.") });
const preview = z.object({
  count: z.int().describe("How many messages would be changed."),
  sample: z
    .array(
      z.object({
        id: z.string().describe("The message's id."),
        mailboxId: z.string().describe("The mailbox that it is in."),
      }),
    )
    .describe("At most ten of them."),
});

export const shownJob = z
  .object({
    id: z.string().describe("For `/jobs/{job}`."),
    account: z.string().describe("The account's id."),
    state: jobState.describe("`failed`: the rest could not be done; see `problem`."),
    done: z.int().describe("How many messages have a result."),
    total: z.int().describe("How many messages there are."),
    results: z.array(result).describe("Of those that are done, in the order asked."),
    problem: problem.nullable().describe("Why it failed."),
    createdAt: z.iso.datetime().describe("When it began."),
  })
  .meta({ id: "Job", description: "Work that goes on when its caller has gone. Kept for seven days." });
const takenOn = z.object({ job: shownJob.describe("What does it.") });

export const exampleJob = {
  id: "job_AQAAAAAAKnxvYi1pZC0xc3Bm",
  account: exampleAccount.id,
  state: "running" as const,
  done: 300,
  total: 4_100,
  results: [exampleResult],
  problem: null,
  createdAt: "2026-03-02T09:30:00.000Z",
};

type ShownResult = { id: string; ok: true; message: Message | null } | { id: string; ok: false; problem: Problem };

function resultOf(account: string, result: ChangeResult): ShownResult {
  if (result.ok) return result;
  const path = `/v1/accounts/${account}/messages/${encodeURIComponent(result.id)}`;
  return { id: result.id, ok: false, problem: problemOf(Failure.fromJSON(result.failure), path) };
}

export function jobOf({ failure, results, ...job }: Job) {
  return {
    ...job,
    results: results.map((result) => resultOf(job.account, result)),
    problem: failure && problemOf(Failure.fromJSON(failure), `/v1/jobs/${job.id}`),
  };
}

export function batchRoutes(app: Scoped, { mail, publicUrl }: RestOptions): void {
  const takeOn = (reply: FastifyReply, job: Job): FastifyReply =>
    reply
      .code(202)
      .header("location", publicPath(publicUrl, `/v1/jobs/${job.id}`))
      .send({ job: jobOf(job) });

  app.route({
    method: "POST",
    url: "/accounts/:account/messages/batch",
    schema: {
      operationId: "batchMessages",
      summary: "Change many messages",
      description:
        "By `ids` or by `filter`, over mailboxes. Each message has a result of its own; more than 1,000 are changed by a job. Needs `write`, and `read` with `filter`, `mailbox` or `dryRun`.",
      tags: ["messages"],
      params: accountParams,
      body: batchBody,
      example: { ids: [exampleChanged.id], action: { flags: { add: ["\\Seen"] } } },
      response: {
        200: json(
          "The results, or with `dryRun` what would be changed.",
          z.union([results, preview]),
          {
            results: [exampleResult],
          },
          asOf,
        ),
        202: json("A job does it.", takenOn, { job: exampleJob }, { ...location, ...asOf }),
      },
      failures: [...ofChange, "query-too-costly", "cursor-expired"],
    },
    handler: async (request, reply) => {
      const { account } = request.params;
      const call = enterAccount(request, reply, account, "write");
      const { ids, ifMatch, filter, mailbox, action, dryRun = false } = request.body;
      if (!ids || dryRun) enterAccount(request, reply, account, "read");
      const messages = ids?.map((id, at) => ({ id, ...conditionOf(ifMatch?.[at]) }));
      const answer = await mail.batchMessages({ account, messages, filter, mailbox, action, dryRun }, call);
      if ("job" in answer) return takeOn(reply, answer.job);
      if ("preview" in answer) return answer.preview satisfies ChangePreview;
      return { results: answer.results.map((each) => resultOf(account, each)) };
    },
  });

  app.route({
    method: "POST",
    url: "/accounts/:account/mailboxes/:mailbox/empty",
    schema: {
      operationId: "emptyMailbox",
      summary: "Empty Trash or Junk",
      description: "Deletes for good all that is in it now; a job does it where that is much. Needs `write`.",
      tags: ["mailboxes"],
      params: accountParams.extend({ mailbox: mailboxRef }),
      response: {
        200: json("Done.", z.object({ deleted: z.int().describe("How many messages.") }), { deleted: 12 }, asOf),
        202: json("A job does it.", takenOn, { job: exampleJob }, { ...location, ...asOf }),
      },
      failures: [...ofChange, "query-too-costly", "cursor-expired"],
    },
    handler: async (request, reply) => {
      const { account, mailbox } = request.params;
      const answer = await mail.emptyMailbox({ account, mailbox }, enterAccount(request, reply, account, "write"));
      return "job" in answer ? takeOn(reply, answer.job) : answer;
    },
  });
}

/** An etag with its quotes, as the field `etag` has it, or `*`. */
export function conditionOf(etag: string | null | undefined): { ifMatch?: string[] } {
  if (etag === undefined || etag === null) return {};
  return { ifMatch: strongEtagsIn(etag) ?? [] };
}
