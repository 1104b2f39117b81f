import { Failure } from "@postern/protocol";
import { type Part, string } from "../encode.ts";
import type { Abilities, SearchKey } from "../session.ts";
import { packSets } from "../uid-set.ts";

/** Search keys in their written form (RFC 9051 section 6.4.4); texts beyond ASCII go as UTF-8 literals. */
export function searchKeyParts(key: SearchKey, guid: Abilities["guid"] = null): Part[] {
  if ("all" in key) return ["ALL"];
  if ("and" in key) return group(key.and, guid);
  if ("or" in key) return ["OR ", ...nested(key.or[0], guid), " ", ...nested(key.or[1], guid)];
  if ("not" in key) return ["NOT ", ...nested(key.not, guid)];
  if ("text" in key) return [`${key.text.toUpperCase()} `, string(key.value)];
  if ("header" in key) return ["HEADER ", string(key.header), " ", string(key.value)];
  if ("day" in key) return [`${dayKeys[key.day]} ${dayOf(key.date)}`];
  if ("larger" in key) return [`LARGER ${octets(key.larger)}`];
  if ("smaller" in key) return [`SMALLER ${octets(key.smaller)}`];
  if ("flag" in key) return [flagKey(key.flag)];
  if ("guid" in key) return guid === null ? [NONE] : [`${guidKeys[guid]} `, string(key.guid)];
  if ("uidRange" in key) return [rangeKey(key.uidRange)];
  if ("threadId" in key) return [`${key.by === "gmail" ? "X-GM-THRID" : "THREADID"} ${key.threadId}`];
  if ("inThread" in key) return ["INTHREAD REFS ", ...nested(key.inThread, guid)];
  return uidsOf(key.uids);
}

/** Whether the server must be told the charset: literals are sent for what is beyond ASCII, or too long to be quoted. */
export function needsCharset(parts: readonly Part[]): boolean {
  return parts.some((part) => typeof part !== "string" && part.literal.some((octet) => octet > 0x7f));
}

/** No message at all. */
const NONE = "NOT ALL";

const guidKeys = { emailId: "EMAILID", gmail: "X-GM-MSGID", dovecot: "X-GUID" } as const;

function nested(key: SearchKey, guid: Abilities["guid"]): Part[] {
  return ["(", ...searchKeyParts(key, guid), ")"];
}

function group(keys: readonly SearchKey[], guid: Abilities["guid"]): Part[] {
  if (keys.length === 0) return ["ALL"];
  return keys.flatMap((key, index) => [...(index === 0 ? [] : [" "]), ...nested(key, guid)]);
}

function uidsOf(uids: readonly number[]): Part[] {
  const [first, ...rest] = packSets(uids);
  if (first === undefined) return [NONE];
  // A set has a length that every server takes; several make a disjunction.
  return [rest.reduce((others, set) => `OR (UID ${set}) (${others})`, `UID ${first}`)];
}

function rangeKey({ from, to }: { from: number; to: number }): string {
  const first = Math.max(1, from);
  const last = Math.min(0xffffffff, to);
  return first <= last ? `UID ${first}:${last}` : NONE;
}

const flagKeys = new Map([
  ["\\answered", "ANSWERED"],
  ["\\deleted", "DELETED"],
  ["\\draft", "DRAFT"],
  ["\\flagged", "FLAGGED"],
  ["\\recent", "RECENT"],
  ["\\seen", "SEEN"],
]);

function flagKey(flag: string): string {
  const known = flagKeys.get(flag.toLowerCase());
  if (known !== undefined) return known;
  if (flag.startsWith("\\")) {
    throw new Failure("invalid-request", { detail: `IMAP cannot search for the system flag ${flag}.` });
  }
  // What is no atom (RFC 9051 section 9) can be no message's keyword.
  return /^[^\s(){%*"\\\]\0-\x1f\x7f-\uffff]{1,1000}$/.test(flag) ? `KEYWORD ${flag}` : NONE;
}

const dayKeys = {
  since: "SINCE",
  before: "BEFORE",
  on: "ON",
  sentsince: "SENTSINCE",
  sentbefore: "SENTBEFORE",
  senton: "SENTON",
} as const;

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Years have four digits in IMAP; no mail was sent before the first or will be after the last. */
function dayOf({ year, month, day }: { year: number; month: number; day: number }): string {
  if (year < 1) return "1-Jan-0001";
  if (year > 9999) return "31-Dec-9999";
  return `${day}-${months[month - 1] ?? "Jan"}-${String(year).padStart(4, "0")}`;
}

/** A number of 32 bits (RFC 9051 section 9). */
function octets(count: number): number {
  return Math.min(0xffffffff, Math.max(0, Math.trunc(count) || 0));
}
