import { Failure } from "@postern/protocol";
import { addSeeds, type StoredThread, readSeeds } from "../threads.ts";
import type { ThreadStore, ThreadWish } from "../store.ts";
import { type Database, guarded, integer, text } from "./database.ts";

export function sqliteThreads(database: Database): ThreadStore {
  const account = database.prepare("SELECT key FROM accounts WHERE id = ?");
  const link = database.prepare("SELECT thread FROM thread_links WHERE account = ? AND link = ?");
  const putLink = database.prepare(
    "INSERT INTO thread_links (account, link, thread) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
  );
  const one = database.prepare("SELECT joined, seeds FROM threads WHERE account = ? AND thread = ?");
  const highest = database.prepare("SELECT coalesce(max(thread), 0) AS highest FROM threads WHERE account = ?");
  const insert = database.prepare("INSERT INTO threads (account, thread, joined, seeds) VALUES (?, ?, ?, ?)");
  const putSeeds = database.prepare("UPDATE threads SET seeds = ? WHERE account = ? AND thread = ?");
  const join = database.prepare("UPDATE threads SET joined = ? WHERE account = ? AND joined = ?");
  const parts = database.prepare("SELECT thread, seeds FROM threads WHERE account = ? AND joined = ? ORDER BY thread");

  const keyOf = (accountId: string): number | null => {
    const row = account.get(accountId);
    return row ? integer(row, "key") : null;
  };
  const threadOf = (key: number, name: string): number | null => {
    const row = link.get(key, octets(name));
    return row ? integer(row, "thread") : null;
  };
  const read = (key: number, thread: number): StoredThread | null => {
    const row = one.get(key, thread);
    return row ? { joined: integer(row, "joined"), seeds: readSeeds(text(row, "seeds")) } : null;
  };
  const known = (key: number, links: readonly string[]): number[] => [
    ...new Set(links.flatMap((name) => threadOf(key, name) ?? [])),
  ];

  /** The lowest takes the others in; what they were called goes on naming all of it. */
  const joinAll = (key: number, threads: readonly number[]): number => {
    const roots = [...new Set(threads.map((thread) => read(key, thread)?.joined ?? thread))].sort((a, b) => a - b);
    const [root = 0, ...others] = roots;
    for (const other of others) join.run(root, key, other);
    return root;
  };

  const assign = (key: number, { self, links, keep, weak, weakKeep, seeds }: ThreadWish): number => {
    const own = threadOf(key, self);
    let found = known(key, [self, ...links]);
    if (found.length === 0) found = known(key, weak).slice(0, 1);
    let thread = own ?? joinAll(key, found);
    if (found.length > 1) joinAll(key, found);
    if (thread === 0) {
      const row = highest.get(key);
      thread = (row ? integer(row, "highest") : 0) + 1;
      insert.run(key, thread, thread, JSON.stringify(seeds));
    } else {
      const stored = read(key, thread)?.seeds ?? [];
      const more = addSeeds(stored, seeds);
      if (more) putSeeds.run(JSON.stringify(more), key, thread);
    }
    for (const name of [self, ...keep, ...weakKeep]) putLink.run(key, octets(name), thread);
    return thread;
  };

  return {
    assign: (accountId, wishes) =>
      guarded(database, () => {
        const settled = settledBefore(keyOf(accountId), wishes, threadOf);
        if (settled) return settled;
        return database.transaction(() => {
          const key = keyOf(accountId);
          if (key === null) throw new Failure("not-found", { detail: "The account is gone" });
          return wishes.map((wish) => assign(key, wish));
        });
      }),
    find: (accountId, thread) =>
      guarded(database, () =>
        database.snapshot(() => {
          const key = keyOf(accountId);
          const stored = key === null ? null : read(key, thread);
          if (key === null || !stored) return null;
          const rows = parts.all(key, stored.joined);
          return {
            threads: rows.map((row) => integer(row, "thread")),
            seeds: [...new Set(rows.flatMap((row) => readSeeds(text(row, "seeds"))))],
          };
        }),
      ),
  };
}

/** Where nothing is new nothing is written, and no other process waits. */
function settledBefore(
  key: number | null,
  wishes: readonly ThreadWish[],
  threadOf: (key: number, name: string) => number | null,
): number[] | null {
  if (key === null) return null;
  const threads = wishes.map(({ self }) => threadOf(key, self));
  return threads.every((thread) => thread !== null) ? threads : null;
}

const octets = (link: string): Buffer => Buffer.from(link, "hex");
