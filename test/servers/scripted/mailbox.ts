/** The world of a scripted server: as little as a client of it can believe in. */
export interface ScriptedMailbox {
  /** As it goes over the wire, one character an octet. */
  name: string;
  attributes?: string[];
  subscribed?: boolean;
  uidValidity?: number;
  /** Null: not told by EXAMINE, as Courier does. Absent: above the last message. */
  uidNext?: number | null;
  highestModseq?: bigint;
  /** What OBJECTID calls it (RFC 8474 section 4). */
  mailboxId?: string;
  /** What PERMANENTFLAGS names; absent: not told. */
  permanentFlags?: string;
  messages?: ScriptedMessage[];
}

export interface ScriptedMessage {
  uid: number;
  /** Headers and body with CRLF, one character an octet. */
  source: string;
  flags?: string[];
  /** As IMAP writes it: `17-Jul-1996 02:44:25 -0700`. */
  internalDate?: string;
  modseq?: bigint;
  /** What OBJECTID and X-GM-EXT-1 call it, the same on copies. */
  guid?: string;
  /** What OBJECTID and X-GM-EXT-1 call its conversation. */
  thread?: string;
  /** What is said of its octets in place of how many there are. */
  size?: number;
  /** What is said in place of the right one, with its outer parentheses. */
  envelope?: string;
  structure?: string;
}

/** A message of a few lines. */
export function scriptedMessage(uid: number, subject = `Message ${uid}`): ScriptedMessage {
  const headers = ["From: Ada <ada@example.org>", "To: Bob <bob@example.com>", `Subject: ${subject}`];
  const lines = [...headers, `Message-ID: <${uid}@example.org>`, "", `This is message ${uid}.`, ""];
  return { uid, source: lines.join("\r\n") };
}

export function uidNextOf(mailbox: ScriptedMailbox): number {
  return mailbox.uidNext ?? Math.max(0, ...(mailbox.messages ?? []).map(({ uid }) => uid)) + 1;
}

export function sameName(a: string, b: string): boolean {
  return a === b || (a.toUpperCase() === "INBOX" && b.toUpperCase() === "INBOX");
}

/** A quoted string, or a literal where that cannot hold it. */
export function quote(text: string | null): string {
  if (text === null) return "NIL";
  if (/^[\x20-\x7e]*$/.test(text)) return `"${text.replace(/["\\]/g, "\\$&")}"`;
  return literal(text);
}

export function literal(octets: string): string {
  return `{${octets.length}}\r\n${octets}`;
}
