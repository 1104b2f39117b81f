import { type Call, Failure } from "@postern/protocol";
import type { MailboxChanges, MailboxRecord, MailboxStore } from "@postern/store";
import type { ListedMailbox } from "../../imap/session.ts";
import { within } from "../../mirror/shared-work.ts";
import { Settling } from "../places/settling.ts";
import { adopt, countOf, reconcile, type Seen } from "./reconcile.ts";

/** An account by its id and by the key that its mailboxes' and messages' ids carry. */
export interface AccountRef {
  id: string;
  key: number;
}

/**
 * What is known of accounts' mailboxes: the stored records, held in memory by account key. Memory may be behind the
 * store when another worker wrote; what it lacks is looked up there, and every write compares versions.
 */
export interface Registry {
  /** The record of that key, gone ones included. Null: never given. */
  find(account: AccountRef, key: number): Promise<MailboxRecord | null>;
  /** The mailbox that is at this path as far as is known. */
  at(account: AccountRef, path: string): Promise<MailboxRecord | null>;
  /** All that are not gone. */
  live(account: AccountRef): Promise<MailboxRecord[]>;
  /**
   * Takes in what LIST shows, with counters; the records by path as they then are. Null: Postern itself has changed paths
   * since `turn`, before the LIST was sent, and what it showed may be of before or after.
   */
  learn(
    account: AccountRef,
    listed: readonly ListedMailbox[],
    turn: number,
  ): Promise<Map<string, MailboxRecord> | null>;
  /** Rises whenever Postern begins or ends to change paths. */
  turn(account: AccountRef): number;
  /** Waits for changes of paths that are under way. Not to be waited for with a session in hand, which they may need. */
  settled(account: AccountRef, call: Call): Promise<void>;
  /** Wraps a command that changes paths, and the recording of it: what LIST shows meanwhile is not taken in. */
  changing<T>(account: AccountRef, work: () => Promise<T>): Promise<T>;
  /** What was at `from`, and below it, is at `to` now: whatever else the server changed with it, they are the same mailboxes. */
  renamed(account: AccountRef, from: string, to: string, delimiter: string | null): Promise<void>;
  /** The mailbox was deleted. */
  deleted(account: AccountRef, key: number): Promise<void>;
  /** Takes in the state that a mailbox was seen in. */
  see(account: AccountRef, key: number, seen: Seen): Promise<MailboxRecord>;
  /** How often something new was sighted in the account's mailboxes: what is read later is seen at this count. */
  count(account: AccountRef): Promise<number>;
}

interface Known {
  epoch: number;
  version: number;
  byKey: Map<number, MailboxRecord>;
  byPath: Map<string, MailboxRecord>;
  /** Of sightings. */
  count: number;
}

/** Accounts held in memory at a time; the one that was loaded first makes room. */
const ACCOUNTS = 10_000;
const ATTEMPTS = 20;

/** `epochOf`: what is held was read under one; under another, others may have written since. */
export function createRegistry(store: MailboxStore, epochOf: (account: string) => number): Registry {
  const memory = new Map<number, Known>();
  const paths = new Settling();
  const turns = new Map<number, number>();
  const turnOf = ({ key }: AccountRef): number => turns.get(key) ?? 0;
  const raise = (account: AccountRef): void => void turns.set(account.key, turnOf(account) + 1);

  function held(account: AccountRef): Known | undefined {
    const known = memory.get(account.key);
    return known?.epoch === epochOf(account.id) ? known : undefined;
  }

  async function load(account: AccountRef): Promise<Known> {
    const epoch = epochOf(account.id);
    const { version, records } = await store.list(account.id);
    return remember(account, epoch, version, records);
  }

  function remember(account: AccountRef, epoch: number, version: number, records: Iterable<MailboxRecord>): Known {
    const known = index(epoch, version, records);
    memory.delete(account.key);
    memory.set(account.key, known);
    const [oldest] = memory.keys();
    if (memory.size > ACCOUNTS && oldest !== undefined) memory.delete(oldest);
    return known;
  }

  /** Changes what is known, decided anew whenever another write came first. */
  async function change(account: AccountRef, decide: (known: Known) => MailboxChanges): Promise<Known> {
    let known = held(account) ?? (await load(account));
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const changes = decide(known);
      if (changes.add.length === 0 && changes.update.length === 0) return known;
      const applied = await store.apply(account.id, known.version, changes);
      if (applied) {
        const byKey = new Map(known.byKey);
        for (const record of [...changes.update, ...applied.added]) byKey.set(record.key, record);
        return remember(account, known.epoch, applied.version, byKey.values());
      }
      known = await load(account);
    }
    throw new Failure("unavailable", { detail: "The account's mailboxes are being changed by too many at once." });
  }

  async function lookUp<T>(account: AccountRef, look: (known: Known) => T | undefined): Promise<T | null> {
    const known = held(account);
    const value = known && look(known);
    return value ?? look(await load(account)) ?? null;
  }

  return {
    find: (account, key) => lookUp(account, (known) => known.byKey.get(key)),
    at: (account, path) => lookUp(account, (known) => known.byPath.get(path)),
    async live(account) {
      const known = held(account) ?? (await load(account));
      return [...known.byPath.values()];
    },
    async learn(account, listed, turn) {
      let isStale = false;
      const known = await change(account, ({ byKey }) => {
        isStale = turnOf(account) !== turn;
        return isStale ? nothing : reconcile([...byKey.values()], listed, Date.now());
      });
      return isStale ? null : known.byPath;
    },
    turn: turnOf,
    async settled(account, call) {
      const over = paths.over(String(account.key));
      if (over) await within(call, "RENAME", over);
    },
    changing: (account, work) =>
      paths.during(String(account.key), String(account.key), async () => {
        raise(account);
        try {
          return await work();
        } finally {
          raise(account);
        }
      }),
    async renamed(account, from, to, delimiter) {
      await change(account, ({ byPath }) => renaming(byPath, from, to, delimiter));
    },
    async deleted(account, key) {
      await change(account, ({ byKey }) => {
        const record = byKey.get(key);
        return record && record.goneAt === null ? { add: [], update: [{ ...record, goneAt: Date.now() }] } : nothing;
      });
    },
    async see(account, key, seen) {
      const known = await change(account, ({ byKey }) => seenChange(byKey, key, seen));
      const record = known.byKey.get(key);
      if (!record) throw new Failure("not-found");
      return record;
    },
    count: async (account) => (held(account) ?? (await load(account))).count,
  };
}

const nothing: MailboxChanges = { add: [], update: [] };

/** Whatever is known at a new path is known wrongly: the server gave it to the renamed one. */
function renaming(
  byPath: ReadonlyMap<string, MailboxRecord>,
  from: string,
  to: string,
  delimiter: string | null,
): MailboxChanges {
  const below = delimiter === null ? null : from + delimiter;
  const moving = [...byPath.values()].filter(({ path }) => path === from || (below !== null && path.startsWith(below)));
  const update = moving.map((record) => ({ ...record, path: to + record.path.slice(from.length) }));
  const taken = update.flatMap(({ path, key }) => {
    const there = byPath.get(path);
    return there && there.key !== key && !moving.includes(there) ? [{ ...there, goneAt: Date.now() }] : [];
  });
  return { add: [], update: [...update, ...taken] };
}

function seenChange(byKey: ReadonlyMap<number, MailboxRecord>, key: number, seen: Seen): MailboxChanges {
  const record = byKey.get(key);
  if (!record) return nothing;
  const next = adopt(record, seen, countOf(byKey.values()) + 1);
  const same =
    next.uidValidity === record.uidValidity && next.mailboxId === record.mailboxId && next.uidNext === record.uidNext;
  return { add: [], update: same ? [] : [next] };
}

function index(epoch: number, version: number, records: Iterable<MailboxRecord>): Known {
  const known: Known = { epoch, version, byKey: new Map(), byPath: new Map(), count: 0 };
  for (const record of records) {
    known.byKey.set(record.key, record);
    if (record.goneAt === null) known.byPath.set(record.path, record);
  }
  known.count = countOf(known.byKey.values());
  return known;
}
