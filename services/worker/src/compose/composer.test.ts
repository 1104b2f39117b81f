import assert from "node:assert/strict";
import { test } from "node:test";
import type { Letter, LetterAttachment } from "../mail/ports.ts";
import { composer } from "./index.ts";

const plain: Letter = {
  from: { name: "Ada", address: "ada@example.org" },
  to: [{ name: "Björn", address: "bjorn@example.com" }],
  cc: [],
  bcc: [],
  replyTo: [],
  subject: "Hello",
  text: "Hi.\n",
  html: null,
  sentAt: new Date("2026-01-02T03:04:05Z"),
  inReplyTo: null,
  references: [],
  headers: [],
  attachments: [],
};

async function written(letter: Partial<Letter>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of composer.compose({ ...plain, ...letter })) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function attachment(changes: Partial<LetterAttachment> = {}): LetterAttachment {
  async function* octets(): AsyncGenerator<Uint8Array> {
    yield Buffer.from("attached");
  }
  return { filename: "a.bin", contentType: "application/x-a", contentId: null, inline: false, octets, ...changes };
}

test("a letter has its fields, and lines that end as mail's do", async () => {
  const text = await written({
    bcc: [{ address: "eve@example.net" }],
    inReplyTo: "<b@x>",
    references: ["<a@x>", "<b@x>"],
  });
  assert.match(text, /^From: Ada <ada@example\.org>\r$/m);
  assert.match(text, /^To: =\?UTF-8\?Q\?Bj=C3=B6rn\?= <bjorn@example\.com>\r$/m);
  assert.match(text, /^Bcc: eve@example\.net\r$/m);
  assert.match(text, /^In-Reply-To: <b@x>\r$/m);
  assert.match(text, /^References: <a@x> <b@x>\r$/m);
  assert.match(text, /^Date: Fri, 02 Jan 2026 03:04:05 \+0000\r$/m);
  assert.match(text, /^Message-ID: <[^>]+@example\.org>\r$/m);
  assert.doesNotMatch(text, /[^\r]\n/);
});

test("no name, subject or value of a field can add a field of its own", async () => {
  const evil = "x\r\nX-Evil: yes\r\n\r\nbody";
  const text = await written({
    from: { name: evil, address: "ada@example.org" },
    to: [{ name: evil, address: "bob@example.com" }],
    subject: evil,
    headers: [{ name: "X-Ticket", value: evil }],
    attachments: [attachment({ filename: evil, contentId: "one" })],
  });
  assert.doesNotMatch(text, /^X-Evil:/im);
});

test("what the text shows stands beside it, what is attached after both", async () => {
  const image = attachment({ contentType: "image/png", contentId: "logo", inline: true });
  const text = await written({ html: '<img src="cid:logo">', attachments: [image, attachment()] });
  const kinds = [...text.matchAll(/^Content-Type: ([\w/.+-]+)/gm)].map(([, kind]) => kind);
  assert.deepEqual(kinds, [
    "multipart/mixed",
    "multipart/alternative",
    "text/plain",
    "multipart/related",
    "text/html",
    "image/png",
    "application/x-a",
  ]);
  assert.match(text, /^Content-Id: <logo>\r$/im);
});

test("a message within a message keeps its octets (RFC 2046 section 5.2.1)", async () => {
  async function* octets(): AsyncGenerator<Uint8Array> {
    yield Buffer.from("Subject: within\r\n\r\nHi.\r\n");
  }
  const text = await written({ attachments: [attachment({ contentType: "message/rfc822", octets })] });
  assert.ok(text.includes("Subject: within\r\n\r\nHi.\r\n"));
});

test("an attachment that breaks off breaks the letter off, with the same error", async () => {
  async function* octets(): AsyncGenerator<Uint8Array> {
    yield Buffer.from("some");
    throw new Error("gone");
  }
  await assert.rejects(written({ attachments: [attachment({ octets })] }), /gone/);
});

test("attachments are read as they are written, and no faster", async () => {
  let read = 0;
  async function* octets(): AsyncGenerator<Uint8Array> {
    for (let chunk = 0; chunk < 1_000; chunk += 1) {
      read += 1;
      yield Buffer.alloc(64 << 10);
    }
  }
  for await (const _ of composer.compose({ ...plain, attachments: [attachment({ octets })] })) {
    if (read > 2) break;
  }
  assert.ok(read < 100, String(read));
});
