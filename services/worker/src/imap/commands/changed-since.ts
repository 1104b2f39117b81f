import type { Connection } from "../connection.ts";
import type { FetchedMessage } from "../session.ts";
import { runFetch, takeRow } from "./fetch.ts";

/** UID FETCH with CHANGEDSINCE (RFC 7162 section 3.1.4.1). */
export async function changedSince(connection: Connection, modseq: bigint): Promise<FetchedMessage[]> {
  const rows = new Map<number, FetchedMessage>();
  await runFetch(connection, `UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE ${modseq})`, (response) =>
    takeRow(rows, response, { flags: true }, () => true),
  );
  return [...rows.values()];
}
