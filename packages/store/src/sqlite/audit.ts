import { readAudit, writeAudit } from "../records.ts";
import type { AuditLog } from "../store.ts";
import { type Database, guarded, text } from "./database.ts";

/** Kept at least. Trimming goes by the position, so it costs one look at the primary key. */
const KEPT = 100_000;

export function sqliteAudit(database: Database, kept = KEPT): AuditLog {
  const insert = database.prepare("INSERT INTO audit (subject, body) VALUES (?, ?)");
  const trim = database.prepare("DELETE FROM audit WHERE position <= ?");
  const newest = database.prepare("SELECT body FROM audit ORDER BY position DESC LIMIT ?");
  const newestOf = database.prepare("SELECT body FROM audit WHERE subject = ? ORDER BY position DESC LIMIT ?");

  return {
    append: (entry) =>
      guarded(database, () =>
        database.transaction(() => {
          const { lastInsertRowid } = insert.run(entry.subject, writeAudit(entry));
          trim.run(Number(lastInsertRowid) - kept);
        }),
      ),
    list: ({ limit, subject }) =>
      guarded(database, () =>
        (subject === undefined ? newest.all(limit) : newestOf.all(subject, limit)).map((row) =>
          readAudit(text(row, "body")),
        ),
      ),
  };
}
