import * as z from "zod";
import { accountId } from "./account.ts";
import { mailboxRef } from "./mailbox.ts";
import { message, messageField } from "./message.ts";

/** A flag that a client may set: a system flag or a keyword (RFC 9051 section 2.3.2). `\\Recent` is the server's own. */
export const flag = z
  .string()
  .max(200)
  .regex(/^(\\(Seen|Answered|Flagged|Deleted|Draft)|[!#$&'+-[^-z|}~]+)$/i, "is no flag that can be set")
  .describe("`\\Seen`, `\\Answered`, `\\Flagged`, `\\Deleted`, `\\Draft`, or a keyword.");

/** How a message is stored, whatever it is made of. */
export const storing = {
  account: accountId,
  /** Where; a role whose mailbox is missing is made. */
  mailbox: mailboxRef,
  flags: z.array(flag).max(100),
  /** INTERNALDATE; absent: now. */
  receivedAt: z.iso.datetime({ offset: true }).optional(),
  /** Of the message in the answer. */
  fields: z.array(messageField).min(1),
};

export const appendMessageInput = z.strictObject(storing);
export const appendMessageOutput = z.object({ message });
