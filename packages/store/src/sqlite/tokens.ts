import { readToken, withoutAccount, writeToken } from "../records.ts";
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
  const boundTo = database.prepare(
    "SELECT body FROM tokens WHERE EXISTS (SELECT 1 FROM json_each(body, '$.accounts') WHERE value = ?)",
  );
  const replace = database.prepare("UPDATE tokens SET body = ? WHERE id = ?");
  const eraseAnyhow = database.prepare("DELETE FROM tokens WHERE id = ?");

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
    forgetAccount: (accountId) =>
      guarded(database, () =>
        database.transaction(() => {
          for (const row of boundTo.all(accountId)) {
            const record = readToken(text(row, "body"));
            const left = withoutAccount(record, accountId);
            if (left) replace.run(writeToken(left), record.id);
            else eraseAnyhow.run(record.id);
          }
        }),
      ),
  };
}
