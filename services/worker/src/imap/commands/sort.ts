import type { Command, Connection } from "../connection.ts";
import type { Part } from "../encode.ts";
import type { Abilities, SearchKey, SortKey } from "../session.ts";
import { runInCharset } from "./charset.ts";
import { type ExtendedResult, readExtended, unintelligible } from "./esearch.ts";
import { plainNumbers } from "./search.ts";
import { searchKeyParts } from "./search-keys.ts";

interface Range {
  from: number;
  to: number;
}

interface Window {
  uids: number[];
  total: number;
}

/** UID SORT (RFC 5256), a window of it by ESORT with PARTIAL (RFC 5267) where offered. */
export async function sort(
  connection: Connection,
  abilities: Abilities,
  by: SortKey,
  key: SearchKey,
  window: Range,
): Promise<Window> {
  const read = abilities.sortPartial ? sortPartial : sortWhole;
  const inOrder = (): Promise<Window> => read(connection, orderOf(by), key, window);
  if (!by.reverse || (by.by !== "from" && by.by !== "subject")) return inOrder();
  // The first time Dovecot 2.3 sorts a message by a text in reverse, it places it wrongly among its equals, and rightly
  // from then on: pages that follow one another would repeat and skip. What sorts forward first learns the same.
  const forward = await read(connection, orderOf({ ...by, reverse: false }), key, { from: 1, to: 1 });
  const found = await inOrder();
  // What came between the two is sorted for the first time.
  return found.total === forward.total ? found : inOrder();
}

function orderOf({ by, reverse }: SortKey): string {
  return `${reverse ? "REVERSE " : ""}${by.toUpperCase()}`;
}

async function sortPartial(
  connection: Connection,
  order: string,
  key: SearchKey,
  { from, to }: Range,
): Promise<Window> {
  let result: ExtendedResult | null = null;
  const first = Math.max(1, from);
  const command = `UID SORT RETURN (COUNT PARTIAL ${first}:${Math.max(first, to)}) (${order})`;
  await run(connection, command, key, (response) => {
    if (response.name === "ESEARCH") result = readExtended(response.values);
  });
  const { count, partial } = (result as ExtendedResult | null) ?? { count: null, partial: [] };
  if (count === null) throw unintelligible();
  return { uids: from > to ? [] : partial, total: count };
}

async function sortWhole(connection: Connection, order: string, key: SearchKey, { from, to }: Range): Promise<Window> {
  const uids: number[] = [];
  await run(connection, `UID SORT (${order})`, key, (response) => {
    if (response.name === "SORT") for (const uid of plainNumbers(response.values)) uids.push(uid);
  });
  return { uids: uids.slice(Math.max(0, from - 1), Math.max(0, to)), total: uids.length };
}

async function run(
  connection: Connection,
  command: string,
  key: SearchKey,
  onData: NonNullable<Command["onData"]>,
): Promise<void> {
  const build = (charset: string, parts: Part[]): { name: string; parts: Part[]; onData: typeof onData } => ({
    name: "SORT",
    parts: [`${command} ${charset} `, ...parts],
    onData,
  });
  await runInCharset(connection, build, searchKeyParts(key));
}
