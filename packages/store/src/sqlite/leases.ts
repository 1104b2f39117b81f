import { Failure } from "@postern/protocol";
import { Fenced } from "../fenced.ts";
import { readWorker, writeWorker } from "../records.ts";
import type { LeaseStore, WorkerEntry } from "../store.ts";
import { type Database, guarded, integer, text } from "./database.ts";

/** Throws `Fenced` where the account's epoch is not the given one. To be called in the transaction that writes. */
export function fenceOf(database: Database): (accountId: string, epoch: number | undefined) => void {
  const isThere = database.prepare("SELECT 1 FROM leases WHERE account = ? AND epoch = ?");
  return (accountId, epoch) => {
    if (epoch !== undefined && !isThere.get(accountId, epoch)) throw new Fenced();
  };
}

export function sqliteLeases(database: Database): LeaseStore {
  const sweep = database.prepare("DELETE FROM lease_holders WHERE expires_at <= ?");
  const sweepAll = database.prepare("DELETE FROM lease_holders");
  const put = database.prepare("INSERT INTO lease_holders (id, worker, expires_at) VALUES (?, ?, ?)");
  const prolong = database.prepare("UPDATE lease_holders SET expires_at = ? WHERE id = ?");
  const erase = database.prepare("DELETE FROM lease_holders WHERE id = ?");
  const account = database.prepare("SELECT 1 FROM accounts WHERE id = ?");
  const lease = database.prepare(
    "SELECT leases.holder, epoch, worker FROM leases LEFT JOIN lease_holders" +
      " ON lease_holders.id = leases.holder AND expires_at > ? WHERE account = ?",
  );
  const putLease = database.prepare(
    "INSERT INTO leases (account, holder, epoch) VALUES (?, ?, ?)" +
      " ON CONFLICT (account) DO UPDATE SET holder = excluded.holder, epoch = excluded.epoch",
  );
  const free = database.prepare("UPDATE leases SET holder = NULL, epoch = epoch + 1 WHERE account = ? AND holder = ?");

  /** `owner` is null where it is nobody's, or the holder's time is over. */
  const present = (accountId: string): { holder: unknown; epoch: number; owner: WorkerEntry | null } => {
    const row = lease.get(Date.now(), accountId);
    if (!row) return { holder: null, epoch: 0, owner: null };
    const owner = row.worker === null ? null : readWorker(text(row, "worker"));
    return { holder: row.holder, epoch: integer(row, "epoch"), owner };
  };
  const write = <T>(work: () => T): Promise<T> => guarded(database, () => database.transaction(work));

  return {
    begin: ({ id, worker }, ttlMs, alone = false) =>
      write(() => {
        if (alone) sweepAll.run();
        else sweep.run(Date.now());
        put.run(id, writeWorker(worker), untilAfter(ttlMs));
      }),
    renew: (holderId, ttlMs) =>
      write(() => {
        sweep.run(Date.now());
        return prolong.run(untilAfter(ttlMs), holderId).changes === 1;
      }),
    end: (holderId) => write(() => void erase.run(holderId)),
    claim: (accountId, holderId) =>
      write(() => {
        if (!account.get(accountId)) throw new Failure("not-found", { detail: "There is no such account." });
        const { holder, epoch, owner } = present(accountId);
        if (holder === holderId) return { held: true, epoch };
        if (owner) return { held: false, owner };
        // An account that was removed and made anew does not begin again at 1.
        const next = Math.max(epoch + 1, Date.now());
        putLease.run(accountId, holderId, next);
        return { held: true, epoch: next };
      }),
    release: (accountId, holderId) => write(() => void free.run(accountId, holderId)),
    ownerOf: (accountId) =>
      guarded(database, () => {
        const { owner, epoch } = present(accountId);
        return owner && { owner, epoch };
      }),
  };
}

function untilAfter(ttlMs: number): number {
  return Math.min(Number.MAX_SAFE_INTEGER, Date.now() + Math.ceil(ttlMs));
}
