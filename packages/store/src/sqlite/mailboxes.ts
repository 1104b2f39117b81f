import { Failure } from "@postern/protocol";
import { readMailbox, writeMailbox } from "../records.ts";
import type { MailboxChanges, MailboxRecord, MailboxStore } from "../store.ts";
import { fenceOf } from "./leases.ts";
import { type Database, guarded, integer, text } from "./database.ts";

export function sqliteMailboxes(database: Database): MailboxStore {
  const fence = fenceOf(database);
  const account = database.prepare("SELECT 1 FROM accounts WHERE id = ?");
  const set = database.prepare("SELECT version, highest_key FROM mailbox_sets WHERE account = ?");
  const putSet = database.prepare(
    "INSERT INTO mailbox_sets (account, version, highest_key) VALUES (?, ?, ?)" +
      " ON CONFLICT (account) DO UPDATE SET version = excluded.version, highest_key = excluded.highest_key",
  );
  const all = database.prepare("SELECT key, body FROM mailboxes WHERE account = ? ORDER BY key");
  const insert = database.prepare("INSERT INTO mailboxes (account, key, body) VALUES (?, ?, ?)");
  const replace = database.prepare("UPDATE mailboxes SET body = ? WHERE account = ? AND key = ?");

  const present = (accountId: string): { version: number; highestKey: number } => {
    const row = set.get(accountId);
    return row
      ? { version: integer(row, "version"), highestKey: integer(row, "highest_key") }
      : { version: 0, highestKey: 0 };
  };

  const write = (accountId: string, highestKey: number, { add, update }: MailboxChanges): MailboxRecord[] => {
    const added = add.map((record, index) => ({ ...record, key: highestKey + 1 + index }));
    for (const record of added) insert.run(accountId, record.key, writeMailbox(record));
    for (const record of update) {
      if (replace.run(writeMailbox(record), accountId, record.key).changes === 0)
        throw new RangeError("an update names a mailbox key that was never given");
    }
    return added;
  };

  return {
    list: (accountId) =>
      guarded(database, () =>
        database.snapshot(() => ({
          version: present(accountId).version,
          records: all.all(accountId).map((row) => readMailbox(integer(row, "key"), text(row, "body"))),
        })),
      ),
    apply: (accountId, version, changes, epoch) =>
      guarded(database, () =>
        database.transaction(() => {
          fence(accountId, epoch);
          if (!account.get(accountId)) throw new Failure("not-found", { detail: "The account is gone" });
          const { version: stored, highestKey } = present(accountId);
          if (stored !== version) return null;
          putSet.run(accountId, version + 1, highestKey + changes.add.length);
          return { version: version + 1, added: write(accountId, highestKey, changes) };
        }),
      ),
  };
}
