import { Failure } from "@postern/protocol";
import type { MailboxChanges, MailboxRecord, MailboxStore } from "@postern/store";
import type { ListedMailbox } from "../../imap/session.ts";
import { adopt, reconcile, type Seen } from "./reconcile.ts";

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
  /** Takes in what LIST shows, with counters; the records by path as they then are. */
  learn(account: AccountRef, listed: readonly ListedMailbox[]): Promise<Map<string, MailboxRecord>>;
  /** Takes in the state that a mailbox was seen in. */
  see(account: AccountRef, key: number, seen: Seen): Promise<MailboxRecord>;
}

interface Known {
  version: number;
  byKey: Map<number, MailboxRecord>;
  byPath: Map<string, MailboxRecord>;
}

/** Accounts held in memory at a time; the one that was loaded first makes room. */
const ACCOUNTS = 10_000;
const ATTEMPTS = 20;

export function createRegistry(store: MailboxStore): Registry {
  const memory = new Map<number, Known>();

  async function load(account: AccountRef): Promise<Known> {
    const { version, records } = await store.list(account.id);
    return remember(account, version, records);
  }

  function remember(account: AccountRef, version: number, records: Iterable<MailboxRecord>): Known {
    const known = index(version, records);
    memory.delete(account.key);
    memory.set(account.key, known);
    const [oldest] = memory.keys();
    if (memory.size > ACCOUNTS && oldest !== undefined) memory.delete(oldest);
    return known;
  }

  /** Changes what is known, decided anew whenever another write came first. */
  async function change(account: AccountRef, decide: (known: Known) => MailboxChanges): Promise<Known> {
    let known = memory.get(account.key) ?? (await load(account));
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const changes = decide(known);
      if (changes.add.length === 0 && changes.update.length === 0) return known;
      const applied = await store.apply(account.id, known.version, changes);
      if (applied) {
        const byKey = new Map(known.byKey);
        for (const record of [...changes.update, ...applied.added]) byKey.set(record.key, record);
        return remember(account, applied.version, byKey.values());
      }
      known = await load(account);
    }
    throw new Failure("unavailable", { detail: "The account's mailboxes are being changed by too many at once." });
  }

  async function lookUp<T>(account: AccountRef, look: (known: Known) => T | undefined): Promise<T | null> {
    const held = memory.get(account.key);
    const value = held && look(held);
    return value ?? look(await load(account)) ?? null;
  }

  return {
    find: (account, key) => lookUp(account, (known) => known.byKey.get(key)),
    at: (account, path) => lookUp(account, (known) => known.byPath.get(path)),
    async live(account) {
      const known = memory.get(account.key) ?? (await load(account));
      return [...known.byPath.values()];
    },
    async learn(account, listed) {
      const known = await change(account, ({ byKey }) => reconcile([...byKey.values()], listed, Date.now()));
      return known.byPath;
    },
    async see(account, key, seen) {
      const known = await change(account, ({ byKey }) => seenChange(byKey.get(key), seen));
      const record = known.byKey.get(key);
      if (!record) throw new Failure("not-found");
      return record;
    },
  };
}

function seenChange(record: MailboxRecord | undefined, seen: Seen): MailboxChanges {
  if (!record) return { add: [], update: [] };
  const next = adopt(record, seen);
  const same = next.uidValidity === record.uidValidity && next.mailboxId === record.mailboxId;
  return { add: [], update: same ? [] : [next] };
}

function index(version: number, records: Iterable<MailboxRecord>): Known {
  const known: Known = { version, byKey: new Map(), byPath: new Map() };
  for (const record of records) {
    known.byKey.set(record.key, record);
    if (record.goneAt === null) known.byPath.set(record.path, record);
  }
  return known;
}
