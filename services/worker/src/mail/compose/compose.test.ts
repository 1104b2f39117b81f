import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Draft, draft as draftSchema, Failure, type Message, type MessageField } from "@postern/protocol";
import { type CoreHouse, newCall, startCoreHouse } from "../../testing/core-house.ts";

const account = "ada";
const fields: MessageField[] = ["id", "subject", "to", "cc", "bcc", "from", "text", "html", "references", "inReplyTo"];
const all: MessageField[] = [...fields, "attachments", "flags", "headers", "messageId"];

const original = [
  "From: Grace <grace@example.com>",
  "To: Ada <ada@example.org>, Björn <bjorn@example.net>",
  "Cc: eve@example.net",
  "Subject: Lunch",
  "Date: Mon, 02 Mar 2026 08:59:41 +0000",
  "Message-ID: <three@example.com>",
  "References: <one@example.com> <two@example.com>",
  "MIME-Version: 1.0",
  "Content-Type: multipart/mixed; boundary=b",
  "",
  "--b",
  "Content-Type: multipart/alternative; boundary=a",
  "",
  "--a",
  "Content-Type: text/plain; charset=utf-8",
  "",
  "At noon?",
  "> earlier",
  "--a",
  "Content-Type: text/html; charset=utf-8",
  "",
  "<p>At <b>noon</b>?</p><script>alert(1)</script>",
  "--a--",
  "--b",
  'Content-Type: application/pdf; name="menu.pdf"',
  'Content-Disposition: attachment; filename="menu.pdf"',
  "Content-Transfer-Encoding: base64",
  "",
  "JVBERi0xLjQ=",
  "--b--",
  "",
].join("\r\n");

describe("composing messages", () => {
  let house: CoreHouse;
  let source: Message;

  before(async () => {
    house = await startCoreHouse();
    source = (
      await house.core.appendMessage(
        { account, where: { mailbox: "inbox" }, fields: all },
        newCall(),
        octets(Buffer.from(original)),
      )
    ).message;
  });
  after(() => house.stop());

  async function* octets(whole: Uint8Array): AsyncGenerator<Uint8Array> {
    yield whole;
  }
  const compose = async (draft: unknown): Promise<Message> => {
    const input = { account, where: { mailbox: "drafts" }, flags: ["\\Draft"], fields: all };
    return (await house.core.composeMessage({ ...input, draft: draftSchema.parse(draft) }, newCall())).message;
  };
  const part = async (message: string, number: string): Promise<Buffer> => {
    const { body } = await house.core.readPart({ account, message, part: number }, newCall());
    return Buffer.concat(await Array.fromAsync(body));
  };

  it("a message has what its draft says, in any script", async () => {
    const made = await compose({
      from: { name: "Ada Ä", address: "ada@example.org" },
      to: [{ name: "佐藤", address: "sato@example.com" }],
      bcc: [{ address: "eve@example.net" }],
      subject: "Grüße ☂ 🎉",
      text: "Zeile eins\nZeile zwei ☂",
      html: "<p>Zeile <b>eins</b></p>",
      headers: [{ name: "X-Ticket", value: "Nr. 7 ☂" }],
      sentAt: "2026-01-02T03:04:05+02:00",
    });
    assert.equal(made.subject, "Grüße ☂ 🎉");
    assert.deepEqual(made.from, [{ name: "Ada Ä", address: "ada@example.org" }]);
    assert.deepEqual(made.to, [{ name: "佐藤", address: "sato@example.com" }]);
    assert.deepEqual(made.bcc, [{ name: null, address: "eve@example.net" }]);
    assert.equal(made.text?.replace(/\r\n/g, "\n").trim(), "Zeile eins\nZeile zwei ☂");
    assert.match(made.html ?? "", /<b>eins<\/b>/);
    assert.equal(made.headers?.find(({ name }) => name === "X-Ticket")?.value, "Nr. 7 ☂");
    assert.deepEqual(made.flags, ["\\Draft"]);
  });

  it("an empty draft is a message all the same", async () => {
    const made = await compose({});
    assert.equal(made.text?.trim() ?? "", "");
  });

  it("an answer is threaded, goes to who wrote, and quotes", async () => {
    const made = await compose({ reply: { message: source.id }, text: "Yes." });
    assert.equal(made.subject, "Re: Lunch");
    assert.deepEqual(made.to, [{ name: "Grace", address: "grace@example.com" }]);
    assert.deepEqual(made.cc, []);
    assert.equal(made.inReplyTo, "<three@example.com>");
    assert.deepEqual(made.references, ["<one@example.com>", "<two@example.com>", "<three@example.com>"]);
    const lines = made.text?.replace(/\r\n/g, "\n").trim().split("\n");
    assert.deepEqual(lines, ["Yes.", "", "On 2026-03-02 at 08:59 UTC Grace wrote:", "> At noon?", ">> earlier"]);
    assert.deepEqual(made.attachments, []);
  });

  it("an answer to all leaves oneself out, and one in HTML quotes in HTML what is safe to show", async () => {
    const made = await compose({
      from: { address: "ADA@example.org" },
      reply: { message: source.id, all: true },
      html: "<p>Yes.</p>",
    });
    assert.deepEqual(
      made.cc?.map(({ address }) => address),
      ["bjorn@example.net", "eve@example.net"],
    );
    assert.match(made.html ?? "", /<p>Yes\.<\/p>[^]*<blockquote[^]*<b>noon<\/b>/);
    assert.doesNotMatch(made.html ?? "", /script|alert/);
  });

  it("a message is handed on within the text, with what was attached to it", async () => {
    const made = await compose({ forward: { message: source.id }, to: [{ address: "eve@example.net" }], text: "FYI" });
    assert.equal(made.subject, "Fwd: Lunch");
    assert.match(made.text ?? "", /^FYI\s+-+ Forwarded message -+\s+From: Grace <grace@example\.com>/);
    assert.match(made.text ?? "", /At noon\?/);
    assert.deepEqual(made.references, []);
    const [menu] = made.attachments ?? [];
    assert.deepEqual([menu?.filename, menu?.contentType], ["menu.pdf", "application/pdf"]);
    assert.equal((await part(made.id, menu?.part ?? "")).toString(), "%PDF-1.4");
  });

  it("a message is handed on as a whole, to the octet", async () => {
    const made = await compose({ forward: { message: source.id, as: "attachment" }, text: "See there." });
    const [whole] = made.attachments ?? [];
    assert.deepEqual([whole?.filename, whole?.contentType], ["Lunch.eml", "message/rfc822"]);
    assert.equal((await part(made.id, whole?.part ?? "")).toString(), original);
  });

  it("what was uploaded is attached to the octet, and shown within the text where the text names it", async () => {
    const image = Buffer.from(Array.from({ length: 700_000 }, (_, at) => (at * 31) % 256));
    const upload = await house.core.createUpload(
      { account, contentType: "image/png", filename: "Übersicht.png" },
      newCall(),
      octets(image),
    );
    assert.deepEqual([upload.size, upload.contentType], [image.length, "image/png"]);
    const made = await compose({
      html: '<img src="cid:logo@here">',
      attachments: [
        { upload: upload.id, contentId: "logo@here" },
        { upload: upload.id, filename: "again.bin", contentType: "application/octet-stream" },
      ],
    });
    const [inline, beside] = made.attachments ?? [];
    assert.partialDeepStrictEqual(inline, { filename: "Übersicht.png", inline: true, contentId: "<logo@here>" });
    assert.partialDeepStrictEqual(beside, { filename: "again.bin", inline: false });
    for (const each of [inline, beside]) assert.ok((await part(made.id, each?.part ?? "")).equals(image));
  });

  it("an upload that is not there, or another account's, is told by its place in the draft", async () => {
    const other = await house.core
      .createUpload(
        { account: "bob", contentType: "text/plain", filename: null },
        newCall(),
        octets(Buffer.from("Bob's")),
      )
      .catch((error: unknown) => error);
    const id = (other as { id?: string }).id ?? "upl_never";
    for (const upload of [id, "upl_never"]) {
      const failure = await compose({ attachments: [{ upload }] }).catch((error: unknown) => error);
      assert.ok(failure instanceof Failure);
      assert.equal(failure.code, "invalid-request");
      assert.deepEqual(
        failure.errors?.map(({ path }) => path),
        ["attachments.0.upload"],
      );
    }
  });

  it("a draft that would add fields of its own, or names nobody, is refused", () => {
    const bad: Partial<Record<keyof Draft, unknown>>[] = [
      { subject: "a\r\nBcc: eve@example.net" },
      { to: [{ address: "no address" }] },
      { to: [{ address: "a@b>, <eve@example.net" }] },
      { from: { name: "a\nb", address: "a@example.org" } },
      { headers: [{ name: "Bcc", value: "eve@example.net" }] },
      { headers: [{ name: "X: y", value: "z" }] },
      { headers: [{ name: "X-A", value: "b\r\nc: d" }] },
      { attachments: [{ upload: "upl_x", contentType: "text/html; charset=x" }] },
      { attachments: [{ upload: "upl_x", filename: "a\r\nb" }] },
      { reply: { message: "msg_a" }, forward: { message: "msg_b" } },
    ];
    for (const each of bad) assert.equal(draftSchema.safeParse(each).success, false, JSON.stringify(each));
  });
});
