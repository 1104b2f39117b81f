import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { partOf } from "./testing.ts";
import { decodeText, htmlOfText, textOfHtml, unflow } from "./text.ts";

const octets = (text: string): Uint8Array => Buffer.from(text, "latin1");

test("a part's transfer encoding and charset are undone, and its lines end in LF", () => {
  const part = partOf("text/plain", { encoding: "quoted-printable", parameters: { charset: "iso-8859-15" } });
  assert.equal(decodeText(octets("10 =A4=\r\n!\r\nb\rc"), part), "10 €!\nb\nc");
});

test("a part of nothing is an empty text", () => {
  for (const encoding of ["7bit", "base64", "quoted-printable"]) {
    assert.equal(decodeText(octets(""), partOf("text/plain", { encoding })), "");
  }
});

test("zero octets and half characters never reach an answer", () => {
  assert.equal(decodeText(octets("a\0b"), partOf("text/plain")), "ab");
  const half = partOf("text/plain", { parameters: { charset: "utf-16le" } });
  assert.ok(decodeText(octets("\x00\xd8a"), half).isWellFormed());
});

test("HTML that names its charset itself is read in it, unless the header says another", () => {
  const cyrillic = octets(
    '<meta http-equiv="Content-Type" content="text/html; charset=windows-1251"><p>\xcf\xf0\xe8</p>',
  );
  const shown = (parameters: Record<string, string>): string =>
    decodeText(cyrillic, partOf("text/html", { parameters }));
  assert.match(shown({}), /При/);
  assert.match(shown({ charset: "us-ascii" }), /При/);
  assert.match(shown({ charset: "koi8-r" }), /оПХ/i);
  assert.match(decodeText(octets("<meta charset='utf-16'>\xc3\xa9"), partOf("text/html")), /é/);
  assert.match(decodeText(octets("<meta charset=utf-7>1 +AOk- 2"), partOf("text/html")), /1 \+AOk- 2/);
});

/** Flowed, DelSp, shown. */
const flowed: [string, boolean, string][] = [
  ["a \nb", false, "a b"],
  ["a \nb", true, "ab"],
  ["a\nb", false, "a\nb"],
  ["a \nb \nc\nd", false, "a b c\nd"],
  [" From here", false, "From here"],
  ["  two", false, " two"],
  [" > no quote", false, "> no quote"],
  ["> a \n> b", false, "> a b"],
  [">a \n>b", false, "> a b"],
  [">> a \n> b", false, ">> a \n> b"],
  ["> a \nb", false, "> a \nb"],
  ["a \n> b", false, "a \n> b"],
  ["text \n-- \nname", false, "text \n-- \nname"],
  ["> text \n> -- \n> name", false, "> text \n> -- \n> name"],
  ["-- \nname", true, "-- \nname"],
  ["", false, ""],
  ["a ", false, "a "],
  ["a ", true, "a"],
  ["> \n> a", false, "> \n> a"],
  ["\n\na", false, "\n\na"],
];

test("flowed text is put together again", () => {
  for (const [text, deleteSpace, shown] of flowed) assert.equal(unflow(text, deleteSpace), shown, JSON.stringify(text));
});

test("only what says that it is flowed is put together", () => {
  const parameters = { format: "Flowed", delsp: "YES" };
  assert.equal(decodeText(octets("a \r\nb"), partOf("text/plain", { parameters })), "ab");
  assert.equal(decodeText(octets("a \r\nb"), partOf("text/plain", { parameters: { format: "fixed" } })), "a \nb");
  assert.equal(decodeText(octets("a \r\nb"), partOf("text/html", { parameters })), "a \nb");
});

test("a paragraph that was flowed at any width is itself again", () => {
  const word = fc.stringMatching(/^[a-z]{1,9}$/);
  fc.assert(
    fc.property(
      fc.array(word, { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 60 }),
      fc.nat(3),
      (words, width, depth) => {
        const quotes = ">".repeat(depth);
        const prefix = depth === 0 ? "" : `${quotes} `;
        const lines: string[] = [""];
        for (const one of words) {
          const line = lines.at(-1) ?? "";
          if (line.length + one.length > width && line !== "") lines.push(one);
          else lines[lines.length - 1] = line === "" ? one : `${line} ${one}`;
        }
        assert.equal(unflow(lines.map((line) => prefix + line).join(" \n"), false), prefix + words.join(" "));
      },
    ),
  );
});

test("anything at all is unflowed without failing", () => {
  const piece = fc.constantFrom(">", " ", "\n", "-- ", "a", "> ", " \n");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 50 }), fc.boolean(), (pieces, deleteSpace) => {
      assert.equal(typeof unflow(pieces.join(""), deleteSpace), "string");
    }),
  );
});

test("HTML without a plain form is readable text", () => {
  assert.equal(textOfHtml("<style>p{}</style><h1>Hello</h1><p>a &amp; <b>b</b><br>c</p>"), "Hello\n\na & b\nc");
  assert.equal(textOfHtml('<a href="https://example.com/long">here</a><img src="cid:x" alt="logo">'), "here");
  assert.equal(textOfHtml(""), "");
});

test("HTML that is nothing but beginnings of tags does not keep anybody busy", () => {
  for (const tags of ["<b><i>", "<table><tr><td>", "<div>"]) {
    assert.match(textOfHtml(tags.repeat((1 << 20) / tags.length)), /^…?$/);
  }
});

test("plain text among HTML is shown as it is, and never as mark-up", () => {
  assert.equal(htmlOfText("a <b> & c\nd"), '<div style="white-space:pre-wrap">a &lt;b&gt; &amp; c\nd</div>');
});

test("a page's title is no part of its text, where it has no body either", () => {
  assert.equal(textOfHtml("<title>Untitled</title><style>p{}</style><p>Hello</p>"), "Hello");
  assert.equal(textOfHtml("<html><head><title>Untitled</title></head><body><p>Hello</p></body></html>"), "Hello");
});
