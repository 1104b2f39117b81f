import * as z from "zod";

const text = z.string().min(1).max(1000);
const instant = z.iso
  .datetime({ offset: true })
  .or(z.iso.date())
  .describe("RFC 3339 time, or a date, which means its first moment in UTC.");
const keyword = z
  .string()
  .min(1)
  .max(200)
  .regex(/^\\?[^\s(){%*"\\\]\u0000-\u001f\u007f-\u{10ffff}]+$/u);

/** The keys that a flat query can carry too. Several keys in one filter must all hold. */
export const filterKeys = {
  from: text.optional(),
  to: text.optional(),
  cc: text.optional(),
  bcc: text.optional(),
  subject: text.optional(),
  body: text.optional().describe("In the decoded text of the body."),
  text: text.optional().describe("Anywhere: headers or body."),
  header: z
    .record(z.string().regex(/^[!-9;-~]{1,200}$/), z.string().max(1000))
    .optional()
    .describe("Header name to a part of its value; an empty value asks whether the header is there."),
  messageId: text.optional(),
  since: instant.optional().describe("Received at or after."),
  before: instant.optional().describe("Received before."),
  sentSince: instant.optional().describe("Date header at or after."),
  sentBefore: instant.optional().describe("Date header before."),
  larger: z.int().min(0).max(0xffffffff).optional().describe("More octets than this."),
  smaller: z.int().min(0).max(0xffffffff).optional().describe("Fewer octets than this."),
  seen: z.boolean().optional(),
  flagged: z.boolean().optional(),
  answered: z.boolean().optional(),
  draft: z.boolean().optional(),
  keyword: keyword.optional().describe("Has this flag or keyword."),
  notKeyword: keyword.optional(),
  hasAttachment: z.boolean().optional(),
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
      return z.array(messageFilter).min(1).max(50).optional();
    },
    get or(): z.ZodOptional<z.ZodArray<z.ZodType<MessageFilter>>> {
      return z.array(messageFilter).min(1).max(50).optional();
    },
    get not(): z.ZodOptional<z.ZodType<MessageFilter>> {
      return messageFilter.optional();
    },
  })
  .meta({ id: "MessageFilter" });

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
