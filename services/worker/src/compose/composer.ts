import { Readable } from "node:stream";
import type { Correspondent } from "@postern/protocol";
import MailComposer from "nodemailer/lib/mail-composer/index.js";
import type { Composer, Letter, LetterAttachment } from "../mail/ports.ts";

/** Messages are put together by nodemailer's composer, which streams them. */
export const composer: Composer = {
  async *compose(letter) {
    const sources: Readable[] = [];
    const node = new MailComposer(optionsOf(letter, sources)).compile();
    // A draft says whom it is for.
    node.keepBcc = true;
    const output = node.createReadStream();
    for (const source of sources) source.on("error", (error) => output.destroy(error));
    try {
      for await (const chunk of output) yield chunk as Buffer;
    } finally {
      for (const source of sources) source.destroy();
    }
  },
};

function optionsOf(letter: Letter, sources: Readable[]): ConstructorParameters<typeof MailComposer>[0] {
  return {
    ...(letter.from && { from: one(letter.from) }),
    to: letter.to.map(one),
    cc: letter.cc.map(one),
    bcc: letter.bcc.map(one),
    replyTo: letter.replyTo.map(one),
    subject: letter.subject,
    ...(letter.text !== null && { text: withCrlf(letter.text) }),
    ...(letter.html !== null && { html: withCrlf(letter.html) }),
    date: letter.sentAt,
    ...(letter.inReplyTo !== null && { inReplyTo: letter.inReplyTo }),
    references: [...letter.references],
    headers: letter.headers.map(({ name, value }) => ({ key: name, value })),
    attachments: letter.attachments.map((attachment) => attach(attachment, sources)),
    // Nothing in a message may make the composer read files or ask other hosts.
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

/** Lines end as mail's do (RFC 5322 section 2.1); some servers refuse any other end. */
function withCrlf(text: string): string {
  return text.replace(/\r\n?|\n/g, "\r\n");
}

function one({ name, address }: Correspondent): { name: string; address: string } {
  return { name: name ?? "", address };
}

function attach({ filename, contentType, contentId, inline, octets }: LetterAttachment, sources: Readable[]) {
  const content = Readable.from(octets(), { objectMode: false });
  sources.push(content);
  return {
    filename: filename ?? (false as const),
    contentType,
    ...(contentId !== null && { cid: contentId }),
    contentDisposition: inline || contentId !== null ? ("inline" as const) : ("attachment" as const),
    content,
  };
}
