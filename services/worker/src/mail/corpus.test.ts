import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { allMessageFields, type Message } from "@postern/protocol";
import { type CoreHouse, newCall, startCoreHouse } from "../testing/core-house.ts";
import { collect } from "../testing/octets.ts";
import { type Real, realMessages } from "../testing/real-messages.ts";

/** An octet is missing in its subject: no charset reads it. */
const UNREADABLE = "spam-1/00311.9797029f3ee441b00f3b7521e573cb96.txt";

/** Of 6,046 real messages, every so many, and the first few of every charset that one of them names. */
const EVERY = 20;
const OF_EACH_CHARSET = 3;

function charsetsOf({ octets }: Real): string[] {
  const text = octets.toString("latin1").toLowerCase();
  const declared = text.matchAll(/charset\s*=\s*"?([^\s";,>]+)/g);
  const words = text.matchAll(/=\?([\w-]+)\?[bq]\?/g);
  return [...declared, ...words].map((match) => match[1] ?? "");
}

function sampleOf(all: readonly Real[]): { sample: Real[]; charsets: Map<string, number> } {
  const charsets = new Map<string, number>();
  const sample = all.filter((message, index) => {
    const rare = charsetsOf(message).filter((charset) => (charsets.get(charset) ?? 0) < OF_EACH_CHARSET);
    for (const charset of new Set(rare)) charsets.set(charset, (charsets.get(charset) ?? 0) + 1);
    return rare.length > 0 || index % EVERY === 0;
  });
  return { sample, charsets };
}

describe("real messages", () => {
  let house: CoreHouse;
  const { sample, charsets } = sampleOf(realMessages());
  const messages: Message[] = [];
  const nameOf = (index: number): string => sample[index]?.name ?? "";

  before(async () => {
    house = await startCoreHouse();
    const client = await house.otherClient("corpus");
    for (let at = 0; at < sample.length; at += 50) {
      await client.append(
        "INBOX",
        sample.slice(at, at + 50).map(({ octets }) => ({ source: octets })),
      );
    }
  });
  after(() => house.stop());

  it("are hundreds, of dozens of charsets", () => {
    assert.ok(sample.length >= 400, `${sample.length} messages`);
    assert.ok(charsets.size >= 48, `${charsets.size} charsets`);
  });

  it("are all read with everything that can be asked of them", async () => {
    let cursor: string | undefined;
    do {
      const fields = [...allMessageFields];
      const page = await house.core.listMessages(
        { account: "corpus", mailbox: "inbox", limit: 50, fields, ...(cursor !== undefined && { cursor }) },
        newCall(),
      );
      assert.ok(!page.notModified);
      messages.unshift(...[...page.items].reverse());
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    assert.equal(messages.length, sample.length);
    for (const [index, message] of messages.entries()) {
      const absent = allMessageFields.filter((field) => message[field] === undefined);
      assert.deepEqual(absent, [], nameOf(index));
      assert.ok(
        message.text !== null || message.html !== null || (message.attachments ?? []).length > 0,
        nameOf(index),
      );
    }
  });

  it("show no mark of an unreadable character", () => {
    for (const [index, message] of messages.entries()) {
      const { subject, from, to, cc, text, html, snippet, headers, attachments } = message;
      const shown = JSON.stringify({ subject, from, to, cc, text, html, snippet, headers, attachments });
      const name = nameOf(index);
      if (name !== UNREADABLE)
        assert.ok(!shown.includes("\ufffd"), `${name}: ${/.{0,40}\ufffd.{0,40}/.exec(shown)?.[0]}`);
    }
  });

  it("leave no encoded word undecoded in what people read", () => {
    for (const [index, { subject, from }] of messages.entries()) {
      assert.doesNotMatch(
        JSON.stringify([subject, ...(from ?? []).map(({ name }) => name)]),
        /=\?[\w-]+\?[bq]\?[^ ]*\?=/i,
        nameOf(index),
      );
    }
  });

  it("are byte for byte what was delivered", async () => {
    for (const [index, { id, size }] of messages.entries()) {
      const { head, body } = await house.core.readRaw({ account: "corpus", message: id }, newCall());
      const octets = await collect(body);
      const { name, octets: delivered } = sample[index] ?? assert.fail();
      assert.ok(octets.equals(delivered), name);
      assert.equal(head.size, delivered.length, name);
      assert.equal(size, delivered.length, name);
    }
  });

  it("have parts that can all be read", async () => {
    for (const [index, { id, parts = [] }] of messages.entries()) {
      for (const { part, size, encoding } of parts) {
        const { body } = await house.core.readPart({ account: "corpus", message: id, part }, newCall());
        const octets = await collect(body);
        assert.ok(octets.length <= size, `${nameOf(index)} ${part}`);
        if (encoding !== "base64" && size > 10) assert.ok(octets.length > 0, `${nameOf(index)} ${part}`);
      }
    }
  });

  it("are read in a thread of their own where they are large, and here where they are not", async () => {
    const { workshop } = house.parts;
    const { make } = workshop;
    let elsewhere = 0;
    workshop.make = (...given) => {
      elsewhere += 1;
      return make(...given);
    };
    const textOf = async (isWanted: (size: number) => boolean): Promise<number> => {
      const wanted = messages.filter(({ parts = [] }) =>
        isWanted(parts.reduce((sum, { role, size }) => sum + (role === "text" || role === "html" ? size : 0), 0)),
      );
      elsewhere = 0;
      const ids = wanted.map(({ id }) => id);
      await house.core.getMessages({ account: "corpus", ids, fields: ["text", "html"] }, newCall());
      return wanted.length;
    };
    const large = await textOf((size) => size > 40_000);
    assert.ok(large > 0);
    assert.equal(elsewhere, large);
    assert.ok((await textOf((size) => size < 30_000)) > 300);
    assert.equal(elsewhere, 0);
    workshop.make = make;
  });

  it("stay unseen", async () => {
    const client = await house.otherClient("corpus");
    await client.command("EXAMINE INBOX");
    assert.doesNotMatch(await client.command("FETCH 1:* FLAGS"), /Seen/);
  });
});
