import * as z from "zod";

export const address = z.object({ name: z.string().nullable(), address: z.string().nullable() });
export type Address = z.infer<typeof address>;

export const attachment = z.object({
  part: z.string().describe("Part number (RFC 9051 section 6.4.5), as in `/parts/{part}`."),
  filename: z.string().nullable(),
  contentType: z.string(),
  size: z.int().describe("Encoded octets, as the server counts them."),
  contentId: z.string().nullable(),
  inline: z.boolean().describe("Meant to be shown inside the text, not beside it."),
});
export type Attachment = z.infer<typeof attachment>;

/** What a leaf part is for. */
export const partRole = z.enum(["text", "html", "alternative", "inline", "attachment"]);
export type PartRole = z.infer<typeof partRole>;

export const messagePart = attachment.omit({ inline: true }).extend({
  charset: z.string().nullable(),
  encoding: z.string().describe("Content-Transfer-Encoding in lower case."),
  role: partRole,
});
export type MessagePart = z.infer<typeof messagePart>;

export const header = z.object({ name: z.string(), value: z.string() });
export type Header = z.infer<typeof header>;

/** What an id rests on, and what it outlives. Only what holds is told. */
export const identity = z.object({
  source: z.enum(["uid"]).describe("`uid`: UIDVALIDITY and UID."),
});

const time = z.iso.datetime().nullable();
const addresses = z.array(address);

/** Every field by its name: the one list that `fields`, REST, GraphQL and the core go by. */
export const messageFields = {
  id: z.string(),
  mailboxId: z.string(),
  messageId: z.string().nullable().describe("Message-ID with its angle brackets."),
  subject: z.string().nullable(),
  from: addresses,
  to: addresses,
  cc: addresses,
  bcc: addresses,
  replyTo: addresses,
  sentAt: time.describe("The Date header."),
  receivedAt: time.describe("INTERNALDATE."),
  size: z.int().describe("Octets of the whole message."),
  flags: z.array(z.string()).describe("As IMAP spells them: `\\Seen`, `$Forwarded`."),
  modseq: z.string().nullable(),
  snippet: z.string().nullable().describe("The text's beginning, for a list. At most 200 characters."),
  hasAttachments: z.boolean(),
  attachments: z.array(attachment),
  identity,
  etag: z.string(),
  text: z.string().nullable(),
  html: z.string().nullable().describe("Sanitized."),
  headers: z.array(header).describe("Decoded to Unicode, unfolded, in their order."),
  rawHeaders: z.string().describe("The header section's octets, each as one character (ISO 8859-1)."),
  references: z.array(z.string()),
  inReplyTo: z.string().nullable(),
  parts: z.array(messagePart).describe("Every leaf part, in order."),
  truncated: z.array(z.string()).describe("Names of fields that were cut because they are beyond the limits."),
} as const;

export type MessageField = keyof typeof messageFields;
export const allMessageFields = Object.keys(messageFields) as MessageField[];
export const messageField = z.enum(allMessageFields);

/** What a list gives unless told otherwise. */
export const listFields: readonly MessageField[] = [
  "id",
  "mailboxId",
  "messageId",
  "subject",
  "from",
  "to",
  "cc",
  "bcc",
  "replyTo",
  "sentAt",
  "receivedAt",
  "size",
  "flags",
  "modseq",
  "hasAttachments",
  "attachments",
  "identity",
  "etag",
];

/** What a single message gives unless told otherwise. */
export const detailFields: readonly MessageField[] = [
  ...listFields,
  "snippet",
  "text",
  "html",
  "headers",
  "references",
  "inReplyTo",
];

/** Only the fields that were asked for are present; `id` always is. */
export const message = z.object(messageFields).partial().required({ id: true });
export type Message = z.infer<typeof message>;
