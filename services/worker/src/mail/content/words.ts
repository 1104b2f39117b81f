import libmime from "libmime";
import { decodeRaw } from "./charset.ts";

/**
 * A header value as it stands in a message, one character an octet: encoded words are decoded (RFC 2047), octets beyond
 * ASCII are taken for UTF-8 or else for Windows-1252, which covers nearly all mail that breaks the rule.
 */
export function decodeWords(octets: string): string {
  const text = /[\x80-\xff]/.test(octets) ? decodeRaw(Buffer.from(octets, "latin1")) : octets;
  return clean(text.includes("=?") ? safely(text) : text);
}

function safely(text: string): string {
  try {
    return libmime.decodeWords(text);
  } catch {
    return text;
  }
}

/** Folding that was kept, and what would break out of a line. */
function clean(text: string): string {
  return text
    .replace(/\r?\n[ \t]?/g, " ")
    .replace(/[\0\r\n]/g, "")
    .toWellFormed();
}
