import * as z from "zod";

export const address = z
  .object({
    name: z.string().nullable().describe("Decoded to Unicode; null where none is given."),
    address: z.string().nullable().describe("`local@domain`; null where it cannot be read."),
  })
  .meta({ id: "Address", description: "A mail address." });
export type Address = z.infer<typeof address>;

export const attachment = z.object({
  part: z.string().describe("Part number (RFC 9051 section 6.4.5), as in `/parts/{part}`."),
  filename: z.string().nullable().describe("Decoded to Unicode."),
  contentType: z.string().describe("Media type, without parameters."),
  size: z.int().describe("Encoded octets, as the server counts them."),
  contentId: z.string().nullable().describe("Content-ID, by which HTML refers to it."),
  inline: z.boolean().describe("Meant to be shown inside the text, not beside it."),
});
export type Attachment = z.infer<typeof attachment>;

/** What a leaf part is for. */
export const partRole = z.enum(["text", "html", "alternative", "inline", "attachment"]);
export type PartRole = z.infer<typeof partRole>;

export const messagePart = attachment.omit({ inline: true }).extend({
  charset: z.string().nullable().describe("As the message names it."),
  encoding: z.string().describe("Content-Transfer-Encoding in lower case."),
  role: partRole.describe("What the part is for."),
});
export type MessagePart = z.infer<typeof messagePart>;

export const header = z.object({
  name: z.string().describe("As the message spells it."),
  value: z.string().describe("Decoded to Unicode and unfolded."),
});
export type Header = z.infer<typeof header>;

const verdict = z.object({
  result: z.string().describe("`pass`, `fail`, `softfail`, `neutral`, `none`, `temperror`, `permerror`, …"),
  domain: z.string().nullable().describe("The domain that was looked at."),
});
export type AuthenticationVerdict = z.infer<typeof verdict>;

/** What the receiving server found out about who sent the message. */
export const authentication = z
  .object({
    server: z.string().describe("Who says so: the authserv-id (RFC 8601 section 2.5)."),
    spf: verdict.nullable().describe("Whether the sending machine may send for the envelope's domain (RFC 7208)."),
    dkim: z.array(verdict).describe("What became of each signature that was looked at (RFC 6376)."),
    dmarc: verdict.nullable().describe("Whether the From domain's own policy is met (RFC 7489)."),
  })
  .meta({ id: "Authentication", description: "What the receiving server found out about who sent the message." });
export type Authentication = z.infer<typeof authentication>;

export const listUnsubscribe = z
  .object({
    urls: z.array(z.string()).describe("Web addresses, the sender's first choice first."),
    mailto: z.array(z.string()).describe("`mailto:` addresses."),
    oneClick: z.boolean().describe("The https address takes a POST of `List-Unsubscribe=One-Click` (RFC 8058)."),
  })
  .meta({ id: "ListUnsubscribe", description: "How to leave a mailing list (RFC 2369)." });
export type ListUnsubscribe = z.infer<typeof listUnsubscribe>;

export const calendarInvite = z
  .object({
    part: z.string().describe("Part number of the calendar."),
    method: z.string().nullable().describe("`REQUEST`, `CANCEL`, `REPLY`, … (RFC 5546)."),
    uid: z.string().describe("The same in all messages about one event."),
    sequence: z.int().describe("Rises with each change of the event."),
    summary: z.string().nullable().describe("What it is about."),
    location: z.string().nullable().describe("Where it is."),
    start: z
      .string()
      .nullable()
      .describe("RFC 3339 in UTC; a date for a whole day; without a zone where none is told."),
    end: z.string().nullable().describe("As `start`, exclusive."),
    timeZone: z.string().nullable().describe("The time zone that it was written in."),
    recurring: z.boolean().describe("Whether there are more of it."),
    status: z.string().nullable().describe("`CONFIRMED`, `TENTATIVE` or `CANCELLED`."),
    organizer: address.nullable().describe("Whose event it is."),
    attendees: z
      .array(
        z.object({
          name: z.string().nullable().describe("Decoded to Unicode; null where none is given."),
          address: z.string().nullable().describe("`local@domain`; null where it cannot be read."),
          status: z.string().nullable().describe("`NEEDS-ACTION`, `ACCEPTED`, `DECLINED`, `TENTATIVE`, …"),
        }),
      )
      .describe("Who is asked."),
  })
  .meta({ id: "CalendarInvite", description: "An event in a message (RFC 5545)." });
export type CalendarInvite = z.infer<typeof calendarInvite>;

/** What an id rests on, and what it outlives. Moves and renames made through Postern, it outlives always. */
export const identity = z.object({
  source: z
    .enum(["emailId", "gmail", "guid", "fingerprint", "uid"])
    .describe(
      "What the message is known again by: EMAILID (RFC 8474), Gmail's X-GM-MSGID, Dovecot's X-GUID, a fingerprint of Message-ID, INTERNALDATE and size, or UIDVALIDITY and UID alone.",
    ),
  survivesMove: z.boolean().describe("Whether the id stays when another client moves the message."),
  survivesReset: z.boolean().describe("Whether the id stays when the mailbox's UIDVALIDITY changes."),
});

const time = z.iso.datetime().nullable();
const addresses = z.array(address);

/** Every field by its name: the one list that `fields`, REST, GraphQL and the core go by. */
export const messageFields = {
  id: z.string().describe("Names this message for good."),
  mailboxId: z.string().describe("The mailbox that it is in."),
  threadId: z.string().describe("The conversation that it is of. Never changes."),
  messageId: z.string().nullable().describe("Message-ID with its angle brackets."),
  subject: z.string().nullable().describe("Decoded to Unicode."),
  from: addresses.describe("From."),
  to: addresses.describe("To."),
  cc: addresses.describe("Cc."),
  bcc: addresses.describe("Bcc, where it was kept."),
  replyTo: addresses.describe("Reply-To."),
  sentAt: time.describe("The Date header."),
  receivedAt: time.describe("INTERNALDATE."),
  size: z.int().describe("Octets of the whole message."),
  flags: z.array(z.string()).describe("As IMAP spells them: `\\Seen`, `$Forwarded`."),
  modseq: z.string().nullable().describe("A decimal number of up to 63 bits; null without CONDSTORE."),
  snippet: z.string().nullable().describe("The text's beginning, for a list. At most 200 characters."),
  hasAttachments: z.boolean().describe("Whether there is an attachment that is not inline."),
  attachments: z.array(attachment).describe("What is not the text, inline images among it."),
  identity: identity.describe("What the id rests on."),
  etag: z.string().describe("Changes with the flags and the mailbox; what `If-Match` takes."),
  text: z.string().nullable().describe("The plain text, made from the HTML where there is no other."),
  html: z.string().nullable().describe("Sanitized."),
  headers: z.array(header).describe("Decoded to Unicode, unfolded, in their order."),
  rawHeaders: z.string().describe("The header section's octets, each as one character (ISO 8859-1)."),
  references: z.array(z.string()).describe("References: message ids with their angle brackets."),
  inReplyTo: z.string().nullable().describe("In-Reply-To as it stands."),
  replyText: z.string().nullable().describe("The new text alone: without what it quotes, and without the signature."),
  authentication: authentication.nullable().describe("SPF, DKIM and DMARC; null where no trusted server tells."),
  listUnsubscribe: listUnsubscribe.nullable().describe("How to leave the mailing list; null where it offers no way."),
  calendarInvites: z.array(calendarInvite).describe("Events that it brings."),
  parts: z.array(messagePart).describe("Every leaf part, in order."),
  truncated: z.array(z.string()).describe("Names of fields that were cut because they are beyond the limits."),
} as const;

/** What faces make a public field of, and show to nobody as it is. */
const innerFields = {
  /** `html` with its remote images, each with `REMOTE_IMAGE` before its address: it loads none until somebody decides on it. */
  markedHtml: z.string().nullable(),
} as const;

type PublicField = keyof typeof messageFields;
export type MessageField = PublicField | keyof typeof innerFields;
export const allMessageFields = Object.keys(messageFields) as PublicField[];
export const messageField = z.enum(allMessageFields);
/** For the core: the inner ones too. */
export const coreField = z.enum([...allMessageFields, ...(Object.keys(innerFields) as (keyof typeof innerFields)[])]);

/** A scheme that no browser knows. */
export const REMOTE_IMAGE = "x-postern-remote:";
/** What becomes of images in `html` that would be loaded from elsewhere. */
export const remoteImages = z.enum(["block", "keep", "proxy"]);
export type RemoteImages = z.infer<typeof remoteImages>;

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
  "threadId",
  "snippet",
  "text",
  "html",
  "headers",
  "references",
  "inReplyTo",
];

/** Only the fields that were asked for are present; `id` always is. */
export const message = z
  .object({ ...messageFields, ...innerFields })
  .partial()
  .required({ id: true });
export type Message = z.infer<typeof message>;

/** A conversation, without its messages. */
export const thread = z.object({
  id: z.string().describe("As it was asked for."),
  threadIds: z
    .array(z.string())
    .describe("All names of this conversation: more than one where threads were joined later."),
  total: z.int().nullable().describe("How many messages it has; null where none was asked for."),
  complete: z.boolean().describe("False where the conversation is too large for all of it to be found."),
  nextCursor: z.string().nullable().describe("For the next page; null on the last."),
});
export type Thread = z.infer<typeof thread>;
