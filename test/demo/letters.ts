import iconv from "iconv-lite";
import MailComposer from "nodemailer/lib/mail-composer/index.js";
import { elders, owner, type Person, people, topics } from "./texts.ts";

export interface Letter {
  mailbox: string;
  flags: string[];
  receivedAt: Date;
  octets: Buffer;
}

const HOUR = 3_600_000;
/** Fixed, so that the demo is the same whenever it is started. */
const START = Date.UTC(2026, 0, 5, 7, 30);

/** A few hundred messages as a person's mailbox has them, oldest first. The same ones each time. */
export async function sampleMailbox(): Promise<Letter[]> {
  const letters = [...(await conversations()), ...(await newsletters()), ...elders.map(elder), ...(await oddOnes())];
  return letters.sort((a, b) => a.receivedAt.getTime() - b.receivedAt.getTime());
}

/** Exchanges between the owner and others; the owner's side lies in Sent. */
async function conversations(): Promise<Letter[]> {
  const letters: Letter[] = [];
  for (let round = 0; round < 15; round += 1) {
    for (const [index, topic] of topics.entries()) {
      const partner = people[(round + index) % people.length] ?? owner;
      const startedAt = START + (round * topics.length + index) * 17 * HOUR;
      letters.push(...(await conversation(topic, partner, startedAt, round)));
    }
  }
  return letters;
}

async function conversation(
  topic: { subject: string; lines: string[] },
  partner: Person,
  startedAt: number,
  round: number,
): Promise<Letter[]> {
  const ids = topic.lines.map(
    (_, turn) => `<${topic.subject.replace(/\W+/g, "-").toLowerCase()}.${round}.${turn}@example.org>`,
  );
  const letters: Letter[] = [];
  for (const [turn, line] of topic.lines.entries()) {
    const isOwn = turn % 2 === 1;
    const at = new Date(startedAt + turn * 3 * HOUR);
    const earlier = turn > 0 ? `\n\n${partner.name}:\n> ${topic.lines[turn - 1]}` : "";
    const octets = await build({
      from: isOwn ? owner : partner,
      to: isOwn ? partner : owner,
      subject: turn === 0 ? topic.subject : `Re: ${topic.subject}`,
      date: at,
      messageId: ids[turn],
      text: `${line}${earlier}\n\n-- \n${isOwn ? owner.name : partner.name}`,
      ...(turn > 0 && { inReplyTo: ids[turn - 1], references: ids.slice(0, turn) }),
      ...(line.includes("attached") && {
        attachments: [{ filename: "tickets.pdf", content: pdf(), contentType: "application/pdf" }],
      }),
    });
    letters.push({
      mailbox: isOwn ? "Sent" : round < 3 ? "Archive" : "INBOX",
      flags: round < 12 || isOwn ? ["\\Seen"] : [],
      receivedAt: at,
      octets,
    });
  }
  return letters;
}

async function newsletters(): Promise<Letter[]> {
  const letters: Letter[] = [];
  for (let week = 0; week < 20; week += 1) {
    const at = new Date(START + week * 7 * 24 * HOUR);
    const octets = await build({
      from: { name: "Garden Weekly", address: "news@example.net" },
      to: owner,
      subject: `Garden Weekly № ${week + 1}: what to sow now 🌱`,
      date: at,
      text: `What to sow in week ${week + 1}.`,
      html: newsletter(week + 1),
      headers: { "List-Id": "<weekly.example.net>", "List-Unsubscribe": "<https://example.net/unsubscribe>" },
      attachments: [{ filename: "leaf.png", content: pixel(), contentType: "image/png", cid: "leaf@example.net" }],
    });
    letters.push({ mailbox: "INBOX", flags: week < 15 ? ["\\Seen"] : [], receivedAt: at, octets });
  }
  return letters;
}

function newsletter(week: number): string {
  return `<html><head><style>body{font-family:sans-serif}</style></head><body>
<table width="600" align="center"><tr><td style="background-color:#e8f5e9;padding:16px">
<img src="cid:leaf@example.net" alt="Leaf" width="32" height="32"><h1 style="color:#2e7d32">Week ${week}</h1>
<p>Peas, broad beans and <b>spinach</b> may go out now. <a href="https://example.net/week/${week}">Read on</a></p>
<img src="https://example.net/open.gif?week=${week}" width="1" height="1"></td></tr></table></body></html>`;
}

/** In the charset and the encodings of its time. */
function elder({ charset, from, subject, text }: (typeof elders)[number], index: number): Letter {
  const at = new Date(START + index * 61 * HOUR);
  const encode = (value: string): Buffer =>
    charset === "iso-2022-jp" ? iso2022jp(value) : iconv.encode(value, charset);
  const word = (value: string): string => `=?${charset}?B?${encode(value).toString("base64")}?=`;
  const body = encode(`${text}\r\n`).toString("base64").replace(/.{76}/g, "$&\r\n");
  const lines = [
    `From: ${word(from.name)} <${from.address}>`,
    `To: ${owner.name} <${owner.address}>`,
    `Subject: ${word(subject)}`,
    `Date: ${rfcDate(at)}`,
    `Message-ID: <elder.${index}@example.org>`,
    "MIME-Version: 1.0",
    `Content-Type: text/plain; charset=${charset}`,
    "Content-Transfer-Encoding: base64",
    "",
    body,
    "",
  ];
  return { mailbox: "INBOX", flags: ["\\Seen"], receivedAt: at, octets: Buffer.from(lines.join("\r\n")) };
}

/** iconv-lite has no ISO-2022-JP: EUC-JP without its high bits, between escapes (RFC 1468). */
function iso2022jp(text: string): Buffer {
  const parts = text.split(/([^\x00-\x7f]+)/).map((part, index) => {
    if (index % 2 === 0) return Buffer.from(part);
    const euc = iconv.encode(part, "euc-jp").map((octet) => octet & 0x7f);
    return Buffer.concat([Buffer.from("\x1b$B"), euc, Buffer.from("\x1b(B")]);
  });
  return Buffer.concat(parts);
}

/** Drafts, junk, a forwarded message, and ones without what messages have as a rule. */
async function oddOnes(): Promise<Letter[]> {
  const at = (days: number): Date => new Date(START + days * 24 * HOUR);
  const forwarded = await build({
    from: people[0] ?? owner,
    to: owner,
    subject: "The recipe",
    date: at(40),
    text: "Butter, flour, patience.",
  });
  const plain = (text: string): Buffer => Buffer.from(text.replaceAll("\n", "\r\n"));
  return [
    {
      mailbox: "INBOX",
      flags: ["\\Flagged"],
      receivedAt: at(41),
      octets: await build({
        from: people[6] ?? owner,
        to: owner,
        subject: "Fwd: The recipe",
        date: at(41),
        text: "Look what Ada sent me.",
        attachments: [{ content: forwarded, contentType: "message/rfc822", filename: "recipe.eml" }],
      }),
    },
    {
      mailbox: "Projects/Allotment",
      flags: ["\\Seen", "$Important"],
      receivedAt: at(42),
      octets: await build({
        from: people[1] ?? owner,
        to: owner,
        subject: "Plan of the beds",
        date: at(42),
        text: "Two drawings and the list of seeds.",
        attachments: [
          { filename: "beds – south.png", content: pixel(), contentType: "image/png" },
          { filename: "seeds.csv", content: "kind,grams\npeas,250\nbeans,200\n", contentType: "text/csv" },
        ],
      }),
    },
    {
      mailbox: "Drafts",
      flags: ["\\Draft", "\\Seen"],
      receivedAt: at(43),
      octets: await build({
        from: owner,
        to: people[2] ?? owner,
        subject: "To be continued",
        date: at(43),
        text: "What I meant to say is",
      }),
    },
    {
      mailbox: "Junk",
      flags: [],
      receivedAt: at(44),
      octets: plain("From: prize@example.net\nTo: robin@example.com\nSubject: You have won\n\nClick here.\n"),
    },
    { mailbox: "INBOX", flags: [], receivedAt: at(45), octets: plain("From: printer@example.com\n\nToner low.\n") },
    {
      mailbox: "Trash",
      flags: ["\\Seen"],
      receivedAt: at(46),
      octets: plain(
        "From: Ada <ada@example.org>\nSubject: Never mind\nDate: Fri, 20 Feb 2026 10:00:00 +0000\n\nI found it.\n",
      ),
    },
  ];
}

type Composition = ConstructorParameters<typeof MailComposer>[0];

async function build(composition: Composition): Promise<Buffer> {
  return new MailComposer({ ...composition, newline: "\r\n" }).compile().build();
}

function rfcDate(date: Date): string {
  return date.toUTCString().replace("GMT", "+0000");
}

/** The smallest of their kinds that programs still open. */
function pixel(): Buffer {
  return Buffer.from(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "base64",
  );
}

function pdf(): Buffer {
  return Buffer.from(
    "%PDF-1.1\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]>>endobj\ntrailer<</Root 1 0 R>>\n",
  );
}
