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

/** At most what a server could ever take; what else a name may hold is the server's to say. */
const name = z.string().min(1).max(1000);

const newMailbox = {
  role: mailboxRole
    .exclude(["inbox"])
    .optional()
    .describe("What it is for (RFC 6154); refused where the server takes no roles."),
  subscribed: z.boolean().optional().describe("Whether the user subscribes to it; true unless told otherwise."),
};

/** By name below a parent (absent or null: at the top), or by the whole path as the server has it. */
export const mailboxInput = z.union([
  z.strictObject({
    name: name.describe("The last segment of its path: without the server's delimiter."),
    parentId: mailboxRef.nullable().optional().describe("The mailbox above; absent or null: at the top."),
    ...newMailbox,
  }),
  z.strictObject({
    path: name.describe("The full name on the server, with its delimiter. Mailboxes above it are made where missing."),
    ...newMailbox,
  }),
]);
export type MailboxInput = z.infer<typeof mailboxInput>;

export const mailboxPatch = z.strictObject({
  name: name.optional().describe("Renames it, with all that is below. Ids stay."),
  parentId: mailboxRef.nullable().optional().describe("Puts it below another mailbox; null: at the top. Ids stay."),
  subscribed: z.boolean().optional().describe("Subscribes to it, or no more."),
});
export type MailboxPatch = z.infer<typeof mailboxPatch>;

export const quota = z.object({
  root: z.string().describe("What the limit is on (RFC 9208 section 3.1), in the server's words."),
  resource: z.string().describe("As the server names it: `STORAGE` (in 1,024 octets), `MESSAGE`, …"),
  used: z.number().describe("How much is used."),
  limit: z.number().describe("How much may be."),
});
export type Quota = z.infer<typeof quota>;
