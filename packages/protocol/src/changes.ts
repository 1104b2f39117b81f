import * as z from "zod";
import { accountId } from "./account.ts";
import type { FailureJson } from "./failures.ts";
import { messageFilter } from "./filter.ts";
import { mailboxRef } from "./mailbox.ts";
import { message } from "./message.ts";

/** A system flag that can be set, or a keyword: an atom (RFC 9051 section 9). */
export const flag = z
  .string()
  .min(1)
  .max(200)
  .regex(/^(?:\\(?:Seen|Answered|Flagged|Draft|Deleted)|[!#$&'+-[^-z|}~]+)$/, "is no flag that can be set");
const flags = z.array(flag).max(100);

export const flagChange = z
  .strictObject({
    add: flags.optional().describe("Flags and keywords to add."),
    remove: flags.optional().describe("Flags and keywords to take away."),
    set: flags.optional().describe("All flags and keywords that there are to be. Goes alone."),
  })
  .refine(({ add, remove, set }) => (set ? !add && !remove : (add?.length ?? 0) + (remove?.length ?? 0) > 0), {
    message: "give set, or at least one flag to add or remove",
  })
  .refine(({ add = [], remove = [] }) => !add.some((each) => remove.includes(each)), {
    message: "the same flag cannot be added and removed",
  });
export type FlagChange = z.infer<typeof flagChange>;

/** As HTTP has them, without quotes; `*` matches whatever is there. Empty: nothing matches. */
const etags = z.array(z.string().max(1_000)).max(50);

/** A message that is to be changed, and the states in which it may be. */
export const target = z.strictObject({ id: z.string().min(1).max(200), ifMatch: etags.optional() });
export type Target = z.infer<typeof target>;
const targets = z.array(target).min(1).max(1_000);

/** One of many: what is known of the message as it is now (null: it is gone, as it was to be), or why not. In the order asked. */
export type ChangeResult =
  | { id: string; ok: true; message: z.infer<typeof message> | null }
  | { id: string; ok: false; failure: FailureJson };
export const changeResult = z.union([
  z.object({ id: z.string(), ok: z.literal(true), message: message.nullable() }),
  z.object({ id: z.string(), ok: z.literal(false), failure: z.custom<FailureJson>() }),
]);
const results = z.object({ results: z.array(z.custom<ChangeResult>()) });

const call = <I extends z.ZodType, O extends z.ZodType>(input: I, output: O) =>
  ({ kind: "call", input, output }) as const;
const ofMessages = { account: accountId, messages: targets };

/** What changes messages that are there. Each message has a result of its own. */
export const changeOperations = {
  changeFlags: call(z.strictObject({ ...ofMessages, flags: flagChange }), results),
  /** `message` has the id under which the message is found from now on. */
  moveMessages: call(z.strictObject({ ...ofMessages, mailbox: mailboxRef }), results),
  /** `message` is the copy. */
  copyMessages: call(z.strictObject({ ...ofMessages, mailbox: mailboxRef }), results),
  /** To Trash, which is made if it is missing; for good where `permanent`, or in Trash already. */
  deleteMessages: call(z.strictObject({ ...ofMessages, permanent: z.boolean() }), results),
} as const;

/** What is done with each of many messages. */
export const changeAction = z.union([
  z.strictObject({ flags: flagChange }),
  z.strictObject({ move: mailboxRef }),
  z.strictObject({ copy: mailboxRef }),
  z.strictObject({ delete: z.strictObject({ permanent: z.boolean().optional() }) }),
]);
export type ChangeAction = z.infer<typeof changeAction>;

export const jobState = z.enum(["running", "done", "cancelled", "failed"]);

/** Work that goes on when its caller has gone. */
export interface Job {
  /** `job_…` */
  id: string;
  account: string;
  state: z.infer<typeof jobState>;
  /** How many messages have a result, and how many there are. */
  done: number;
  total: number;
  /** In the order asked; of those that are done. */
  results: ChangeResult[];
  /** Why it failed. */
  failure: FailureJson | null;
  createdAt: string;
}

/** What would be changed. */
export interface ChangePreview {
  count: number;
  sample: { id: string; mailboxId: string }[];
}

/** Messages that one request may change at once; more are a job. */
export const MOST_AT_ONCE = 1_000;
/** Messages that one job may change. */
export const MOST_IN_JOB = 100_000;

export type BatchOutput = { results: ChangeResult[] } | { preview: ChangePreview } | { job: Job };
export type EmptyOutput = { deleted: number } | { job: Job };

const ofJob = z.strictObject({ account: accountId, job: z.string().max(200) });

export const batchOperations = {
  /** Of the messages named, or of all that match, in the order named or newest first. */
  batchMessages: call(
    z.strictObject({
      account: accountId,
      messages: z.array(target).min(1).max(MOST_IN_JOB).optional(),
      filter: messageFilter.optional(),
      mailbox: mailboxRef.optional(),
      action: changeAction,
      dryRun: z.boolean(),
    }),
    z.custom<BatchOutput>(),
  ),
  /** Deletes for good all that is in Trash or Junk now. */
  emptyMailbox: call(z.strictObject({ account: accountId, mailbox: mailboxRef }), z.custom<EmptyOutput>()),
  getJob: call(ofJob, z.custom<Job>()),
  /** What runs is ended before its next part; what is done stays done. */
  cancelJob: call(ofJob, z.custom<Job>()),
} as const;
