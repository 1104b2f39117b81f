import type { Input, Job } from "@postern/protocol";
import type { Core } from "./core.ts";
import { accountRef } from "./open-mailbox.ts";

/** How far a job has come. */
export async function getJob(core: Core, input: Input<"getJob">): Promise<Job> {
  return core.jobs.look(await accountRef(core, input.account), input.job);
}
