import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { type Message, type MessageField, type MessageResult, allMessageFields } from "@postern/protocol";
import { type CoreHouse, newCall, startCoreHouse } from "../testing/core-house.ts";
import { letter } from "../testing/raw-client.ts";

/** A sample letter, with the line ends of mail. */
function sample(name: string): Buffer {
  const file = readFileSync(new URL(`../../../../test/letters/${name}.eml`, import.meta.url));
  return Buffer.from(file.toString("latin1").replaceAll("\n", "\r\n"), "latin1");
}

/** What is to be seen of a letter; attachments as part, name, type and whether inline. */
interface Seen {
  subject?: string | null;
  sentAt?: string | null;
  from?: Message["from"];
  to?: Message["to"];
  text?: string | null;
  html?: string | null;
  snippet?: string | null;
  roles?: string[];
  attachments?: [string, string | null, string, boolean][];
}

const letters: Record<string, Seen> = {
  "no-headers": {
    subject: null,
    sentAt: null,
    from: [],
    text: "Just text.\n",
    html: null,
    snippet: "Just text.",
    attachments: [],
  },
  "no-date-no-subject": { subject: null, sentAt: null, from: [{ name: null, address: "ada@example.org" }] },
  "eight-bit-headers": {
    subject: "Déjà vu",
    from: [{ name: "André", address: "andre@example.org" }],
    to: [{ name: "Jürgen", address: "juergen@example.com" }],
  },
  "split-words": { subject: "Grüße and €", from: [{ name: "日本語", address: "nihon@example.org" }] },
  flowed: { text: "> A quoted paragraph that goes on.\n\nA line that is long, and\nFrom the start.\n-- \nAda\n" },
  "whole-tree": {
    text: "Plain form.",
    html: '<p>Rich form <img src="cid:logo@example.org" /></p>',
    roles: ["1.1 text", "1.2.1 html", "1.2.2 inline", "2 attachment", "3 attachment"],
    attachments: [
      ["1.2.2", "logo.png", "image/png", true],
      ["2", "☂ résumé.pdf", "application/pdf", false],
      ["3", null, "message/rfc822", false],
    ],
  },
  "html-in-gb2312": { subject: "你好", html: "<p>你好，朱镕基</p>\n", text: "你好，朱镕基", snippet: "你好，朱镕基" },
  "utf-8-called-ascii": { text: "Grüße, 世界\n" },
  "windows-called-latin": { text: "“smart” – 5 €!\n" },
  japanese: { subject: "日本", from: [{ name: "日本", address: "ja@example.org" }], text: "日本語のテスト\n" },
  "utf-7": { text: "Grüße\n" },
  "unknown-charset": { subject: "café", text: "café au lait\n" },
  "empty-bodies": { subject: "", text: "", html: "", snippet: null, attachments: [] },
  "file-between-forms": {
    text: "Before and after.",
    html: "<p>Before</p>\n<p>after.</p>",
    attachments: [["2.2", "plan.pdf", "application/pdf", false]],
  },
  "list-footer": {
    text: "What was written.\n____\nlist@example.org <unsubscribe>",
    html: '<p>What was written.</p>\n<div style="white-space:pre-wrap">____\nlist@example.org &lt;unsubscribe&gt;</div>',
    snippet: "What was written.",
  },
  "broken-base64": { text: "Grüße aus Köln" },
  "file-names": {
    attachments: [
      ["1", "☂.pdf", "application/pdf", false],
      ["2", "résumé.pdf", "application/pdf", false],
      ["3", "你好.pdf", "application/pdf", false],
      ["4", "passwd", "application/pdf", false],
      ["5", null, "application/pdf", false],
    ],
  },
  tracking: { text: "News\n\nRead" },
  bounce: {
    text: "It could not be delivered.",
    attachments: [
      ["2", null, "message/delivery-status", false],
      ["3", null, "text/rfc822-headers", false],
    ],
  },
};

function seen(message: Message): Seen {
  const { subject, sentAt, from, to, text, html, snippet, parts = [], attachments = [] } = message;
  const all = { subject, sentAt, from, to, text, html, snippet };
  return {
    ...Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)),
    roles: parts.map(({ part, role }) => `${part} ${role}`),
    attachments: attachments.map(({ part, filename, contentType, inline }) => [part, filename, contentType, inline]),
  };
}

describe("messages by id", () => {
  let house: CoreHouse;
  const ids = new Map<string, string>();

  before(async () => {
    house = await startCoreHouse();
    const client = await house.otherClient("letters");
    for (const name of Object.keys(letters)) await client.append("INBOX", [{ source: sample(name) }]);
    const page = await house.core.listMessages(
      { account: "letters", mailbox: "inbox", limit: 200, fields: ["id"] },
      newCall(),
    );
    assert.ok(!page.notModified);
    for (const [at, name] of Object.keys(letters).reverse().entries()) ids.set(name, page.items[at]?.id ?? "");
  });
  after(() => house.stop());

  const get = async (
    account: string,
    wanted: string[],
    fields: readonly MessageField[] = allMessageFields,
  ): Promise<MessageResult[]> =>
    (await house.core.getMessages({ account, ids: wanted, fields: [...fields] }, newCall())).results;

  const one = async (name: string): Promise<Message> => {
    const [result] = await get("letters", [ids.get(name) ?? ""]);
    assert.ok(result && "message" in result, name);
    return result.message;
  };

  for (const [name, expected] of Object.entries(letters)) {
    it(`are read as people would: ${name}`, async () => {
      const shown = seen(await one(name));
      assert.deepEqual(
        Object.fromEntries(Object.keys(expected).map((field) => [field, shown[field as keyof Seen]])),
        expected,
      );
    });
  }

  it("have nothing in their HTML that asks the network for anything by itself", async () => {
    const { html } = await one("tracking");
    assert.doesNotMatch(html ?? "", /tracker|form|position|onload/);
    assert.match(html ?? "", /href="https:\/\/example\.com\/read"/);
  });

  it("have their headers in order, decoded and as they are", async () => {
    const { headers, rawHeaders } = await one("eight-bit-headers");
    assert.deepEqual(headers?.slice(0, 3), [
      { name: "From", value: "André <andre@example.org>" },
      { name: "To", value: "Jürgen <juergen@example.com>" },
      { name: "Subject", value: "Déjà vu" },
    ]);
    assert.ok(rawHeaders?.startsWith("From: Andr\xe9 <andre@example.org>\r\nTo: J\xc3\xbcrgen"));
  });

  it("come in the order in which they were asked for, each as often", async () => {
    const [first = "", second = "", third = ""] = ids.values();
    const wanted = [third, first, third, "msg_nonsense", second];
    const results = await get("letters", wanted, ["id"]);
    assert.deepEqual(
      results.map((result) => ("message" in result ? result.message.id : result.failure.code)),
      [third, first, third, "not-found", second],
    );
  });

  it("that are gone leave a problem in their place", async () => {
    const client = await house.otherClient("gone");
    await client.append("INBOX", [letter({ subject: "stays" }), letter({ subject: "goes" })]);
    const page = await house.core.listMessages(
      { account: "gone", mailbox: "inbox", limit: 9, fields: ["id"] },
      newCall(),
    );
    assert.ok(!page.notModified);
    const wanted = page.items.map(({ id }) => id ?? "");
    await get("gone", wanted);
    await client.command("SELECT INBOX");
    await client.command("STORE 2 +FLAGS.SILENT (\\Deleted)");
    await client.command("EXPUNGE");
    for (const fields of [["subject"], ["flags", "subject"], allMessageFields] as const) {
      const results = await get("gone", wanted, fields);
      assert.deepEqual(
        results.map((result) => ("message" in result ? result.message.subject : result.failure.code)),
        ["message-gone", "stays"],
      );
    }
  });

  it("of another account are not found", async () => {
    const [id = ""] = ids.values();
    const [result] = await get("gone", [id]);
    assert.ok(result && "failure" in result && result.failure.code === "not-found");
  });

  it("of several mailboxes come in one answer", async () => {
    const client = await house.otherClient("several");
    await client.append("INBOX", [letter({ subject: "here" })]);
    await client.append("Sent", [letter({ subject: "there" })]);
    const page = await house.core.listMessages({ account: "several", limit: 9, fields: ["id"] }, newCall());
    assert.ok(!page.notModified);
    const results = await get(
      "several",
      page.items.map(({ id }) => id ?? ""),
      ["subject"],
    );
    const subjects = results.map((result) => ("message" in result ? result.message.subject : null));
    assert.deepEqual(subjects.sort(), ["here", "there"]);
  });

  it("stay unseen, whatever was read of them", async () => {
    await get("letters", [...ids.values()]);
    const client = await house.otherClient("letters");
    await client.command("EXAMINE INBOX");
    assert.doesNotMatch(await client.command("FETCH 1:* FLAGS"), /FLAGS \([^)]*(Seen|Answered|Flagged|Deleted|Draft)/);
  });
});
