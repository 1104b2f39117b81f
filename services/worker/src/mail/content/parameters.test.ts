import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeParameters } from "./parameters.ts";

const name = (...given: [string, string][]): string | undefined => decodeParameters(new Map(given)).get("filename");

const vectors: [[string, string][], string][] = [
  [[["filename", "a.pdf"]], "a.pdf"],
  [[["filename", "=?utf-8?Q?r=C3=A9sum=C3=A9.pdf?="]], "résumé.pdf"],
  [[["filename", "=?utf-8?B?4oI=?= =?utf-8?B?rC50eHQ=?="]], "€.txt"],
  [[["filename", "r\xc3\xa9sum\xc3\xa9.pdf"]], "résumé.pdf"],
  [[["filename", "r\xe9sum\xe9.pdf"]], "résumé.pdf"],
  [[["filename*", "utf-8''%E2%82%AC%20rates"]], "€ rates"],
  [[["filename*", "utf-8''caf%C3%A9%20%E2%82%AC"]], "café €"],
  [[["filename*", "iso-8859-1'en'%A3%20rates"]], "£ rates"],
  [[["filename*", "gb2312''%C4%E3.txt"]], "你.txt"],
  [[["filename*", "unknown''caf%E9"]], "café"],
  [[["filename*", "us-ascii''caf%C3%A9"]], "café"],
  [[["filename*", "''caf%C3%A9"]], "café"],
  [[["filename*", "no-quotes%20here.txt"]], "no-quotes here.txt"],
  [[["filename*", "utf-8''100%.txt"]], "100%.txt"],
  [
    [
      ["filename", "fallback.txt"],
      ["filename*", "utf-8''na%22me.txt"],
    ],
    'na"me.txt',
  ],
  [
    [
      ["filename*", "utf-8''real.txt"],
      ["filename", "fallback.txt"],
    ],
    "real.txt",
  ],
  [
    [
      ["filename*0*", "utf-8''%E6"],
      ["filename*1*", "%97%A5"],
      ["filename*2", ".txt"],
    ],
    "日.txt",
  ],
  [
    [
      ["filename*1", "b%20"],
      ["filename*0", "a"],
      ["filename*2", "c"],
    ],
    "ab%20c",
  ],
  [
    [
      ["filename*0", "=?utf-8?Q?=E2?="],
      ["filename*1", "=?utf-8?Q?=82=AC?="],
    ],
    "€",
  ],
  [
    [
      ["filename*10", "b"],
      ["filename*9", "a"],
    ],
    "ab",
  ],
  [[["filename*", "utf-8''=?utf-8?Q?a?="]], "=?utf-8?Q?a?="],
];

test("parameters are read as they are met", () => {
  for (const [given, expected] of vectors) assert.equal(name(...given), expected, JSON.stringify(given));
});

test("a file name cannot bring another line with it", () => {
  assert.equal(name(["filename*", "utf-8''a%0D%0Ab%00"]), "a b");
});

test("any name that was cut into continuations comes out again", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 1, max: 30 }), (text, step) => {
      const wanted = text.replace(/[\p{Cc}\ufeff]/gu, "");
      const octets = Buffer.from(wanted);
      const raw = new Map<string, string>();
      for (let at = 0; at === 0 || at < octets.length; at += step) {
        const escaped = [...octets.subarray(at, at + step)].map((octet) => `%${octet.toString(16).padStart(2, "0")}`);
        raw.set(`filename*${raw.size}*`, `${at === 0 ? "utf-8''" : ""}${escaped.join("")}`);
      }
      assert.equal(decodeParameters(raw).get("filename"), wanted);
    }),
  );
});
