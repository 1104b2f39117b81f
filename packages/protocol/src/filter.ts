import * as z from "zod";

const text = z.string().min(1).max(1000);
const instant = z.iso
  .datetime({ offset: true })
  .or(z.iso.date())
  .describe("RFC 3339 time, or a date, which means its first moment in UTC.");
/** An atom (RFC 9051 section 9), after a backslash or not. Spelt so that it means the same where there is no `u` flag. */
const keyword = z
  .string()
  .min(1)
  .max(200)
  .regex(/^\\?[!#$&'+-[^-z|}~]+$/);

/** The keys that a flat query can carry too. Several keys in one filter must all hold. */
export const filterKeys = {
  from: text.optional().describe("In the sender's name or address."),
  to: text.optional().describe("In a To recipient's name or address."),
  cc: text.optional().describe("In a Cc recipient's name or address."),
  bcc: text.optional().describe("In a Bcc recipient's name or address."),
  subject: text.optional().describe("In the subject."),
  body: text.optional().describe("In the decoded text of the body."),
  text: text.optional().describe("Anywhere: headers or body."),
  header: z
    .record(z.string().regex(/^[!-9;-~]{1,200}$/), z.string().max(1000))
    .optional()
    .describe("Header name to a part of its value; an empty value asks whether the header is there."),
  messageId: text.optional().describe("In the Message-ID."),
  since: instant.optional().describe("Received at or after."),
  before: instant.optional().describe("Received before."),
  sentSince: instant.optional().describe("Date header at or after."),
  sentBefore: instant.optional().describe("Date header before."),
  larger: z.int().min(0).max(0xffffffff).optional().describe("More octets than this."),
  smaller: z.int().min(0).max(0xffffffff).optional().describe("Fewer octets than this."),
  seen: z.boolean().optional().describe("Has been read."),
  flagged: z.boolean().optional().describe("Is flagged."),
  answered: z.boolean().optional().describe("Has been answered."),
  draft: z.boolean().optional().describe("Is a draft."),
  keyword: keyword.optional().describe("Has this flag or keyword."),
  notKeyword: keyword.optional().describe("Lacks this flag or keyword."),
  threadId: z.string().min(1).max(128).optional().describe("Of this thread."),
  hasAttachment: z.boolean().optional().describe("Has an attachment."),
} as const;

export const flatFilter = z.strictObject(filterKeys);
export type FlatFilter = z.infer<typeof flatFilter>;

export interface MessageFilter extends FlatFilter {
  and?: MessageFilter[] | undefined;
  or?: MessageFilter[] | undefined;
  not?: MessageFilter | undefined;
}

/** Nesting and breadth are bounded in the core, which knows what a filter costs. */
export const messageFilter: z.ZodType<MessageFilter> = z
  .strictObject({
    ...filterKeys,
    get and(): z.ZodOptional<z.ZodArray<z.ZodType<MessageFilter>>> {
      return z.array(messageFilter).min(1).max(50).optional().describe("All of these hold.");
    },
    get or(): z.ZodOptional<z.ZodArray<z.ZodType<MessageFilter>>> {
      return z.array(messageFilter).min(1).max(50).optional().describe("One of these holds.");
    },
    get not(): z.ZodOptional<z.ZodType<MessageFilter>> {
      return messageFilter.optional().describe("This does not hold.");
    },
  })
  .meta({ id: "MessageFilter", description: "What messages must be like. All keys of one filter must hold." });

export const messageSort = z.enum([
  "receivedAt",
  "-receivedAt",
  "sentAt",
  "-sentAt",
  "from",
  "-from",
  "subject",
  "-subject",
  "size",
  "-size",
]);
export type MessageSort = z.infer<typeof messageSort>;
