import * as z from "zod";
import { accountId } from "./account.ts";
import { flag, MOST_AT_ONCE } from "./changes.ts";
import type { FailureJson } from "./failures.ts";
import { mailboxRef } from "./mailbox.ts";
import { coreField, message } from "./message.ts";

/** How a message is stored, whatever it is made of. */
export const storing = {
  account: accountId,
  /**
   * Where: in a mailbox, of which one is made for a role that has none; or in the place of a message, a draft, which goes
   * and whose id the new one has. `ifMatch`: etags without quotes, as HTTP has them; the state in which it may be replaced.
   */
  where: z.union([
    z.strictObject({ mailbox: mailboxRef }),
    z.strictObject({ replaces: z.string().max(200), ifMatch: z.array(z.string().max(1_000)).max(50).optional() }),
  ]),
  /** Absent: those of the message that is replaced, or none. */
  flags: z.array(flag).max(100).optional(),
  /** INTERNALDATE; absent: now. */
  receivedAt: z.iso.datetime({ offset: true }).optional(),
  /** Of the message in the answer. */
  fields: z.array(coreField).min(1),
};

export const appendMessageInput = z.strictObject(storing);
export const appendMessageOutput = z.object({ message });

/** A whole message that was uploaded, and how it is stored. */
export const importedItem = z.strictObject({
  upload: z.string().max(128).describe("The id of an upload (`upl_…`): a whole message (RFC 5322)."),
  mailbox: mailboxRef.optional().describe("Where to store it: an id or a role; `inbox` unless told otherwise."),
  flags: z.array(flag).max(100).optional().describe("Flags to set."),
  receivedAt: z.iso
    .datetime({ offset: true })
    .optional()
    .describe("The time of arrival (INTERNALDATE); now unless told otherwise."),
});

export const importMessagesInput = z.strictObject({
  account: accountId,
  items: z.array(importedItem).min(1).max(MOST_AT_ONCE),
});

/** One of many: where the message is, or why not. In the order asked. */
export type ImportResult =
  | { upload: string; ok: true; message: { id: string; mailboxId: string } }
  | { upload: string; ok: false; failure: FailureJson };
export const importMessagesOutput = z.object({ results: z.array(z.custom<ImportResult>()) });
