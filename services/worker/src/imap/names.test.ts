import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { quote, tell } from "@postern/test/servers/scripted";
import { decodeMailboxName, encodeMailboxName, string } from "./encode.ts";
import { writtenForms } from "./names.ts";
import { opened } from "./testing.ts";

const known: [path: string, octets: string][] = [
  ["INBOX", "INBOX"],
  ["Entwürfe", "Entw&APw-rfe"],
  ["~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"],
  ["A & B", "A &- B"],
  ["&", "&-"],
  ["📬 Post", "&2D3c7A- Post"],
  ["Входящие", "&BBIERQQ+BDQETwRJBDgENQ-"],
];

test("mailbox names are modified UTF-7 (RFC 3501 section 5.1.3)", () => {
  for (const [path, octets] of known) {
    assert.equal(encodeMailboxName(path), octets);
    assert.equal(decodeMailboxName(octets), path);
  }
});

test("every path goes to the server and back unchanged", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 40 }), (path) => {
      const octets = encodeMailboxName(path);
      assert.match(octets, /^[\x20-\x7e]*$/);
      assert.equal(decodeMailboxName(octets), path);
    }),
  );
});

test("every name that a server lists can be sent back as it came, broken or not", () => {
  const octet = fc.oneof(
    fc.constantFrom(..."&-/.,+Aa0 "),
    fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)),
  );
  fc.assert(
    fc.property(fc.string({ unit: octet, maxLength: 30 }), (octets) => {
      assert.ok(writtenForms(decodeMailboxName(octets)).includes(octets), JSON.stringify(octets));
    }),
    { numRuns: 3_000 },
  );
});

test("any text becomes a quoted string or a literal of its UTF-8", () => {
  assert.equal(string('a "b" \\'), '"a \\"b\\" \\\\"');
  assert.equal(string(""), '""');
  for (const text of ["ü", "a\r\nb", "\0x", "x".repeat(501)]) assert.ok(typeof string(text) !== "string", text);
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const part = string(text);
      if (typeof part === "string") assert.match(part, /^"(?:[^"\\\r\n\0\x7f-\uffff]|\\["\\])*"$/);
      else assert.ok(!part.literal.includes(0));
    }),
  );
});

const odd: Record<string, string> = {
  "raw UTF-8": Buffer.from("Entwürfe").toString("latin1"),
  "raw Latin-1": "Entw\xfcrfe",
  "an ampersand that starts nothing": "Tom & Jerry",
  "a shift that never ends": "Broken &APw",
  "base64 where none is needed": "&AEEAQg-",
  "an empty shift in the middle": "&APw-&APw-",
  "spaces around": " odd ",
  'quotes and "backslashes\\"': 'quotes and "backslashes\\"',
  "what looks like a literal": "x{5}",
};

for (const [what, octets] of Object.entries(odd)) {
  for (const capabilities of [["IMAP4rev1"], ["IMAP4rev1", "LITERAL+", "LIST-EXTENDED", "LIST-STATUS"]]) {
    test(`a mailbox named with ${what} is listed and can be opened${capabilities.length > 1 ? ", LIST-STATUS or not" : ""}`, async (t) => {
      const mailboxes = [{ name: "INBOX" }, { name: octets, uidValidity: 77 }];
      const { server, session } = await opened(t, { mailboxes, capabilities });
      const listed = (await session.list({ counters: true })).find(({ path }) => path !== "INBOX");
      assert.equal(listed?.status?.uidValidity, 77);
      const path = listed?.path ?? "";
      assert.equal((await session.examine(path))?.uidValidity, 77);
      assert.equal((await session.status(path))?.uidValidity, 77);
      // On a connection that has not seen the list.
      const other = await opened(t, { mailboxes, capabilities });
      assert.equal((await other.session.examine(path))?.uidValidity, 77);
      assert.ok(server.commands.length > 0);
    });
  }
}

test("a mailbox that does not exist is asked for once if its name is plain", async (t) => {
  const { server, session } = await opened(t);
  assert.equal(await session.status("Nothing here"), null);
  assert.equal(server.commands.filter(({ name }) => name === "STATUS").length, 1);
});

test("two names that read the same are one mailbox: the one written as it should be", async (t) => {
  const lines = ["&APw-", "\xfc"].map((name) => `* LIST () "/" ${quote(name)}`);
  const { session } = await opened(t, { on: { LIST: tell(...lines), LSUB: tell() } });
  const listed = await session.list({ counters: false });
  assert.deepEqual(
    listed.map(({ path }) => path),
    ["ü"],
  );
});
