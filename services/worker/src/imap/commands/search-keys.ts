import { type Part, string } from "../encode.ts";
import type { SearchKey } from "../session.ts";
import { packSets } from "../uid-set.ts";

/** Search keys in their written form (RFC 9051 section 6.4.4); texts beyond ASCII go as UTF-8 literals. */
export function searchKeyParts(key: SearchKey): Part[] {
  if ("all" in key) return ["ALL"];
  if ("and" in key) return group(key.and);
  if ("or" in key) return ["OR ", ...nested(key.or[0]), " ", ...nested(key.or[1])];
  if ("not" in key) return ["NOT ", ...nested(key.not)];
  if ("text" in key) return [`${key.text.toUpperCase()} `, string(key.value)];
  if ("header" in key) return ["HEADER ", string(key.header), " ", string(key.value)];
  if ("day" in key) return [`${dayKeys[key.day]} ${dayOf(key.date)}`];
  if ("larger" in key) return [`LARGER ${key.larger}`];
  if ("smaller" in key) return [`SMALLER ${key.smaller}`];
  if ("flag" in key) return [flagKeys.get(key.flag.toLowerCase()) ?? `KEYWORD ${key.flag}`];
  if ("uidRange" in key) return [`UID ${key.uidRange.from}:${key.uidRange.to}`];
  return uidsOf(key.uids);
}

export function needsCharset(parts: readonly Part[]): boolean {
  return parts.some((part) => typeof part !== "string");
}

function nested(key: SearchKey): Part[] {
  return ["(", ...searchKeyParts(key), ")"];
}

function group(keys: readonly SearchKey[]): Part[] {
  if (keys.length === 0) return ["ALL"];
  return keys.flatMap((key, index) => [...(index === 0 ? [] : [" "]), ...nested(key)]);
}

function uidsOf(uids: readonly number[]): Part[] {
  if (uids.length === 0) return ["NOT ALL"];
  const sets = packSets(uids);
  // One line may not hold them all: a disjunction of several sets may, where the server takes long lines.
  return [sets.slice(1).reduceRight((inner, set) => `OR (UID ${set}) (${inner})`, `UID ${sets[0]}`)];
}

const flagKeys = new Map([
  ["\\answered", "ANSWERED"],
  ["\\deleted", "DELETED"],
  ["\\draft", "DRAFT"],
  ["\\flagged", "FLAGGED"],
  ["\\seen", "SEEN"],
]);

const dayKeys = {
  since: "SINCE",
  before: "BEFORE",
  on: "ON",
  sentsince: "SENTSINCE",
  sentbefore: "SENTBEFORE",
  senton: "SENTON",
} as const;

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function dayOf(date: { year: number; month: number; day: number }): string {
  return `${date.day}-${months[date.month - 1] ?? "Jan"}-${String(date.year).padStart(4, "0")}`;
}
