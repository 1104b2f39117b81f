import * as z from "zod";

export const mailboxRole = z.enum(["inbox", "sent", "drafts", "trash", "junk", "archive", "all", "flagged"]);
export type MailboxRole = z.infer<typeof mailboxRole>;

/** An id (`mbx_…`) or a role. */
export const mailboxRef = z.string().min(1).max(128).describe("A mailbox id, or a role such as `inbox`.");

export const mailbox = z.object({
  id: z.string().describe("Kept when the mailbox is renamed."),
  path: z.string().describe("Full name on the server, decoded to Unicode, with the server's own delimiter."),
  name: z.string().describe("Last segment of the path."),
  parentId: z.string().nullable().describe("The mailbox above; null at the top."),
  delimiter: z
    .string()
    .nullable()
    .describe("What the server puts between the segments of a path; null: nothing nests."),
  role: mailboxRole.nullable().describe("What it is for, as the server says (RFC 6154) or its name does."),
  subscribed: z.boolean().describe("Whether the user has subscribed to it."),
  selectable: z.boolean().describe("Whether it can hold messages; the counters are null where not."),
  total: z.int().nullable().describe("How many messages it has."),
  unseen: z.int().nullable().describe("How many of them have not been read."),
  uidValidity: z.int().nullable().describe("UIDVALIDITY (RFC 9051 section 2.3.1.1)."),
  uidNext: z.int().nullable().describe("UIDNEXT (RFC 9051 section 2.3.1.1)."),
  highestModseq: z.string().nullable().describe("A decimal number of up to 63 bits; null without CONDSTORE."),
});
export type Mailbox = z.infer<typeof mailbox>;

export const quota = z.object({
  root: z.string().describe("What the limit is on (RFC 9208 section 3.1), in the server's words."),
  resource: z.string().describe("As the server names it: `STORAGE` (in 1,024 octets), `MESSAGE`, …"),
  used: z.number().describe("How much is used."),
  limit: z.number().describe("How much may be."),
});
export type Quota = z.infer<typeof quota>;
