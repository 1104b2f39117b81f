import { Failure } from "@postern/protocol";
import { listOf, numberOf, octetsOf, type Value } from "../response.ts";
import { unpackSet } from "../uid-set.ts";

/** UIDs that one answer may hold. */
const MOST = 4_000_000;

export interface ExtendedResult {
  /** Null: not told. */
  count: number | null;
  all: number[];
  partial: number[];
}

/** ESEARCH (RFC 4731 section 3.1): a correlator, `UID`, then names with a value each. */
export function readExtended(values: Value[]): ExtendedResult {
  const result: ExtendedResult = { count: null, all: [], partial: [] };
  let at = Array.isArray(values[0]) ? 1 : 0;
  if (nameOf(values[at]) === "UID") at += 1;
  for (; at + 1 < values.length; at += 2) {
    const name = nameOf(values[at]);
    const value = values[at + 1];
    if (name === "COUNT") result.count = numberOf(value);
    if (name === "ALL") result.all = setOf(value);
    // The range that it is of, and the set; NIL where there is none (RFC 5267 section 4.4).
    if (name === "PARTIAL") result.partial = setOf(listOf(value)[1]);
  }
  return result;
}

function nameOf(value: Value | undefined): string {
  return typeof value === "string" ? value.toUpperCase() : "";
}

function setOf(value: Value | undefined): number[] {
  const numbers = unpackSet(octetsOf(value) ?? "", MOST);
  if (numbers === null) throw unintelligible();
  return numbers;
}

export function unintelligible(): Failure {
  return new Failure("upstream-protocol", { detail: "The mail server's search result makes no sense." });
}
