import * as z from "zod";
import { accountId } from "./account.ts";
import { storing } from "./append.ts";

const oneLine = /^[^\0\r\n]*$/;

/** Somebody to write to. */
const correspondent = z
  .strictObject({
    name: z.string().max(500).regex(oneLine, "is more than one line").nullish().describe("As it is to be shown."),
    address: z
      .string()
      .max(320)
      .regex(/^[^\0-\x20\x7f<>()[\]\\,;:"]+@[^\0-\x20\x7f<>()\\,;"@]+$/, "is no address")
      .describe("`local@domain`."),
  })
  .meta({ id: "Correspondent", description: "Somebody to write to, or who writes." });

const correspondents = z.array(correspondent).max(1_000).optional();

/** What a message is made of makes these, or the mail system does. */
const made =
  /^(from|sender|to|cc|bcc|reply-to|subject|date|message-id|in-reply-to|references|mime-version|content-.*|return-path|received|dkim-signature|arc-.*)$/i;

const extraHeader = z.strictObject({
  name: z
    .string()
    .max(200)
    .regex(/^[!-9;-~]+$/, "is no name of a header field")
    .refine((name) => !made.test(name), "is made by Postern")
    .describe("Such as `X-Ticket`."),
  value: z
    .string()
    .max(10_000)
    .regex(oneLine, "is more than one line")
    .describe("As Unicode; encoded where it must be."),
});

const attached = z.strictObject({
  upload: z.string().max(128).describe("The id of an upload (`upl_…`)."),
  filename: z
    .string()
    .max(255)
    .regex(oneLine, "is more than one line")
    .optional()
    .describe("The upload's own unless given."),
  contentType: z
    .string()
    .max(200)
    .regex(/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/, "is no media type")
    .optional()
    .describe("The upload's own unless given."),
  contentId: z
    .string()
    .max(200)
    .regex(/^[^\0-\x20<>]+$/, "is no Content-ID")
    .optional()
    .describe("Without angle brackets: what the HTML names as `cid:…`."),
  inline: z.boolean().optional().describe("Shown within the text, not beside it; so is what has a `contentId`."),
});

const reply = z.strictObject({
  message: z.string().max(200).describe("The message that is answered."),
  quote: z.boolean().default(true).describe("Whether its text follows, quoted."),
  all: z.boolean().default(false).describe("Whether to answer all who got it, where `to` and `cc` are not given."),
});

const forward = z.strictObject({
  message: z.string().max(200).describe("The message that is handed on."),
  as: z
    .enum(["inline", "attachment"])
    .default("inline")
    .describe("Its text and attachments, or the whole of it as one."),
});

/** A message in its parts, as a person writes it. */
export const draft = z
  .strictObject({
    from: correspondent.optional(),
    to: correspondents.describe("To."),
    cc: correspondents.describe("Cc."),
    bcc: correspondents.describe("Bcc; kept in the message, for sending takes it away."),
    replyTo: correspondents.describe("Reply-To."),
    subject: z
      .string()
      .max(10_000)
      .regex(oneLine, "is more than one line")
      .optional()
      .describe("Of an answer: `Re:` and the other one's."),
    text: z.string().optional().describe("The plain text."),
    html: z.string().optional().describe("The text as HTML; it goes as it is."),
    headers: z.array(extraHeader).max(100).optional().describe("More fields of the header."),
    attachments: z.array(attached).max(100).optional().describe("From uploads."),
    sentAt: z.iso.datetime({ offset: true }).optional().describe("The Date header; now unless given."),
    reply: reply.optional().describe("Makes it an answer: threading headers, subject, recipients, quoted text."),
    forward: forward.optional().describe("Hands another message on."),
  })
  .refine(({ reply: answered, forward: handedOn }) => !(answered && handedOn), {
    message: "is not given beside reply",
    path: ["forward"],
  });
export type Draft = z.infer<typeof draft>;
export type Correspondent = z.infer<typeof correspondent>;

export const composeMessageInput = z.strictObject({ ...storing, draft });

export const createUploadInput = z.strictObject({
  account: accountId,
  contentType: z.string().max(200),
  filename: z.string().max(255).nullable(),
});

export const uploaded = z.object({
  id: z.string().describe("For `attachments` of a message that is composed."),
  size: z.int().describe("Octets."),
  contentType: z.string().describe("As it was sent."),
  filename: z.string().nullable().describe("As it was sent; null where none was."),
  expiresAt: z.iso.datetime().describe("Until when it can be used."),
});
