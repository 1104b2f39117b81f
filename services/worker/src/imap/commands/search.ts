import { Failure } from "@postern/protocol";
import type { Connection } from "../connection.ts";
import type { Part } from "../encode.ts";
import { type DataResponse, listOf, numberOf, octetsOf, type Value } from "../response.ts";
import type { Abilities, SearchKey } from "../session.ts";
import { unpackSet } from "../uid-set.ts";
import { needsCharset, searchKeyParts } from "./search-keys.ts";

/** UIDs that one answer may hold. */
const MOST = 10_000_000;

export type Window = { last: number } | { from: number; to: number };

/** UID SEARCH: all UIDs, ascending. With ESEARCH (RFC 4731) they come as a compact set. */
export async function search(connection: Connection, abilities: Abilities, key: SearchKey): Promise<number[]> {
  if (abilities.esearch) return (await extended(connection, "ALL", searchKeyParts(key))).all.sort(ascending);
  const found: number[] = [];
  await run(connection, "", searchKeyParts(key), (response) => {
    if (response.name === "SEARCH") found.push(...plainNumbers(response.values));
  });
  return found.sort(ascending);
}

export async function searchCount(connection: Connection, abilities: Abilities, key: SearchKey): Promise<number> {
  if (!abilities.esearch) return (await search(connection, abilities, key)).length;
  return (await extended(connection, "COUNT", searchKeyParts(key))).count;
}

/**
 * A window of what matches. With SEARCHRES (RFC 5182) the search, which may have to read every message, is done once
 * and cut from the saved result; PARTIAL is RFC 5267's or RFC 9394's.
 */
export async function searchWindow(
  connection: Connection,
  abilities: Abilities,
  key: SearchKey,
  window: Window,
): Promise<{ uids: number[]; total: number }> {
  if (!abilities.esearch || !abilities.searchPartial || !abilities.searchRes) {
    const uids = await search(connection, abilities, key);
    const { from, to } = rangeOf(window, uids.length);
    return { uids: uids.slice(from - 1, to), total: uids.length };
  }
  const { count } = await extended(connection, "SAVE COUNT", searchKeyParts(key));
  const { from, to } = rangeOf(window, count);
  if (from > to) return { uids: [], total: count };
  const { partial } = await extended(connection, `PARTIAL ${from}:${to}`, ["UID $"]);
  return { uids: partial.sort(ascending), total: count };
}

/** 1-based, inclusive, within 1 … total; `from` above `to` for none. */
function rangeOf(window: Window, total: number): { from: number; to: number } {
  if ("last" in window) return { from: Math.max(1, total - window.last + 1), to: total };
  return { from: Math.max(1, window.from), to: Math.min(total, window.to) };
}

export interface ExtendedResult {
  count: number;
  all: number[];
  partial: number[];
}

async function extended(connection: Connection, wanted: string, key: Part[]): Promise<ExtendedResult> {
  const result: ExtendedResult = { count: 0, all: [], partial: [] };
  await run(connection, `RETURN (${wanted}) `, key, (response) => {
    if (response.name === "ESEARCH") takeExtended(result, response.values);
  });
  return result;
}

export function takeExtended(result: ExtendedResult, values: Value[]): void {
  for (let at = 0; at < values.length; at += 1) {
    const name = values[at];
    if (typeof name !== "string") continue;
    const value = values[at + 1];
    if (name.toUpperCase() === "COUNT") result.count = numberOf(value) ?? 0;
    if (name.toUpperCase() === "ALL") result.all = setOf(value);
    if (name.toUpperCase() === "PARTIAL") result.partial = setOf(listOf(value)[1]);
  }
}

function setOf(value: Value | undefined): number[] {
  const numbers = unpackSet(octetsOf(value) ?? "", MOST);
  if (numbers === null)
    throw new Failure("upstream-protocol", { detail: "The mail server's search result makes no sense." });
  return numbers;
}

export function* plainNumbers(values: Value[]): Generator<number> {
  for (const value of values) {
    const number = numberOf(value);
    if (number) yield number;
  }
}

async function run(
  connection: Connection,
  options: string,
  key: Part[],
  onData: (response: DataResponse) => void,
): Promise<void> {
  const charset = needsCharset(key) ? "CHARSET UTF-8 " : "";
  await connection.run({ name: "SEARCH", parts: [`UID SEARCH ${options}${charset}`, ...key], onData });
}

function ascending(a: number, b: number): number {
  return a - b;
}
