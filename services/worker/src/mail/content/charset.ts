import iconv from "iconv-lite";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Names that are met and that neither library nor platform knows. */
const aliases: Readonly<Record<string, string>> = {
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
  "iso-8859-8-i": "iso-8859-8",
  "iso-8859-8-e": "iso-8859-8",
  "x-mac-roman": "macintosh",
  "x-roman8": "hproman8",
  "ansi_x3.110-1983": "iso-8859-1",
  "x-user-defined": "windows-1252",
  utf8mb4: "utf-8",
  default: "us-ascii",
  "unknown-8bit": "us-ascii",
  "8bit": "us-ascii",
  ansi: "windows-1252",
};

/** Charsets that mail declares without meaning it: what is valid UTF-8 beyond ASCII is UTF-8 all the same. */
const unmeant = /^(us-ascii|ascii|ansi_x3\.4-1968|iso-?8859-1|latin1|windows-1252|cp1252|utf-?8)$/;

/**
 * Text in a declared charset, whatever was declared: an unknown name, none, or the wrong one of the usual ones is seen
 * through where it can be. Never throws; what cannot be read becomes U+FFFD.
 */
export function decodeCharset(octets: Uint8Array, declared: string | null): string {
  const name = normalize(declared);
  if (name === null || unmeant.test(name)) return decodeRaw(octets);
  const text = decodeAs(octets, name);
  return text === null ? decodeRaw(octets) : text.replace(/^\uFEFF/, "").toWellFormed();
}

/** Undeclared octets: UTF-8 if they are that, else Windows-1252, which most of the rest are. */
export function decodeRaw(octets: Uint8Array): string {
  const bom = decodeByMark(octets);
  if (bom !== null) return bom;
  try {
    return utf8.decode(withoutCutCharacter(octets));
  } catch {
    return windows1252.decode(octets);
  }
}

const windows1252 = new TextDecoder("windows-1252");

function decodeByMark(octets: Uint8Array): string | null {
  if (octets[0] === 0xff && octets[1] === 0xfe) return new TextDecoder("utf-16le").decode(octets);
  if (octets[0] === 0xfe && octets[1] === 0xff) return new TextDecoder("utf-16be").decode(octets);
  return null;
}

/** Text that was cut somewhere ends, as a rule, within a character: that must not make it look like another charset. */
function withoutCutCharacter(octets: Uint8Array): Uint8Array {
  for (let back = 1; back <= Math.min(3, octets.length); back += 1) {
    const octet = octets[octets.length - back] ?? 0;
    if (octet >= 0xc0) return lengthOf(octet) > back ? octets.subarray(0, octets.length - back) : octets;
    if (octet < 0x80) return octets;
  }
  return octets;
}

function lengthOf(lead: number): number {
  return lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
}

function decodeAs(octets: Uint8Array, name: string): string | null {
  // The platform knows the escape-coded Japanese and Korean that iconv-lite does not.
  if (name.startsWith("iso-2022-")) return platform(octets, name);
  if (iconv.encodingExists(name))
    return iconv.decode(Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength), name);
  return platform(octets, name);
}

function platform(octets: Uint8Array, name: string): string | null {
  try {
    return new TextDecoder(name.replace(/^(iso-2022-jp)-.*$/, "$1")).decode(octets);
  } catch {
    return null;
  }
}

function normalize(declared: string | null): string | null {
  const name = (declared ?? "")
    .trim()
    .toLowerCase()
    .replace(/^["']|["']$/g, "")
    .replace(/\s+/g, "");
  if (name === "" || name.length > 60) return null;
  return aliases[name] ?? name.replace(/^cp-(\d+)$/, "cp$1").replace(/^(iso)_?(8859)[-_](\d+)$/, "$1-$2-$3");
}
