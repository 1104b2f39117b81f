import iconv from "iconv-lite";

const utf8 = new TextDecoder("utf-8", { fatal: true });
const windows1252 = new TextDecoder("windows-1252");

/** Names that are met and that neither library nor platform knows, or knows too narrowly for what bears them. */
const aliases = new Map(
  Object.entries({
    "unicode-1-1-utf-7": "utf-7",
    "x-unicode-2-0-utf-7": "utf-7",
    "unicode-1-1-utf-8": "utf-8",
    "x-sjis": "shift_jis",
    ms_kanji: "shift_jis",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601-1989": "cp949",
    "x-windows-949": "cp949",
    gb2312: "gb18030",
    gbk: "gb18030",
    "x-gbk": "gb18030",
    chinesebig5: "big5",
    "x-x-big5": "big5",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8",
    "iso-8859-9": "windows-1254",
    "iso-8859-11": "windows-874",
    "tis-620": "windows-874",
    "x-mac-roman": "macintosh",
    "x-roman8": "hproman8",
    "ansi_x3.110-1983": "iso-8859-1",
    "x-user-defined": "windows-1252",
    utf8mb4: "utf-8",
    default: "us-ascii",
    "unknown-8bit": "us-ascii",
    "8bit": "us-ascii",
    ansi: "windows-1252",
  }),
);

/** Charsets that mail declares without meaning it: what is valid UTF-8 beyond ASCII is UTF-8 all the same. */
const unmeant = /^(us-ascii|ascii|ansi_x3\.4-1968|iso-?8859-1|latin1|windows-1252|cp1252|utf-?8)$/;
const latin = /^(iso-?8859-1|latin1|windows-1252|cp1252)$/;

/** What iconv-lite calls encodings and is no charset of a message. */
const noCharset = /^(base64|hex|binary|internal|utf-?7-?imap)$/;

/**
 * Text in a declared charset, whatever was declared: an unknown name, none, or the wrong one of the usual ones is seen
 * through where it can be. Never throws; what cannot be read becomes U+FFFD.
 */
export function decodeCharset(octets: Uint8Array, declared: string | null): string {
  const name = normalizeCharset(declared);
  if (name === null || unmeant.test(name)) return decodeUnmeant(octets, name !== null && latin.test(name));
  const text = decodeAs(octets, name);
  if (text === null) return decodeRaw(octets);
  const isDoubtful = /[\u0080-\u009f\ufffd]/.test(text) && octets.some((octet) => octet >= 0x80);
  return ((isDoubtful ? strictly(octets) : null) ?? text).replace(/^\uFEFF/, "").toWellFormed();
}

/** Undeclared octets: UTF-8 where they are that, and Windows-1252, which most of the rest are, where they are not. */
export function decodeRaw(octets: Uint8Array): string {
  return decodeUnmeant(octets, false);
}

function decodeUnmeant(octets: Uint8Array, isLatin: boolean): string {
  const told = decodeByMark(octets) ?? decodeByEscape(octets) ?? strictly(octets);
  return told ?? mixed(withoutCutCharacter(octets), isLatin);
}

/** One name for one charset; null for none that means anything. */
export function normalizeCharset(declared: string | null): string | null {
  const name = (declared ?? "")
    .trim()
    .toLowerCase()
    .replace(/^["']|["']$/g, "")
    .replace(/\s+|_charset$/g, "");
  if (name === "" || name.length > 60 || noCharset.test(name)) return null;
  return aliases.get(name) ?? name.replace(/^cp-(\d+)$/, "cp$1").replace(/^(iso)_?(8859)[-_](\d+)$/, "$1-$2-$3");
}

function strictly(octets: Uint8Array): string | null {
  try {
    return utf8.decode(octets);
  } catch {
    return null;
  }
}

function decodeByMark(octets: Uint8Array): string | null {
  if (octets[0] === 0xff && octets[1] === 0xfe) return new TextDecoder("utf-16le").decode(octets);
  if (octets[0] === 0xfe && octets[1] === 0xff) return new TextDecoder("utf-16be").decode(octets);
  return null;
}

const ESC = 0x1b;

/** Japanese in seven bits, whose escapes nothing else has (RFC 1468). */
function decodeByEscape(octets: Uint8Array): string | null {
  const at = octets.indexOf(ESC);
  const isJapanese = at >= 0 && octets[at + 1] === 0x24 && (octets[at + 2] === 0x42 || octets[at + 2] === 0x40);
  return isJapanese ? platform(withoutIdleEscapes(octets), "iso-2022-jp") : null;
}

/** Valid UTF-8 (RFC 3629 section 4), or whatever else is beyond ASCII. */
const runs =
  /((?:[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2})+)|[\x80-\xff]/g;

/**
 * One stray octet does not turn a whole text into another charset, nor do two that happen to be a character of UTF-8, such
 * as those of `É»`, where a Latin charset was declared and most of the text bears that out.
 */
function mixed(octets: Uint8Array, isLatin: boolean): string {
  const text = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString("latin1");
  if (isLatin && !isMostlyValid(text)) return windows1252.decode(octets);
  return text.replace(runs, (run: string, valid: string | undefined) => {
    const part = Buffer.from(run, "latin1");
    return valid === undefined ? windows1252.decode(part) : part.toString("utf8");
  });
}

function isMostlyValid(text: string): boolean {
  let balance = 0;
  for (const [, valid] of text.matchAll(runs)) balance += valid === undefined ? -1 : 1;
  return balance > 0;
}

/**
 * UTF-8 that was cut somewhere ends, as a rule, within a character, which says nothing. What is ASCII up to its last
 * character was not cut: that character is of another charset.
 */
function withoutCutCharacter(octets: Uint8Array): Uint8Array {
  for (let back = 1; back <= Math.min(3, octets.length); back += 1) {
    const octet = octets[octets.length - back] ?? 0;
    if (octet < 0x80) return octets;
    if (octet < 0xc0) continue;
    const rest = octets.subarray(0, octets.length - back);
    return lengthOf(octet) > back && rest.some((one) => one >= 0x80) && strictly(rest) !== null ? rest : octets;
  }
  return octets;
}

function lengthOf(lead: number): number {
  return lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
}

function decodeAs(octets: Uint8Array, name: string): string | null {
  // The platform knows the escape-coded Japanese that iconv-lite does not.
  if (name.startsWith("iso-2022-jp")) return platform(withoutIdleEscapes(octets), "iso-2022-jp");
  if (iconv.encodingExists(name))
    return iconv.decode(Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength), name);
  return platform(octets, name);
}

/** Escapes with nothing between them, as where two encoded words meet, which the platform takes for an attack. */
function withoutIdleEscapes(octets: Uint8Array): Uint8Array {
  const text = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString("latin1");
  return Buffer.from(text.replace(/(?:\x1b(?:\([A-J]|\$[@B]))+(?=\x1b[($])/g, ""), "latin1");
}

function platform(octets: Uint8Array, name: string): string | null {
  try {
    return new TextDecoder(name).decode(octets);
  } catch {
    return null;
  }
}
