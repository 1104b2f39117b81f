import * as z from "zod";
import type { JobRecord } from "./store.ts";

const job = z.object({
  id: z.string(),
  version: z.number(),
  actor: z.string(),
  work: z.string(),
  state: z.enum(["running", "done", "cancelled", "failed"]),
  total: z.number(),
  done: z.number(),
  parts: z.number(),
  nextPart: z.number(),
  begun: z.boolean(),
  cancelRequested: z.boolean(),
  failure: z.string().nullable(),
  createdAt: z.number(),
  updatedAt: z.number(),
  owner: z.string().nullable(),
  leaseUntil: z.number(),
});

export const writeJob = (record: JobRecord): string => JSON.stringify(job.parse(record));
export const readJob = (text: string): JobRecord => job.parse(JSON.parse(text));

/** How long a job is kept after it was last heard of. */
export const JOB_KEPT_MS = 7 * 86_400_000;
