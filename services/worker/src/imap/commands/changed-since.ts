import type { Connection } from "../connection.ts";
import { vanishedIn } from "../news.ts";
import type { FetchedMessage } from "../session.ts";
import { unpackSet } from "../uid-set.ts";
import { runFetch, takeRow } from "./fetch.ts";

/** Of a server that names more, as one that has forgotten what was when may, the answer is not taken. */
const MOST_VANISHED = 1_000_000;

/** UID FETCH with CHANGEDSINCE (RFC 7162 section 3.1.4.1). */
export async function changedSince(connection: Connection, modseq: bigint): Promise<FetchedMessage[]> {
  const rows = new Map<number, FetchedMessage>();
  await runFetch(connection, `UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE ${modseq})`, (response) =>
    takeRow(rows, response, { flags: true }, () => true),
  );
  return [...rows.values()];
}

/** The UIDs up to one that are gone since (RFC 7162 section 3.2.6), and maybe others that are; null: too many. */
export async function vanishedSince(connection: Connection, modseq: bigint, upTo: number): Promise<number[] | null> {
  if (upTo < 1) return [];
  const sets: string[] = [];
  await connection.run({
    name: "FETCH",
    parts: [`UID FETCH 1:${upTo} (UID) (CHANGEDSINCE ${modseq} VANISHED)`],
    onData: (response) => {
      if (response.name === "VANISHED") sets.push(vanishedIn(response.values).set);
    },
  });
  return unpackSet(sets.filter((set) => set !== "").join(","), MOST_VANISHED);
}
