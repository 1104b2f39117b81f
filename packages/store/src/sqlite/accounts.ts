import { unlessFenced } from "../fenced.ts";
import { readAccount, writeAccount, writeStanding } from "../records.ts";
import type { AccountRecord, AccountStore, Cache } from "../store.ts";
import { fenceOf } from "./leases.ts";
import { type Database, type Row, guarded, integer, text } from "./database.ts";

export function sqliteAccounts(database: Database, cache: Cache): AccountStore {
  const fence = fenceOf(database);
  const insert = database.prepare(
    "INSERT INTO accounts (id, key, generation, version, body, standing) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
  );
  const byId = database.prepare("SELECT * FROM accounts WHERE id = ?");
  const byKey = database.prepare("SELECT id FROM accounts WHERE key = ?");
  const page = database.prepare("SELECT * FROM accounts WHERE id > ? ORDER BY id LIMIT ?");
  const pageOfThese = database.prepare(
    "SELECT * FROM accounts WHERE id > ? AND id IN (SELECT value FROM json_each(?)) ORDER BY id LIMIT ?",
  );
  const replace = database.prepare(
    "UPDATE accounts SET generation = ?, version = version + 1, body = ?, standing = ? WHERE id = ? AND version = ?",
  );
  const stand = database.prepare(
    "UPDATE accounts SET standing = ?, version = version + 1 WHERE id = ? AND generation = ?",
  );
  const erase = database.prepare("DELETE FROM accounts WHERE id = ?");

  return {
    create: (record) =>
      guarded(database, () => {
        const { id, key, generation, version, body, standing } = writeAccount(record);
        return insert.run(id, key, generation, version, body, standing).changes === 1;
      }),
    get: (id) =>
      guarded(database, () => {
        const row = byId.get(id);
        return row ? fromRow(row) : null;
      }),
    idOfKey: (key) =>
      guarded(database, () => {
        const row = byKey.get(key);
        return row ? text(row, "id") : null;
      }),
    list: ({ ids, after = "", limit }) =>
      guarded(database, () =>
        (ids ? pageOfThese.all(after, JSON.stringify(ids), limit) : page.all(after, limit)).map(fromRow),
      ),
    update: (record) =>
      guarded(database, () => {
        const { id, generation, version, body, standing } = writeAccount(record);
        return replace.run(generation, body, standing, id, version).changes === 1;
      }),
    setState: (id, generation, state, detail, at, epoch) =>
      unlessFenced(
        guarded(database, () =>
          database.transaction(() => {
            fence(id, epoch);
            stand.run(writeStanding({ state, stateDetail: detail, stateAt: at }), id, generation);
          }),
        ),
      ),
    remove: async (id) => {
      const removed = await guarded(database, () => {
        const { changes } = erase.run(id);
        // Deleted pages are overwritten (secure_delete), but the log of writes still holds what they were.
        if (changes > 0) database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
        return changes > 0;
      });
      await cache.dropAccount(id);
      return removed;
    },
  };
}

function fromRow(row: Row): AccountRecord {
  return readAccount({
    id: text(row, "id"),
    key: integer(row, "key"),
    generation: integer(row, "generation"),
    version: integer(row, "version"),
    body: text(row, "body"),
    standing: text(row, "standing"),
  });
}
