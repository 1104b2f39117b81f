import { readWorker, writeWorker } from "../records.ts";
import type { WorkerRegistry } from "../store.ts";
import { type Database, guarded, text } from "./database.ts";

export function sqliteWorkers(database: Database): WorkerRegistry {
  const sweep = database.prepare("DELETE FROM workers WHERE expires_at <= ?");
  const put = database.prepare("INSERT OR REPLACE INTO workers (id, body, expires_at) VALUES (?, ?, ?)");
  const erase = database.prepare("DELETE FROM workers WHERE id = ?");
  const living = database.prepare("SELECT body FROM workers WHERE expires_at > ? ORDER BY id");

  return {
    announce: (entry, ttlMs) =>
      guarded(database, () =>
        database.transaction(() => {
          const now = Date.now();
          sweep.run(now);
          put.run(entry.id, writeWorker(entry), now + Math.ceil(ttlMs));
        }),
      ),
    withdraw: (id) =>
      guarded(database, () => {
        erase.run(id);
      }),
    live: () => guarded(database, () => living.all(Date.now()).map((row) => readWorker(text(row, "body")))),
  };
}
