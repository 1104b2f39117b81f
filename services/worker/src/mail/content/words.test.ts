import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import iconv from "iconv-lite";
import { decodeWords } from "./words.ts";

const vectors: [string, string][] = [
  ["plain", "plain"],
  ["=?utf-8?Q?a?= =?utf-8?Q?b?=", "ab"],
  ["=?utf-8?Q?a?=\r\n =?utf-8?Q?b?=", "ab"],
  ["=?utf-8?Q?a?= b", "a b"],
  ["a =?utf-8?Q?b?= c", "a b c"],
  ["=?utf-8?Q?a?= x =?utf-8?Q?b?=", "a x b"],
  ["=?ISO-8859-1?Q?a_b?=", "a b"],
  ["=?ISO-8859-1?Q?Keld_J=F8rn?=", "Keld Jørn"],
  ["=?utf-8?B?4oI=?= =?utf-8?B?rA==?=", "€"],
  ["=?utf-8?Q?=E2=82?= =?utf-8?Q?=AC?=", "€"],
  ["=?utf-8?Q?=E2=82?= =?UTF-8?B?rA==?=", "€"],
  ["=?utf-8?B?4oKs4?= =?utf-8?B?oKs=?=", "€€"],
  ["=?shift_jis?b?k/o=?= =?shift_jis?b?lns=?=", "日本"],
  ["=?iso-2022-jp?B?GyRCRnw=?= =?iso-2022-jp?B?S1wbKEI=?=", "日本"],
  ["=?iso-2022-jp?B?GyRCRnwbKEI=?= =?iso-2022-jp?B?GyRCS1wbKEI=?=", "日本"],
  ["=?gb2312?B?xOO6ww==?=", "你好"],
  ["=?utf-8?q?a?==?utf-8?q?b?=", "ab"],
  ["x=?utf-8?q?b?=y", "xby"],
  ['"=?utf-8?Q?a?=" <x@example.org>', '"a" <x@example.org>'],
  ["=?utf-8*en?Q?hi?=", "hi"],
  ["=?utf-8?q?a b c?=", "a b c"],
  ["=?utf-8?q?What??=", "What?"],
  ["=?utf-8?q??=", ""],
  ["=?utf-8?q?a=?=", "a="],
  ["=?utf-8?q?=zz?=", "=zz"],
  ["=?us-ascii?q?=C3=A9?=", "é"],
  ["=?utf-8?q?=E9t=E9?=", "été"],
  ["=?iso-8859-1?q?5_=80?=", "5 €"],
  ["=?nonsense?q?=E9t=E9?=", "été"],
  ["=?unknown-8bit?q?=C3=A9?=", "é"],
  ["=?utf-7?q?+AOk-?=", "é"],
  ["=?utf-8?x?zz?=", "=?utf-8?x?zz?="],
  ["=?utf-8?q?open", "=?utf-8?q?open"],
  ["\xe9t\xe9", "été"],
  ["\xc3\xa9t\xc3\xa9", "été"],
  ["Andr\xe9", "André"],
  ["caf\xc3\xa9 =?utf-8?q?=C3=A9?= caf\xe9", "café é café"],
  ["=?utf-8?q?\xc3\xa9?=", "é"],
  ["\x1b$BF|K\\\x1b(B", "日本"],
];

test("encoded words are read as they are met", () => {
  for (const [octets, text] of vectors) assert.equal(decodeWords(octets), text, octets);
});

test("nothing that is decoded breaks out of its line", () => {
  assert.equal(decodeWords("=?utf-8?q?x=0D=0ABcc:_y=00?="), "x Bcc: y");
  fc.assert(
    fc.property(fc.string({ unit: "binary-ascii" }), (text) => {
      const word = `=?utf-8?B?${Buffer.from(text).toString("base64")}?=`;
      assert.doesNotMatch(decodeWords(word), /[\r\n\0]/);
    }),
  );
});

test("any text that was put into words comes out again, however its octets were split", () => {
  const charset = fc.constantFrom("utf-8", "gb18030", "utf-16be");
  // No marks and escapes at the beginning that say another charset.
  const text = fc.string({ unit: "grapheme", minLength: 1 }).map((one) => `x${one.replace(/[\p{Cc}\ufeff]/gu, "")}`);
  fc.assert(
    fc.property(text, charset, fc.integer({ min: 1, max: 20 }), fc.boolean(), (one, name, step, isBase64) => {
      const octets = iconv.encode(one, name);
      const words: string[] = [];
      for (let at = 0; at < octets.length; at += step) {
        const part = octets.subarray(at, at + step);
        const q = [...part].map((octet) => `=${octet.toString(16).padStart(2, "0")}`).join("");
        words.push(isBase64 ? `=?${name}?B?${part.toString("base64")}?=` : `=?${name}?Q?${q}?=`);
      }
      assert.equal(decodeWords(words.join("\r\n ")), one);
    }),
  );
});

test("anything at all is decoded without failing", () => {
  const piece = fc.constantFrom(
    "=?",
    "?=",
    "utf-8",
    "?Q?",
    "?b?",
    "=C3",
    "=",
    " ",
    "\r\n ",
    "\xff",
    "gb2312",
    "AAA",
    "=?utf-8?q?",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      assert.ok(decodeWords(pieces.join("")).isWellFormed());
    }),
  );
});

test("a header of nothing but beginnings of words is left as it is", () => {
  const octets = "=?utf-8?q?x".repeat(20_000);
  assert.ok(decodeWords(octets) === octets);
});
