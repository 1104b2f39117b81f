import * as z from "zod";
import { accountId } from "./account.ts";
import { flag } from "./changes.ts";
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
