import { Failure, type Scope, unpackJobId } from "@postern/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import * as z from "zod";
import { canSee } from "../access/index.ts";
import { exampleJob, jobOf, shownJob } from "./batch.ts";
import { ofMail } from "./problem-responses.ts";
import { json } from "./responses.ts";
import { enterAccount, identityOf, type RestOptions, type Scoped } from "./routes.ts";

const jobParams = z.object({ job: z.string().max(200).describe("The job's id.") });

export function jobRoutes(app: Scoped, { mail, store }: RestOptions): void {
  /** The account whose job it is: its id tells, as those of messages do. */
  const enterJob = async (request: FastifyRequest, reply: FastifyReply, job: string, ...scopes: Scope[]) => {
    const key = unpackJobId(job)?.accountKey;
    const account = key === undefined ? null : await store.accounts.idOfKey(key);
    if (account === null || !canSee(identityOf(request), account))
      throw new Failure("not-found", { detail: "There is no such job." });
    return { input: { account, job }, call: enterAccount(request, reply, account, ...scopes) };
  };

  app.route({
    method: "GET",
    url: "/jobs/:job",
    schema: {
      operationId: "getJob",
      summary: "Get a job",
      description: "How far it has come, with the results so far. Needs `read` or `write`.",
      tags: ["jobs"],
      params: jobParams,
      response: { 200: json("The job.", shownJob, exampleJob) },
      failures: ofMail,
    },
    handler: async (request, reply) => {
      const { input, call } = await enterJob(request, reply, request.params.job, "read", "write");
      return jobOf(await mail.getJob(input, call));
    },
  });

  app.route({
    method: "DELETE",
    url: "/jobs/:job",
    schema: {
      operationId: "cancelJob",
      summary: "Cancel a job",
      description:
        "It ends before its next part; what is done stays done. One that has ended stays as it is. Needs `write`.",
      tags: ["jobs"],
      params: jobParams,
      response: { 200: json("The job.", shownJob, { ...exampleJob, state: "cancelled" }) },
      failures: ofMail,
    },
    handler: async (request, reply) => {
      const { input, call } = await enterJob(request, reply, request.params.job, "write");
      return jobOf(await mail.cancelJob(input, call));
    },
  });
}
