import type { Input, Job } from "@postern/protocol";
import type { Core } from "./core.ts";
import { accountRef } from "./open-mailbox.ts";

/** Ends a job before its next part. */
export async function cancelJob(core: Core, input: Input<"cancelJob">): Promise<Job> {
  return core.jobs.cancel(await accountRef(core, input.account), input.job);
}
