import { Failure } from "@postern/protocol";
import { readEpoch, readPlace, writeEpoch, writePlace } from "../places.ts";
import type { MessagePlace, PlacesOwner, PlaceStore } from "../store.ts";
import { sqliteEvidence } from "./evidence.ts";
import { type Database, guarded, type Row, text } from "./database.ts";

export function sqlitePlaces(database: Database): PlaceStore {
  const account = database.prepare("SELECT 1 FROM accounts WHERE id = ? AND key = ?");
  const places = database.prepare(
    "SELECT birth AS key, place AS value FROM moves WHERE account = ? AND birth IN (SELECT value FROM json_each(?))",
  );
  const births = database.prepare(
    "SELECT place AS key, birth AS value FROM moves WHERE account = ? AND place IN (SELECT value FROM json_each(?))",
  );
  const travelled = database.prepare("SELECT direction, mailbox FROM travelled WHERE account = ?");
  const carry = database.prepare("UPDATE moves SET place = ? WHERE account = ? AND place = ? RETURNING birth");
  const depart = database.prepare(
    "INSERT INTO moves (account, birth, place) VALUES (?, ?, ?)" +
      " ON CONFLICT (account, place) DO NOTHING ON CONFLICT (account, birth) DO UPDATE SET place = excluded.place",
  );
  const travel = database.prepare(
    "INSERT INTO travelled (account, direction, mailbox) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
  );
  const drop = database.prepare("DELETE FROM moves WHERE account = ? AND place = ? RETURNING birth");

  const evidence = sqliteEvidence(database);

  const requireAccount = ({ id, key }: PlacesOwner): void => {
    if (!account.get(id, key)) throw new Failure("not-found", { detail: "The account is gone" });
  };
  const look = (statement: typeof places, id: string, keys: readonly MessagePlace[]): (MessagePlace | null)[] => {
    const written = keys.map(writePlace);
    const rows = statement.all(id, JSON.stringify(written));
    const found = new Map(rows.map((row) => [text(row, "key"), readPlace(text(row, "value"))]));
    return written.map((key) => found.get(key) ?? null);
  };

  /** What came to `from` by a move goes on; what did not was born there. */
  const moveOne = (id: string, from: MessagePlace, to: MessagePlace): MessagePlace => {
    const [there, here] = [writePlace(from), writePlace(to)];
    const birth = birthIn(carry.get(here, id, there));
    if (!birth) depart.run(id, there, here);
    return birth ?? from;
  };

  return {
    placesOf: (id, keys) => guarded(database, () => look(places, id, keys)),
    birthsAt: (id, keys) => guarded(database, () => look(births, id, keys)),
    travelled: (id) =>
      guarded(database, () => {
        const rows = travelled.all(id).map((row) => [text(row, "direction"), readEpoch(text(row, "mailbox"))] as const);
        const of = (wanted: string) => rows.flatMap(([direction, epoch]) => (direction === wanted ? [epoch] : []));
        return { from: of("from"), to: of("to") };
      }),
    move: (owner, moves) =>
      guarded(database, () =>
        database.transaction(() => {
          requireAccount(owner);
          return moves.map(({ from, to }) => {
            travel.run(owner.id, "from", writeEpoch(from));
            travel.run(owner.id, "to", writeEpoch(to));
            return moveOne(owner.id, from, to);
          });
        }),
      ),
    forget: (owner, gone) =>
      guarded(database, () =>
        database.transaction(() => {
          requireAccount(owner);
          return gone.map((place) => {
            const birth = birthIn(drop.get(owner.id, writePlace(place))) ?? place;
            evidence.forget(owner.id, birth);
            return birth;
          });
        }),
      ),
    show: (owner, shown) =>
      guarded(database, () => {
        // Mostly all are known already: that takes no lock.
        const news = evidence.unknown(owner.id, shown);
        if (news.size === 0) return shown.map(() => []);
        return database.hastily(() => {
          requireAccount(owner);
          return shown.map((each) => (news.has(each) ? evidence.show(owner.id, each) : []));
        });
      }),
    note: (owner, shown) =>
      guarded(database, () =>
        database.hastily(() => {
          requireAccount(owner);
          for (const each of shown) evidence.note(owner.id, each);
        }),
      ),
    saw: (owner, births, count) =>
      guarded(database, () =>
        database.hastily(() => {
          requireAccount(owner);
          evidence.saw(owner.id, births, count);
        }),
      ),
    seenAt: (id, births) => guarded(database, () => evidence.seenAt(id, births)),
    handlesOf: (id, births) => guarded(database, () => evidence.handlesOf(id, births)),
  };
}

function birthIn(row: Row | undefined): MessagePlace | null {
  return row ? readPlace(text(row, "birth")) : null;
}
