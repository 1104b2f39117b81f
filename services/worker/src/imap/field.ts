import { decodeWords } from "../mail/content/index.ts";
import { decodeUtf8 } from "./encode.ts";
import { octetsOf, type Value } from "./response.ts";

/** A header field that is longer was made to keep somebody busy. */
export const MAX_OCTETS = 32_768;

/** Text for people, its encoded words decoded (RFC 2047). Null: NIL. */
export function decodedText(value: Value | undefined): string | null {
  const octets = octetsOf(value);
  return octets === null ? null : decodeWords(octets.slice(0, MAX_OCTETS));
}

/** Text for machines: taken as it is, but for what would break out of a line. Null: NIL. */
export function plainText(value: Value | undefined): string | null {
  const octets = octetsOf(value)?.slice(0, MAX_OCTETS);
  if (octets === undefined) return null;
  return (decodeUtf8(octets) ?? octets).replace(/[\0-\x1f\x7f]+/g, " ").toWellFormed();
}
