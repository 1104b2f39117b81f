import { Failure } from "@postern/protocol";
import { JOB_KEPT_MS, readJob, writeJob } from "../jobs.ts";
import type { JobStore } from "../store.ts";
import { type Database, guarded, text } from "./database.ts";

export function sqliteJobs(database: Database): JobStore {
  const account = database.prepare("SELECT 1 FROM accounts WHERE id = ?");
  const sweep = database.prepare("DELETE FROM jobs WHERE expires_at <= ?");
  const insert = database.prepare(
    "INSERT INTO jobs (account, id, version, is_open, expires_at, body) VALUES (?, ?, ?, ?, ?, ?)",
  );
  const insertPart = database.prepare("INSERT INTO job_parts (account, job, number, body) VALUES (?, ?, ?, ?)");
  const byId = database.prepare("SELECT body FROM jobs WHERE account = ? AND id = ?");
  const partOf = database.prepare("SELECT body FROM job_parts WHERE account = ? AND job = ? AND number = ?");
  const resultsOf = database.prepare(
    "SELECT result FROM job_parts WHERE account = ? AND job = ? AND result IS NOT NULL ORDER BY number",
  );
  const replace = database.prepare(
    "UPDATE jobs SET version = version + 1, is_open = ?, expires_at = ?, body = ? WHERE account = ? AND id = ? AND version = ?",
  );
  const finish = database.prepare("UPDATE job_parts SET result = ? WHERE account = ? AND job = ? AND number = ?");
  const openOnes = database.prepare("SELECT account, id FROM jobs WHERE is_open = 1 ORDER BY account, id");

  return {
    create: (accountId, record, parts) =>
      guarded(database, () =>
        database.transaction(() => {
          if (!account.get(accountId)) throw new Failure("not-found", { detail: "The account is gone" });
          sweep.run(Date.now());
          const expiresAt = record.updatedAt + JOB_KEPT_MS;
          insert.run(accountId, record.id, record.version, isOpen(record), expiresAt, writeJob(record));
          for (const [number, part] of parts.entries()) insertPart.run(accountId, record.id, number, part);
        }),
      ),
    get: (accountId, id) =>
      guarded(database, () => {
        const row = byId.get(accountId, id);
        return row ? readJob(text(row, "body")) : null;
      }),
    part: (accountId, id, number) =>
      guarded(database, () => {
        const row = partOf.get(accountId, id, number);
        return row ? text(row, "body") : null;
      }),
    results: (accountId, id) => guarded(database, () => resultsOf.all(accountId, id).map((row) => text(row, "result"))),
    update: (accountId, record, result) =>
      guarded(database, () =>
        database.transaction(() => {
          const { id, version, updatedAt } = record;
          const body = writeJob({ ...record, version: version + 1 });
          const { changes } = replace.run(isOpen(record), updatedAt + JOB_KEPT_MS, body, accountId, id, version);
          if (changes === 0) return false;
          if (result) finish.run(result.text, accountId, id, result.part);
          return true;
        }),
      ),
    open: () =>
      guarded(database, () => openOnes.all().map((row) => ({ account: text(row, "account"), id: text(row, "id") }))),
  };
}

function isOpen({ state }: { state: string }): number {
  return state === "running" ? 1 : 0;
}
