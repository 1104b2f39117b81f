import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeHeaders, rawHeaders, referencesOf } from "./headers.ts";

const octets = (text: string): Uint8Array => Buffer.from(text, "latin1");

test("header fields come in their order, unfolded and decoded", () => {
  const header = octets(
    [
      "Received: one",
      "Received: two",
      "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=",
      " =?utf-8?Q?_und?=",
      "\tmore",
      "X-Raw: caf\xe9",
      "X-Utf8: caf\xc3\xa9",
      "X-Empty:",
      "X-Space : before the colon",
      "no field at all",
      "",
      "",
    ].join("\r\n"),
  );
  assert.deepEqual(decodeHeaders(header), [
    { name: "Received", value: "one" },
    { name: "Received", value: "two" },
    { name: "Subject", value: "Grüße und\tmore" },
    { name: "X-Raw", value: "café" },
    { name: "X-Utf8", value: "café" },
    { name: "X-Empty", value: "" },
    { name: "X-Space", value: "before the colon" },
  ]);
});

test("bare line feeds end lines as well", () => {
  assert.deepEqual(decodeHeaders(octets("A: 1\n 2\nB: 3\n\n")), [
    { name: "A", value: "1 2" },
    { name: "B", value: "3" },
  ]);
});

test("raw headers are the octets, one character each", () => {
  assert.equal(rawHeaders(octets("Subject: caf\xe9\r\n\r\n")), "Subject: caf\xe9\r\n\r\n");
});

test("references are the ids alone, oldest first", () => {
  const header = octets(
    "Subject: x\r\nREFERENCES: <a@example.org>\r\n\t(comment) <b@example.org>,<c@example.org> junk\r\n",
  );
  assert.deepEqual(referencesOf(header), ["<a@example.org>", "<b@example.org>", "<c@example.org>"]);
  assert.deepEqual(referencesOf(octets("Subject: x\r\n")), []);
});

test("any octets are headers or nothing, never an error or a broken line", () => {
  const piece = fc.constantFrom("A", ":", " ", "\r\n", "\n", "=?utf-8?q?=0D=0A?=", "\xff", "\0", "X-Y: ");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      for (const { name, value } of decodeHeaders(octets(pieces.join("")))) {
        assert.match(name, /^[!-9;-~]+$/);
        assert.doesNotMatch(value, /[\r\n\0]/);
      }
    }),
  );
});
