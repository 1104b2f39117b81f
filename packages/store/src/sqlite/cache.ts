import type { Cache } from "../store.ts";
import { type Database, guarded, integer, text } from "./database.ts";

/** All keys and values together; SQLite's own pages and indexes come on top. */
const DEFAULT_MAX_BYTES = 256 * 2 ** 20;
/** How far a full cache is emptied, so that not every write has to make room. */
const LOW_WATER = 0.9;
/** Use is noted this coarsely: reading must not mean writing. */
const USE_GRAIN_MS = 3_600_000;

/** Throws as its storage does: `degrade` makes it the cache of the port. */
export function sqliteCache(database: Database, maxBytes = DEFAULT_MAX_BYTES): Cache {
  const read = database.prepare(
    "SELECT key, value, used_at FROM cache WHERE account = ? AND expires_at > ? AND key IN (SELECT value FROM json_each(?))",
  );
  const touch = database.prepare(
    "UPDATE cache SET used_at = ? WHERE account = ? AND key IN (SELECT value FROM json_each(?))",
  );
  const put = database.prepare(
    "INSERT INTO cache (account, key, value, size, expires_at, used_at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (account, key)" +
      " DO UPDATE SET value = excluded.value, size = excluded.size, expires_at = excluded.expires_at, used_at = excluded.used_at",
  );
  const erase = database.prepare("DELETE FROM cache WHERE account = ?");
  const room = roomMaker(database, maxBytes);

  const getMany: Cache["getMany"] = (accountId, keys) =>
    guarded(database, () => {
      const now = Date.now();
      const rows = read.all(accountId, now, JSON.stringify(keys.filter((key) => key.isWellFormed())));
      const stale = rows.filter((row) => integer(row, "used_at") < now - USE_GRAIN_MS).map((row) => text(row, "key"));
      if (stale.length > 0) touch.run(now, accountId, JSON.stringify(stale));
      const found = new Map(rows.map((row) => [text(row, "key"), row["value"]]));
      return keys.map((key) => {
        const value = found.get(key);
        return value instanceof Uint8Array ? value : null;
      });
    });

  const setMany: Cache["setMany"] = (accountId, entries, ttlSeconds) =>
    guarded(database, () => {
      if (!(ttlSeconds > 0)) return;
      const now = Date.now();
      const expiresAt = now + Math.ceil(ttlSeconds * 1000);
      database.transaction(() => {
        let written = 0;
        for (const [key, value] of entries) {
          const size = key.length + value.length;
          // Two keys that are not well-formed Unicode could be the same once they are UTF-8.
          if (!key.isWellFormed() || size > maxBytes) continue;
          put.run(accountId, key, value, size, expiresAt, now);
          written += size;
        }
        room.make(written, now);
      });
    });

  return {
    getMany,
    setMany,
    dropAccount: (accountId) =>
      guarded(database, () => {
        if (erase.run(accountId).changes > 0) database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
      }),
  };
}

/** Keeps the sum of sizes below the bound: what has expired goes first, then what was not used for longest. */
function roomMaker(database: Database, maxBytes: number): { make(written: number, now: number): void } {
  const total = database.prepare("SELECT coalesce(sum(size), 0) AS bytes FROM cache");
  const expire = database.prepare("DELETE FROM cache WHERE expires_at <= ?");
  const oldest = database.prepare("SELECT id, size FROM cache ORDER BY used_at, id");
  const evict = database.prepare("DELETE FROM cache WHERE id IN (SELECT value FROM json_each(?))");
  const count = (): number => integer(total.get() ?? {}, "bytes");
  let held = count();
  return {
    make: (written, now) => {
      held += written;
      if (held <= maxBytes) return;
      expire.run(now);
      // Counted anew, since entries are also overwritten, dropped, and written by other processes.
      held = count();
      const evicted: number[] = [];
      for (const row of oldest.iterate()) {
        if (held <= maxBytes * LOW_WATER) break;
        evicted.push(integer(row, "id"));
        held -= integer(row, "size");
      }
      evict.run(JSON.stringify(evicted));
    },
  };
}
