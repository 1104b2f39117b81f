import { decodeCharset, decodeRaw, normalizeCharset } from "./charset.ts";
import { decodeTransfer } from "./transfer.ts";

/** RFC 2047 section 2, and a language by RFC 2231 section 5. What follows is the text, up to the next `?=`. */
const wordStart = /=\?([\w.:+-]{1,60})(?:\*[\w-]{0,30})?\?([bq])\?/gi;

interface Word {
  charset: string;
  encoding: "b" | "q";
  /** Of this word, and of those that it goes on in. */
  text: string;
}

/**
 * A header value as it stands in a message, one character an octet: encoded words are decoded (RFC 2047), octets beyond
 * ASCII are taken for UTF-8 or else for Windows-1252, which covers nearly all mail that breaks the rule. Words of one
 * charset are put together before they are decoded, since characters are split between them.
 */
export function decodeWords(octets: string): string {
  const pieces: (string | Word)[] = [];
  let at = 0;
  for (const { index, word, end } of wordsIn(octets)) {
    const between = octets.slice(at, index);
    // Section 6.2: space between two words is not shown.
    if (between.trim() !== "" || typeof pieces.at(-1) !== "object") pieces.push(between);
    pieces.push(word);
    at = end;
  }
  pieces.push(octets.slice(at));
  return clean(decodeAll(pieces));
}

/** Octets of a header in a charset that is told. */
export function decodeWord(octets: Uint8Array, charset: string): string {
  return clean(decodeCharset(octets, charset));
}

function* wordsIn(octets: string): Generator<{ index: number; word: Word; end: number }> {
  const start = new RegExp(wordStart);
  for (let match = start.exec(octets); match; match = start.exec(octets)) {
    const [opening, charset = "", encoding = ""] = match;
    const from = match.index + opening.length;
    const to = octets.indexOf("?=", from);
    if (to < 0) return;
    start.lastIndex = to + 2;
    const word: Word = {
      charset,
      encoding: encoding === "b" || encoding === "B" ? "b" : "q",
      text: octets.slice(from, to),
    };
    yield { index: match.index, word, end: to + 2 };
  }
}

function decodeAll(pieces: readonly (string | Word)[]): string {
  let text = "";
  let run: Word[] = [];
  for (const piece of pieces) {
    if (typeof piece !== "string" && (run[0] === undefined || isSame(run[0].charset, piece.charset))) {
      run.push(piece);
      continue;
    }
    text += decodeRun(run);
    run = typeof piece === "string" ? [] : [piece];
    if (typeof piece === "string") text += decodePlain(piece);
  }
  return text + decodeRun(run);
}

function isSame(one: string, other: string): boolean {
  return one === other || normalizeCharset(one) === normalizeCharset(other);
}

/** Base64 is put together before it is undone: it, too, is split anywhere. */
function decodeRun(run: readonly Word[]): string {
  const [first] = run;
  if (!first) return "";
  const octets: Uint8Array[] = [];
  let base64 = "";
  const flush = (): void => {
    if (base64 !== "") octets.push(decodeTransfer(Buffer.from(base64, "latin1"), "base64"));
    base64 = "";
  };
  for (const { encoding, text } of run) {
    if (encoding === "b") {
      base64 += text;
    } else {
      flush();
      octets.push(decodeQ(text));
    }
  }
  flush();
  return decodeCharset(Buffer.concat(octets), first.charset);
}

/** Section 4.2. */
function decodeQ(text: string): Uint8Array {
  const octets = text
    .replaceAll("_", " ")
    .replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(octets, "latin1");
}

function decodePlain(octets: string): string {
  return /[\x80-\xff\x1b]/.test(octets) ? decodeRaw(Buffer.from(octets, "latin1")) : octets;
}

/** Folding that was kept, and what would break out of a line. */
function clean(text: string): string {
  return text
    .replace(/\r?\n[ \t]?/g, " ")
    .replace(/[\0\r\n]/g, "")
    .toWellFormed();
}
