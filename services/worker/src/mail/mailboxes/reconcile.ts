import type { MailboxChanges, MailboxRecord, MessagePlace } from "@postern/store";
import type { ListedMailbox } from "../../imap/session.ts";

/**
 * What LIST shows against what is known: which known mailbox each listed one is, which are new, and which are gone.
 * Pure. A mailbox keeps its key over a rename where the server gives something to tell it by: an equal MAILBOXID
 * (RFC 8474), or a vanished path and one new path alone that has its UIDVALIDITY and a UIDNEXT not below the known one; one
 * that cannot be opened, where all that was below it has gone to the same place.
 */
export function reconcile(
  known: readonly MailboxRecord[],
  listed: readonly ListedMailbox[],
  now: number,
): MailboxChanges {
  const found = match(known, listed);
  const count = countOf(known) + 1;
  const changes: MailboxChanges = { add: [], update: [] };
  const seen = new Set(found.values());
  for (const mailbox of listed) {
    const record = found.get(mailbox);
    if (!record) changes.add.push(firstSight(mailbox, count));
    else if (differs(record, mailbox)) changes.update.push(updated(record, mailbox, count));
  }
  for (const record of known) {
    if (record.goneAt === null && !seen.has(record)) changes.update.push({ ...record, goneAt: now });
  }
  return changes;
}

type Found = Map<ListedMailbox, MailboxRecord>;

function match(known: readonly MailboxRecord[], listed: readonly ListedMailbox[]): Found {
  const found: Found = new Map();
  const taken = new Set<MailboxRecord>();
  const pair = (mailbox: ListedMailbox, record: MailboxRecord): void => {
    found.set(mailbox, record);
    taken.add(record);
  };
  const free = (): { mailboxes: ListedMailbox[]; records: MailboxRecord[] } => ({
    mailboxes: listed.filter((mailbox) => !found.has(mailbox)),
    records: known.filter((record) => !taken.has(record)),
  });

  for (const [mailbox, record] of onlyPairs(free(), sameObject)) pair(mailbox, record);
  for (const [mailbox, record] of onlyPairs(free(), samePlace)) pair(mailbox, record);
  for (const [mailbox, record] of onlyPairs(free(), movedHere)) pair(mailbox, record);
  for (const [mailbox, record] of onlyPairs(free(), above(found))) pair(mailbox, record);
  // What is left at a known path is the path made anew, or its mailbox reset: the ids made before are gone either way.
  for (const [mailbox, record] of onlyPairs(free(), reset)) pair(mailbox, record);
  return found;
}

/** Pairs in which each is the other's only candidate; anything ambiguous is left out. */
function onlyPairs(
  free: { mailboxes: ListedMailbox[]; records: MailboxRecord[] },
  rule: Rule,
): [ListedMailbox, MailboxRecord][] {
  const byHandle = new Map<string, MailboxRecord[]>();
  for (const record of free.records) add(byHandle, rule.known(record), record);
  const wanted = new Map<MailboxRecord, ListedMailbox[]>();
  const candidates = free.mailboxes.map((mailbox) => {
    const handle = rule.listed(mailbox);
    const records = handle === null ? [] : (byHandle.get(handle) ?? []).filter((record) => rule.test(record, mailbox));
    for (const record of records) wanted.set(record, [...(wanted.get(record) ?? []), mailbox]);
    return { mailbox, records };
  });
  return candidates.flatMap(({ mailbox, records: [record, ...others] }): [ListedMailbox, MailboxRecord][] =>
    record && others.length === 0 && wanted.get(record)?.length === 1 ? [[mailbox, record]] : [],
  );
}

function add<T>(map: Map<string, T[]>, handle: string | null, value: T): void {
  if (handle === null) return;
  const values = map.get(handle);
  if (values) values.push(value);
  else map.set(handle, [value]);
}

/** By what a record and a listed mailbox are brought together, and whether they then are the same. */
interface Rule {
  known: (record: MailboxRecord) => string | null;
  listed: (mailbox: ListedMailbox) => string | null;
  test: (record: MailboxRecord, mailbox: ListedMailbox) => boolean;
}

const sameObject: Rule = {
  known: (record) => record.mailboxId,
  listed: (mailbox) => mailbox.status?.mailboxId ?? null,
  test: () => true,
};

/** At its path, with nothing against it. One that was gone comes back only with its UIDVALIDITY: it was out of sight. */
const samePlace: Rule = {
  known: (record) => record.path,
  listed: (mailbox) => mailbox.path,
  test: (record, { status }) => {
    if (!mayBeSameObject(record, status?.mailboxId ?? null)) return false;
    if (record.goneAt !== null) return status !== null && continues(record, status);
    return status === null || record.uidValidity === null || record.uidValidity === status.uidValidity;
  },
};

const movedHere: Rule = {
  known: (record) => (record.goneAt === null && record.uidValidity !== null ? String(record.uidValidity) : null),
  listed: (mailbox) => (mailbox.status ? String(mailbox.status.uidValidity) : null),
  test: (record, { status }) =>
    status !== null && mayBeSameObject(record, status.mailboxId) && continues(record, status),
};

/** What cannot be opened has nothing to be known by: it went where all that was below it went. */
function above(found: Found): Rule {
  const moved = new Map<string, Set<string>>();
  for (const [{ path, delimiter }, record] of found) {
    if (delimiter === null || path === record.path) continue;
    let [from, to] = [record.path.split(delimiter), path.split(delimiter)];
    while (from.length > 1 && to.length > 1 && from.at(-1) === to.at(-1)) {
      [from, to] = [from.slice(0, -1), to.slice(0, -1)];
      const name = from.join(delimiter);
      moved.set(name, (moved.get(name) ?? new Set()).add(to.join(delimiter)));
    }
  }
  return {
    known: ({ path, goneAt, uidValidity }) => {
      const [target, ...others] = moved.get(path) ?? [];
      return goneAt === null && uidValidity === null && others.length === 0 ? (target ?? null) : null;
    },
    listed: ({ path }) => path,
    test: (_, { status }) => status === null,
  };
}

const reset: Rule = {
  known: (record) => (record.goneAt === null ? record.path : null),
  listed: (mailbox) => mailbox.path,
  test: (record, { status }) => mayBeSameObject(record, status?.mailboxId ?? null),
};

function mayBeSameObject(record: MailboxRecord, mailboxId: string | null): boolean {
  return record.mailboxId === null || mailboxId === null || record.mailboxId === mailboxId;
}

/** Same UIDVALIDITY, and UIDs that have not gone back. */
function continues(record: MailboxRecord, status: { uidValidity: number; uidNext: number | null }): boolean {
  return record.uidValidity === status.uidValidity && (status.uidNext ?? Infinity) >= (record.uidNext ?? 0);
}

function firstSight({ path, status }: ListedMailbox, count: number): Omit<MailboxRecord, "key"> {
  return {
    path,
    uidValidity: status?.uidValidity ?? null,
    formerUidValidities: [],
    mailboxId: status?.mailboxId ?? null,
    uidNext: status?.uidNext ?? null,
    goneAt: null,
    sightings: sighted([], status?.uidNext ?? null, count),
  };
}

function differs(record: MailboxRecord, { path, status }: ListedMailbox): boolean {
  if (record.goneAt !== null || record.path !== path) return true;
  if (status === null) return false;
  return (
    record.uidValidity !== status.uidValidity ||
    (status.mailboxId !== null && record.mailboxId !== status.mailboxId) ||
    (status.uidNext !== null && status.uidNext > (record.uidNext ?? 0))
  );
}

function updated(record: MailboxRecord, { path, status }: ListedMailbox, count: number): MailboxRecord {
  const here = { ...record, path, goneAt: null };
  return status ? adopt(here, status, count) : here;
}

export interface Seen {
  uidValidity: number;
  uidNext: number | null;
  mailboxId: string | null;
}

/**
 * The record after its mailbox was seen in this state. A UIDVALIDITY that was left is kept as a former one. `count`: one more
 * than all that the account's mailboxes have.
 */
export function adopt(record: MailboxRecord, seen: Seen, count: number): MailboxRecord {
  const mailboxId = seen.mailboxId ?? record.mailboxId;
  if (record.uidValidity === seen.uidValidity) {
    const uidNext = Math.max(record.uidNext ?? 0, seen.uidNext ?? 0);
    const sightings = sighted(record.sightings, seen.uidNext, count);
    return { ...record, mailboxId, uidNext: uidNext === 0 ? null : uidNext, sightings };
  }
  const former = record.formerUidValidities.filter((value) => value !== seen.uidValidity);
  if (record.uidValidity !== null) former.push(record.uidValidity);
  const sightings = sighted([], seen.uidNext, count);
  const { uidValidity, uidNext } = seen;
  return { ...record, mailboxId, uidValidity, formerUidValidities: former, uidNext, sightings };
}

type Sightings = MailboxRecord["sightings"];

/** What fell out of the history was there by the oldest that is kept. */
const MOST_SIGHTINGS = 16;

function sighted(known: Sightings, uidNext: number | null, count: number): Sightings {
  const [, highest = 0] = known.at(-1) ?? [];
  return uidNext === null || uidNext <= highest
    ? known
    : [...known, [count, uidNext] satisfies Sightings[number]].slice(-MOST_SIGHTINGS);
}

/** The highest count of sightings that any of an account's mailboxes has. */
export function countOf(records: Iterable<MailboxRecord>): number {
  let count = 0;
  for (const { sightings } of records) count = Math.max(count, sightings.at(-1)?.[0] ?? 0);
  return count;
}

/** The highest UIDNEXT that was known at a count: what came later has a UID from there on. */
export function knownNext(record: MailboxRecord, uidValidity: number, count: number): number {
  if (record.uidValidity !== uidValidity) return 1;
  return record.sightings.findLast(([at]) => at <= count)?.[1] ?? 1;
}

/** The count by which the message at this place had certainly arrived; infinite where nothing tells. */
export function arrivedBy(record: MailboxRecord, { uidValidity, uid }: Omit<MessagePlace, "mailbox">): number {
  if (record.uidValidity !== uidValidity) return Infinity;
  return record.sightings.find(([, uidNext]) => uidNext > uid)?.[0] ?? Infinity;
}
