import { readDate } from "./date.ts";
import { decodedText, MAX_OCTETS, plainText } from "./field.ts";
import { listOf, octetsOf, type Value } from "./response.ts";
import type { CutField, Envelope, EnvelopeAddress } from "./session.ts";

/** Addresses of one field beyond this many are left out. */
const MAX_ADDRESSES = 10_000;

/** Of RFC 9051 section 7.5.2; what a server got wrong is missing, not an error. */
export function readEnvelope(value: Value | undefined): Envelope {
  const fields = listOf(value);
  const cut = places.flatMap(([name, at]) => (isTooLong(fields[at]) ? [name] : []));
  return {
    date: readDate(octetsOf(fields[0])),
    subject: decodedText(fields[1]),
    from: readAddresses(fields[2]),
    sender: readAddresses(fields[3]),
    replyTo: readAddresses(fields[4]),
    to: readAddresses(fields[5]),
    cc: readAddresses(fields[6]),
    bcc: readAddresses(fields[7]),
    inReplyTo: plainText(fields[8])?.trim() || null,
    messageId: plainText(fields[9])?.trim() || null,
    ...(cut.length > 0 && { cut }),
  };
}

const places: [CutField, number][] = [
  ["subject", 1],
  ["from", 2],
  ["replyTo", 4],
  ["to", 5],
  ["cc", 6],
  ["bcc", 7],
  ["inReplyTo", 8],
  ["messageId", 9],
];

function isTooLong(value: Value | undefined): boolean {
  return (value?.length ?? 0) > (Array.isArray(value) ? MAX_ADDRESSES : MAX_OCTETS);
}

/** A group (RFC 5322 section 3.4) is shown as a name without an address, its members after it. */
function readAddresses(value: Value | undefined): EnvelopeAddress[] {
  return listOf(value)
    .slice(0, MAX_ADDRESSES)
    .flatMap((entry) => readAddress(listOf(entry)));
}

/** Name, source route, mailbox and host; a host that is NIL marks a group's begin, or with the mailbox NIL its end. */
function readAddress([name, , mailbox, host]: Value[]): EnvelopeAddress[] {
  const shown = decodedText(name)?.trim() || null;
  if (host === null || host === undefined) {
    const group = decodedText(mailbox)?.trim() || null;
    return group === null ? [] : [{ name: group, address: null }];
  }
  // An encoded word has no business in an address (RFC 2047 section 5); decoded, it would pass for another one.
  const address = [plainText(mailbox) ?? "", plainText(host) ?? ""].map((part) => (madeUp.has(part) ? "" : part));
  const [local = "", domain = ""] = address;
  if (local === "" && domain === "") return shown === null ? [] : [{ name: shown, address: null }];
  return [{ name: shown, address: domain === "" ? local : `${local}@${domain}` }];
}

/** What Dovecot, UW IMAP and Cyrus put where a header has no address. */
const madeUp = new Set([
  "MISSING_MAILBOX",
  "MISSING_DOMAIN",
  "MISSING_MAILBOX_TERMINATOR",
  ".MISSING-HOST-NAME.",
  ".SYNTAX-ERROR.",
  "unspecified-domain",
]);
