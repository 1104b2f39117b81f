import iconv from "iconv-lite";

/** A command's argument: text that stands as it is, or octets that go as a literal. */
export type Part = string | { literal: Buffer };

/** A literal that is read as it goes. */
export interface Streamed {
  /** As many octets as there will be, neither more nor fewer. */
  size: number;
  octets: AsyncIterable<Uint8Array>;
  /** It need not wait for the server's leave, where the server can do without. */
  atOnce?: boolean;
}

/** Any text as a string the server must take: quoted where that can hold it, else a UTF-8 literal (RFC 9051 section 4.3). */
export function string(text: string): Part {
  if (/^[\x20-\x7e]{0,500}$/.test(text)) return `"${text.replace(/["\\]/g, "\\$&")}"`;
  // NUL cannot be sent in any form; nothing on a server can contain it either.
  return { literal: Buffer.from(text.replaceAll("\0", ""), "utf8") };
}

/** Mailbox names on the wire are modified UTF-7 (RFC 3501 section 5.1.3) unless UTF8=ACCEPT was enabled, which Postern never does. */
export function encodeMailboxName(path: string): string {
  return /^[\x20-\x25\x27-\x7e]*$/.test(path) ? path : iconv.encode(path, "utf-7-imap").toString("latin1");
}

/**
 * From octets as characters. A name that is no modified UTF-7 is taken for raw UTF-8, which some servers send,
 * or else as it stands.
 */
export function decodeMailboxName(octets: string): string {
  if (/[\x80-\xff]/.test(octets)) return decodeUtf8(octets) ?? octets;
  if (!octets.includes("&")) return octets;
  const path = iconv.decode(Buffer.from(octets, "latin1"), "utf-7-imap");
  return encodeMailboxName(path) === octets ? path : octets;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Null where the octets are no UTF-8. */
export function decodeUtf8(octets: string): string | null {
  try {
    return utf8.decode(Buffer.from(octets, "latin1"));
  } catch {
    return null;
  }
}
