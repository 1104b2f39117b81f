import type { ByteRange } from "@postern/protocol";

/**
 * A Range field of one range of octets. Null for everything else, several ranges among it: a server may ignore the field
 * (RFC 9110 section 14.2), and does so where answering would cost more than it helps.
 */
export function rangeIn(field: string | undefined): ByteRange | null {
  const match = /^bytes=\s*(\d{0,15})\s*-\s*(\d{0,15})\s*$/i.exec(field ?? "");
  if (!match) return null;
  const [, first = "", last = ""] = match;
  if (first === "") return last === "" || Number(last) === 0 ? null : { suffix: Number(last) };
  if (last === "") return { first: Number(first) };
  return Number(last) < Number(first) ? null : { first: Number(first), last: Number(last) };
}
