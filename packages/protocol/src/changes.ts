import * as z from "zod";
import { accountId } from "./account.ts";
import type { FailureJson } from "./failures.ts";
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
