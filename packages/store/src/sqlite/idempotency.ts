import { readIdempotency, writeIdempotency } from "../idempotency.ts";
import type { IdempotencyStore } from "../store.ts";
import { type Database, guarded, text } from "./database.ts";

export function sqliteIdempotency(database: Database): IdempotencyStore {
  const sweep = database.prepare("DELETE FROM idempotency WHERE expires_at <= ?");
  const insert = database.prepare(
    "INSERT INTO idempotency (actor, key, version, expires_at, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
  );
  const byKey = database.prepare("SELECT body FROM idempotency WHERE actor = ? AND key = ?");
  const replace = database.prepare(
    "UPDATE idempotency SET version = version + 1, expires_at = ?, body = ? WHERE actor = ? AND key = ? AND version = ?",
  );
  const erase = database.prepare("DELETE FROM idempotency WHERE actor = ? AND key = ? AND version = ?");

  return {
    begin: (actor, key, record, ttlMs) =>
      guarded(database, () =>
        database.transaction(() => {
          const now = Date.now();
          sweep.run(now);
          const { changes } = insert.run(actor, key, record.version, now + ttlMs, writeIdempotency(record));
          const row = changes === 0 ? byKey.get(actor, key) : undefined;
          return row ? readIdempotency(text(row, "body")) : null;
        }),
      ),
    update: (actor, key, record, ttlMs) =>
      guarded(database, () => {
        const body = writeIdempotency({ ...record, version: record.version + 1 });
        return replace.run(Date.now() + ttlMs, body, actor, key, record.version).changes === 1;
      }),
    remove: (actor, key, version) =>
      guarded(database, () => {
        erase.run(actor, key, version);
      }),
  };
}
