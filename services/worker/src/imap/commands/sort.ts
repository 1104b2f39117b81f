import type { Connection } from "../connection.ts";
import type { Abilities, SearchKey, SortKey } from "../session.ts";
import { type ExtendedResult, plainNumbers, takeExtended } from "./search.ts";
import { searchKeyParts } from "./search-keys.ts";

/** UID SORT (RFC 5256), a window of it by ESORT with PARTIAL (RFC 5267) where offered. */
export async function sort(
  connection: Connection,
  abilities: Abilities,
  by: SortKey,
  key: SearchKey,
  window: { from: number; to: number },
): Promise<{ uids: number[]; total: number }> {
  const order = `${by.reverse ? "REVERSE " : ""}${by.by.toUpperCase()}`;
  const parts = [`(${order}) UTF-8 `, ...searchKeyParts(key)];
  if (abilities.sortPartial) {
    const result: ExtendedResult = { count: 0, all: [], partial: [] };
    await connection.run({
      name: "SORT",
      parts: [`UID SORT RETURN (COUNT PARTIAL ${window.from}:${window.to}) `, ...parts],
      onData: (response) => {
        if (response.name === "ESEARCH") takeExtended(result, response.values);
      },
    });
    return { uids: result.partial, total: result.count };
  }
  const uids: number[] = [];
  await connection.run({
    name: "SORT",
    parts: ["UID SORT ", ...parts],
    onData: (response) => {
      if (response.name === "SORT") for (const uid of plainNumbers(response.values)) uids.push(uid);
    },
  });
  return { uids: uids.slice(window.from - 1, window.to), total: uids.length };
}
