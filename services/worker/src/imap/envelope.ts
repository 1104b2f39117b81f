import { decodeWords } from "../mail/content/index.ts";
import { listOf, octetsOf, type Value } from "./response.ts";
import type { Envelope, EnvelopeAddress } from "./session.ts";

/** Of RFC 9051 section 7.5.2; what a server got wrong is missing, not an error. */
export function readEnvelope(value: Value | undefined): Envelope {
  const fields = listOf(value);
  return {
    date: readDate(octetsOf(fields[0])),
    subject: textOf(fields[1]),
    from: readAddresses(fields[2]),
    sender: readAddresses(fields[3]),
    replyTo: readAddresses(fields[4]),
    to: readAddresses(fields[5]),
    cc: readAddresses(fields[6]),
    bcc: readAddresses(fields[7]),
    inReplyTo: idOf(fields[8]),
    messageId: idOf(fields[9]),
  };
}

function textOf(value: Value | undefined): string | null {
  const octets = octetsOf(value);
  return octets === null ? null : decodeWords(octets);
}

function idOf(value: Value | undefined): string | null {
  const text = textOf(value)?.trim();
  return text ? text : null;
}

/** RFC 5322 section 3.3, as it is met: with comments, named zones, two-digit years. Null for what is no date at all. */
export function readDate(text: string | null): Date | null {
  if (text === null) return null;
  const plain = text.replace(/\([^()]*\)/g, " ").trim();
  const date = new Date(
    /^\d{4}-/.test(plain) ? plain : plain.replace(/\b(\d{1,2})-([A-Za-z]{3})-(\d{2,4})\b/, "$1 $2 $3"),
  );
  // Beyond these, times have no RFC 3339 form.
  const year = date.getUTCFullYear();
  return year >= 1 && year <= 9999 ? date : null;
}

/** A group (RFC 5322 section 3.4) is shown as a name without an address, its members after it. */
function readAddresses(value: Value | undefined): EnvelopeAddress[] {
  return listOf(value).flatMap((entry) => {
    const [name, , mailbox, host] = listOf(entry);
    const local = textOf(mailbox);
    const domain = textOf(host);
    if (domain === null) return local === null ? [] : [{ name: textOf(name) ?? local, address: null }];
    return [{ name: textOf(name), address: domain === "" ? local : `${local ?? ""}@${domain}` }];
  });
}
