import { decodeParameters } from "../mail/content/index.ts";
import { listOf, octetsOf, type Value } from "./response.ts";

/** Of one part in all; more were made to keep somebody busy. */
const MAX_PARAMETERS = 100;
const MAX_OCTETS = 8_192;

/**
 * Parameters of a Content-Type or Content-Disposition, names in lower case. Those in continuations and with charsets
 * (RFC 2231) are put together; encoded words, which do not belong here but are common, are decoded.
 */
export function readParameters(value: Value | undefined): Record<string, string> {
  const list = listOf(value);
  const raw = new Map<string, string>();
  let room = MAX_OCTETS;
  for (let at = 0; at + 1 < list.length && raw.size < MAX_PARAMETERS && room > 0; at += 2) {
    const name = octetsOf(list[at])?.slice(0, 100).trim().toLowerCase();
    // The first counts where a name is repeated.
    if (!name || raw.has(name)) continue;
    const text = (octetsOf(list[at + 1]) ?? "").slice(0, room);
    room -= text.length;
    raw.set(name, text);
  }
  return Object.fromEntries(decodeParameters(raw));
}
