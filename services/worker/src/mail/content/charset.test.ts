import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import iconv from "iconv-lite";
import { decodeCharset, decodeRaw } from "./charset.ts";

/** By charset, a text that it holds. */
const vectors: [string, string][] = [
  ["utf-8", "Grüße, 世界 😀"],
  ["utf-16le", "Grüße, 世界"],
  ["utf-16be", "Grüße, 世界"],
  ["utf-32le", "Grüße, 世界 😀"],
  ["utf-7", "Grüße & 世界"],
  ["iso-8859-1", "naïve café"],
  ["iso-8859-2", "Příliš žluťoučký kůň"],
  ["iso-8859-3", "ĉiuĵaŭde"],
  ["iso-8859-4", "ķīļi"],
  ["iso-8859-5", "Привет"],
  ["iso-8859-6", "مرحبا"],
  ["iso-8859-7", "Γειά σου"],
  ["iso-8859-8", "שלום"],
  ["iso-8859-9", "İyi günler, şöyle"],
  ["iso-8859-10", "þetta ðaš"],
  ["iso-8859-11", "สวัสดี"],
  ["iso-8859-13", "ąžuolas"],
  ["iso-8859-14", "ŵy ŷd"],
  ["iso-8859-15", "cœur, 10 €"],
  ["iso-8859-16", "știință"],
  ["windows-874", "สวัสดี"],
  ["windows-1250", "Zażółć gęślą jaźń"],
  ["windows-1251", "Съешь ещё этих мягких булок"],
  ["windows-1252", "“smart” – 5 €"],
  ["windows-1253", "Καλημέρα"],
  ["windows-1254", "İstanbul’da"],
  ["windows-1255", "שלום"],
  ["windows-1256", "مرحبا"],
  ["windows-1257", "ąčęėįšųūž"],
  ["windows-1258", "Viêt"],
  ["koi8-r", "Привет, мир"],
  ["koi8-u", "Привіт, їжак"],
  ["koi8-t", "Салом"],
  ["macintosh", "naïve ƒ"],
  ["maccyrillic", "Привет"],
  ["cp437", "é ≥ ½"],
  ["cp850", "é ¾"],
  ["cp866", "Привет"],
  ["tis-620", "สวัสดี"],
  ["viscii", "Tiếng Việt"],
  ["armscii8", "Բարեւ"],
  ["georgianps", "გამარჯობა"],
  ["rk1048", "Қазақ"],
  ["hproman8", "é à"],
  ["shift_jis", "日本語テスト"],
  ["windows-31j", "①髙﨑"],
  ["euc-jp", "日本語"],
  ["gb2312", "你好"],
  ["gbk", "你好，朱镕基"],
  ["gb18030", "你好 😀"],
  ["big5", "繁體中文"],
  ["big5-hkscs", "香港係"],
  ["euc-kr", "안녕하세요"],
  ["cp949", "안녕 똠방각하"],
];

test("text is read in every charset that mail uses", () => {
  for (const [charset, text] of vectors) {
    const octets = iconv.encode(text, charset === "gb2312" ? "gbk" : charset);
    assert.equal(decodeCharset(octets, charset), text, charset);
    assert.equal(decodeCharset(octets, ` "${charset.toUpperCase()}"`), text, charset);
  }
});

test("no charset that the library knows makes reading fail", () => {
  assert.ok(iconv.encodingExists("utf-8"));
  const known: unknown = Reflect.get(iconv, "encodings");
  assert.ok(typeof known === "object" && known !== null);
  const all = [...Object.keys(known), "iso-2022-jp", "iso-2022-kr"];
  assert.ok(all.length > 400);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(...all), (octets, charset) => {
      const text = decodeCharset(octets, charset);
      assert.ok(text.isWellFormed());
    }),
    { numRuns: 5_000 },
  );
});

test("what is declared as anything at all is read without failing", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 60 }),
      fc.oneof(fc.string({ maxLength: 70 }), fc.constant(null)),
      (octets, charset) => {
        assert.ok(decodeCharset(octets, charset).isWellFormed());
      },
    ),
  );
});

/** Declared, octets, what a reader wants to see. */
const misdeclared: [string | null, string | number[], string][] = [
  [null, "Gr\xc3\xbc\xc3\x9fe", "Grüße"],
  ["us-ascii", "Gr\xc3\xbc\xc3\x9fe", "Grüße"],
  ["us-ascii", "caf\xe9", "café"],
  ["iso-8859-1", "Gr\xc3\xbc\xc3\x9fe", "Grüße"],
  ["iso-8859-1", "\x93smart\x94 5 \x80", "“smart” 5 €"],
  ["utf-8", "caf\xe9 \x96 caf\xe9", "café – café"],
  ["utf-8", "caf\xe9", "café"],
  ["x-unknown", "caf\xe9", "café"],
  ["unknown-8bit", "Gr\xc3\xbc\xc3\x9fe", "Grüße"],
  ["", "caf\xe9", "café"],
  ["default_charset", "caf\xe9", "café"],
  ["chinesebig5", "\xa4\xa4\xa4\xe5", "中文"],
  ["gb2312_charset", "\xc4\xe3", "你"],
  ["gb2312", "\x96\xc5", "柵"],
  ["shift_jis", "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e!", "日本語!"],
  ["iso-8859-2", "P\xc5\x99\xc3\xadli\xc5\xa1", "Příliš"],
  ["ks_c_5601-1987", "\xbe\xc8\xb3\xe7", "안녕"],
  ["iso-2022-jp", "\x1b$BF|K\\\x1b(B", "日本"],
  ["iso-2022-jp-1", "\x1b$BF|K\\\x1b(B", "日本"],
  ["us-ascii", "\x1b$BF|K\\\x1b(B", "日本"],
  [null, "\x1b$BF|K\\\x1b(B", "日本"],
  ["unicode-1-1-utf-7", "Gr+APwA3w-e", "Grüße"],
  ["iso8859-15", "10 \xa4", "10 €"],
  ["iso_8859_5", "\xbf\xe0", "Пр"],
  ["cp-1251", "\xcf\xf0", "Пр"],
  ["utf-8", "\xef\xbb\xbfhello", "hello"],
  [null, "\xff\xfeh\0i\0", "hi"],
  ["us-ascii", "\xfe\xff\0h\0i", "hi"],
  ["constructor", "caf\xe9", "café"],
  ["__proto__", "caf\xe9", "café"],
  ["toString", "caf\xe9", "café"],
  ["base64", "aGVsbG8=", "aGVsbG8="],
  ["hex", "cafe", "cafe"],
  ["binary", "caf\xe9", "café"],
];

test("wrong and missing declarations are seen through", () => {
  for (const [declared, octets, text] of misdeclared) {
    const given = typeof octets === "string" ? Buffer.from(octets, "latin1") : Uint8Array.from(octets);
    assert.equal(decodeCharset(given, declared), text, `${declared}: ${String(octets)}`);
  }
});

test("one stray octet leaves the rest of a UTF-8 text readable", () => {
  const octets = Buffer.concat([Buffer.from("Привет "), Buffer.from([0x96]), Buffer.from(" мир")]);
  assert.equal(decodeCharset(octets, "utf-8"), "Привет – мир");
});

test("a text of a Latin charset that looks like UTF-8 in a place or two is of that charset", () => {
  const french = Buffer.from("Le \xabCAF\xc9\xbb est \xe0 c\xf4t\xe9", "latin1");
  for (const declared of ["iso-8859-1", "windows-1252", "latin1"])
    assert.equal(decodeCharset(french, declared), "Le «CAFÉ» est à côté", declared);
  const chinese = Buffer.from("\xd6\xd0\xc2\xb7\xcd\xa8\xc5\xe4", "latin1");
  assert.equal(decodeCharset(chinese, "iso-8859-1"), "ÖÐÂ·Í¨Åä");
  const mostly = Buffer.concat([Buffer.from("Grüße aus Köln, Übermütige"), Buffer.from([0x96])]);
  assert.equal(decodeCharset(mostly, "iso-8859-1"), "Grüße aus Köln, Übermütige–");
});

test("UTF-8 text is itself under every declaration that is made without thinking", () => {
  const declared = fc.constantFrom(
    null,
    "utf-8",
    "us-ascii",
    "iso-8859-1",
    "windows-1252",
    "unknown",
    "UTF8",
    "latin1",
  );
  const text = fc.string({ unit: "grapheme" }).filter((one) => !/^\ufeff|\x1b/.test(one));
  fc.assert(
    fc.property(text, declared, (one, charset) => {
      assert.equal(decodeCharset(Buffer.from(one), charset), one);
    }),
  );
});

test("UTF-8 that was cut anywhere shows all whole characters and no wrong one", () => {
  const text = "Съешь ещё 世界 😀 этих";
  const octets = Buffer.from(text);
  for (let length = 3; length <= octets.length; length += 1) {
    const shown = decodeRaw(octets.subarray(0, length));
    assert.ok(text.startsWith(shown), `${length}: ${shown}`);
  }
});

test("a last letter beyond ASCII is not mistaken for a cut", () => {
  assert.equal(decodeRaw(Buffer.from("Andr\xe9", "latin1")), "André");
  assert.equal(decodeRaw(Buffer.from("\xe9", "latin1")), "é");
});
