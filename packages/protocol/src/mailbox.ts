import * as z from "zod";

export const mailboxRole = z.enum(["inbox", "sent", "drafts", "trash", "junk", "archive", "all", "flagged"]);
export type MailboxRole = z.infer<typeof mailboxRole>;

/** An id (`mbx_…`) or a role. */
export const mailboxRef = z.string().min(1).max(128).describe("A mailbox id, or a role such as `inbox`.");

export const mailbox = z.object({
  id: z.string(),
  path: z.string().describe("Full name on the server, decoded to Unicode, with the server's own delimiter."),
  name: z.string().describe("Last segment of the path."),
  parentId: z.string().nullable(),
  delimiter: z.string().nullable(),
  role: mailboxRole.nullable(),
  subscribed: z.boolean(),
  selectable: z.boolean(),
  total: z.int().nullable(),
  unseen: z.int().nullable(),
  uidValidity: z.int().nullable(),
  uidNext: z.int().nullable(),
  highestModseq: z.string().nullable().describe("A decimal number of up to 63 bits; null without CONDSTORE."),
});
export type Mailbox = z.infer<typeof mailbox>;

export const quota = z.object({
  root: z.string(),
  resource: z.string().describe("As the server names it: `STORAGE` (in 1,024 octets), `MESSAGE`, …"),
  used: z.number(),
  limit: z.number(),
});
export type Quota = z.infer<typeof quota>;
