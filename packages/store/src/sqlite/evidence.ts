import { readPlace, writePlace } from "../places.ts";
import type { Evidence, MessagePlace } from "../store.ts";
import { type Database, integer, text } from "./database.ts";

/** Messages of an account that are remembered; at times somewhat more. */
const MOST = 131_072;
const BETWEEN_CUTS = 1_000;

/** Within transactions of who calls. */
export function sqliteEvidence(database: Database) {
  const byBirth = database.prepare(
    "SELECT birth, handle FROM evidence WHERE account = ? AND birth IN (SELECT value FROM json_each(?))",
  );
  const byHandle = database.prepare("SELECT birth FROM evidence WHERE account = ? AND handle = ? LIMIT 10");
  const insert = database.prepare(
    "INSERT INTO evidence (account, birth, handle) VALUES (?, ?, ?) ON CONFLICT (account, birth)" +
      " DO UPDATE SET handle = excluded.handle, seen = CASE WHEN handle = excluded.handle THEN seen ELSE 0 END",
  );
  const drop = database.prepare("DELETE FROM evidence WHERE account = ? AND birth = ?");
  const cut = database.prepare(
    "DELETE FROM evidence WHERE account = ?1 AND sequence <=" +
      " (SELECT sequence FROM evidence WHERE account = ?1 ORDER BY sequence DESC LIMIT 1 OFFSET ?2)",
  );
  const saw = database.prepare(
    "UPDATE evidence SET seen = max(seen, ?1) WHERE account = ?2 AND birth IN (SELECT value FROM json_each(?3))",
  );
  const seen = database.prepare(
    "SELECT birth, seen FROM evidence WHERE account = ? AND birth IN (SELECT value FROM json_each(?))",
  );
  let inserted = 0;

  const handles = (id: string, births: readonly MessagePlace[]): Map<string, string> => {
    const rows = byBirth.all(id, JSON.stringify(births.map(writePlace)));
    return new Map(rows.map((row) => [text(row, "birth"), text(row, "handle")]));
  };
  const note = (id: string, { birth, handle }: Evidence): void => {
    insert.run(id, writePlace(birth), handle);
    inserted += 1;
    if (inserted % BETWEEN_CUTS === 0) cut.run(id, MOST);
  };

  return {
    note,
    unknown(id: string, shown: readonly Evidence[]): Set<Evidence> {
      const known = handles(
        id,
        shown.map(({ birth }) => birth),
      );
      return new Set(shown.filter(({ birth }) => !known.has(writePlace(birth))));
    },
    show(id: string, each: Evidence): MessagePlace[] {
      const births = byHandle.all(id, each.handle).map((row) => text(row, "birth"));
      if (births.includes(writePlace(each.birth))) return [];
      if (births.length === 0) note(id, each);
      return births.map(readPlace);
    },
    handlesOf(id: string, births: readonly MessagePlace[]): (string | null)[] {
      const known = handles(id, births);
      return births.map((birth) => known.get(writePlace(birth)) ?? null);
    },
    saw: (id: string, births: readonly MessagePlace[], count: number): void =>
      void saw.run(count, id, JSON.stringify(births.map(writePlace))),
    seenAt(id: string, births: readonly MessagePlace[]): number[] {
      const rows = seen.all(id, JSON.stringify(births.map(writePlace)));
      const known = new Map(rows.map((row) => [text(row, "birth"), integer(row, "seen")]));
      return births.map((birth) => known.get(writePlace(birth)) ?? 0);
    },
    forget: (id: string, birth: MessagePlace): void => void drop.run(id, writePlace(birth)),
  };
}
