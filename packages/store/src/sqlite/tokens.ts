import { readToken, writeToken } from "../records.ts";
import type { TokenStore } from "../store.ts";
import { type Database, guarded, text } from "./database.ts";

export function sqliteTokens(database: Database): TokenStore {
  const sweep = database.prepare("DELETE FROM tokens WHERE expires_at <= ?");
  const insert = database.prepare("INSERT INTO tokens (id, expires_at, body) VALUES (?, ?, ?)");
  const byId = database.prepare("SELECT body FROM tokens WHERE id = ? AND (expires_at IS NULL OR expires_at > ?)");
  const page = database.prepare(
    "SELECT body FROM tokens WHERE id > ? AND (expires_at IS NULL OR expires_at > ?) ORDER BY id LIMIT ?",
  );
  const erase = database.prepare("DELETE FROM tokens WHERE id = ? AND (expires_at IS NULL OR expires_at > ?)");

  return {
    create: (record) =>
      guarded(database, () =>
        database.transaction(() => {
          sweep.run(Date.now());
          insert.run(record.id, record.expiresAt, writeToken(record));
        }),
      ),
    get: (id) =>
      guarded(database, () => {
        const row = byId.get(id, Date.now());
        return row ? readToken(text(row, "body")) : null;
      }),
    list: ({ after = "", limit }) =>
      guarded(database, () => page.all(after, Date.now(), limit).map((row) => readToken(text(row, "body")))),
    remove: (id) => guarded(database, () => erase.run(id, Date.now()).changes > 0),
  };
}
