import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { ByteRange } from "@postern/protocol";
import { type CoreHouse, newCall, startCoreHouse } from "../testing/core-house.ts";
import { collect } from "../testing/octets.ts";

const letter = (subject: string, type: string, body: string): string =>
  `Subject: ${subject}\r\nMIME-Version: 1.0\r\nContent-Type: ${type}\r\n\r\n${body}\r\n`;

/** What a list shows of each is as whoever reads the text sees it; Dovecot's PREVIEW of half of them is something else. */
const letters: [source: string, snippet: string | null][] = [
  [letter("plain", "text/plain", "Hello Bob,\r\n\r\nhow  are you?"), "Hello Bob, how are you?"],
  [letter("long", "text/plain", "word ".repeat(100)), `${"word ".repeat(39)}word…`],
  [letter("page", "text/html", "<title>Untitled</title><p>Hello</p>"), "Hello"],
  [letter("quote", "text/plain", "> Lunch?\r\n> When?\r\n\r\nYes."), "Yes."],
  [letter("undeclared", "text/plain", "caf\xe9"), "café"],
  [letter("nothing", "text/plain", ""), null],
];

const file = (encoding: string, body: string): string =>
  `Subject: file\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n${body}`;

/** What is in a part, however badly it was written; Dovecot's BINARY refuses half of them, and hangs up at two. */
const files: [source: string, octets: string][] = [
  [file("base64", "aGVsbG8g\r\nd29ybGQ=\r\n"), "hello world"],
  [file("base64", "aGVsbG8g\r\nd29ybGQ\r\n"), "hello world"],
  [file("base64", "aGVsbG8gd29ybGQ=\r\n\r\n-- \r\nA mailing list\r\n"), "hello world"],
  [file("base64", "aGVs*bG8gd29ybGQ=\r\n"), "hello world"],
  [file("quoted-printable", "hello =\r\nw=6Frl=64="), "hello world"],
  [file("quoted-printable", "hello =zz\r\n"), "hello =zz\r\n"],
  [file("x-unknown", "hello\r\n"), "hello\r\n"],
];

for (const without of [[], ["PREVIEW", "BINARY"]]) {
  describe(`a server ${without.length === 0 ? "with" : "without"} PREVIEW and BINARY`, () => {
    let house: CoreHouse;

    before(async () => {
      house = await startCoreHouse({ without });
      const client = await house.otherClient("ada");
      const octets = [...letters, ...files].map(([source]) => ({ source: Buffer.from(source, "latin1") }));
      await client.append("INBOX", octets);
    });
    after(() => house.stop());

    const list = async () => {
      const fields = ["snippet" as const];
      const page = await house.core.listMessages({ account: "ada", mailbox: "inbox", limit: 50, fields }, newCall());
      assert.ok(!page.notModified);
      return [...page.items].reverse();
    };

    it("has the same snippets, which are read once", async () => {
      const wanted = letters.map(([, snippet]) => snippet);
      assert.deepEqual(
        (await list()).slice(0, wanted.length).map(({ snippet }) => snippet),
        wanted,
      );
      house.fetches.length = 0;
      await list();
      assert.deepEqual(house.fetches, []);
    });

    it("has the same octets in its parts, whole and from anywhere within, whoever wrote them", async () => {
      const messages = (await list()).slice(letters.length);
      for (const [index, [, octets]] of files.entries()) {
        const read = async (range?: ByteRange): Promise<string> => {
          const message = messages[index]?.id ?? "";
          const input = { account: "ada", message, part: "1", ...(range && { range }) };
          return (await collect((await house.core.readPart(input, newCall())).body)).toString("latin1");
        };
        assert.equal(await read(), octets);
        assert.equal(await read({ first: 2, last: 4 }), octets.slice(2, 5));
        assert.equal(await read({ suffix: 3 }), octets.slice(-3));
      }
    });
  });
}
