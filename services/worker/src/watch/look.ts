import { createHash } from "node:crypto";
import { isFailure } from "@postern/protocol";
import type { FetchedMessage, ImapSession, MailboxStatus } from "../imap/session.ts";
import type { OpenMailbox } from "../mail/open-mailbox.ts";
import { type Facts, fetchFacts } from "../mail/rows/facts.ts";
import type { Found } from "./reconcile.ts";
import { flagText, GUID_OCTETS, type SeenMailbox, type SeenMessage } from "./seen.ts";

/** What a look at a mailbox has shown. */
export interface Look extends Found {
  mailboxNow: SeenMailbox;
  /** UIDs of those that were not known before, and what they can be known again by, as far as it was fetched. */
  fresh: ReadonlyMap<number, Facts | null>;
}

/** What is known of messages of the mailbox that is looked at. */
export interface Knowledge {
  of(uid: number): SeenMessage | null;
  /** Of pieces that were not needed before too. */
  all(): Promise<SeenMessage[]>;
  load(uids: readonly number[]): Promise<void>;
}

/** What is known after a look, before it is written. */
export class KnownSince implements Knowledge {
  private readonly before: Knowledge;
  private readonly present: ReadonlyMap<number, SeenMessage>;
  private readonly gone: ReadonlySet<number>;

  constructor(before: Knowledge, { present, gone }: Pick<Look, "present" | "gone">) {
    this.before = before;
    this.present = new Map(present.map((message) => [message.uid, message]));
    this.gone = new Set(gone.map(({ uid }) => uid));
  }

  of(uid: number): SeenMessage | null {
    return this.gone.has(uid) ? null : (this.present.get(uid) ?? this.before.of(uid));
  }

  async all(): Promise<SeenMessage[]> {
    const before = (await this.before.all()).filter(({ uid }) => !this.present.has(uid) && !this.gone.has(uid));
    return [...before, ...this.present.values()];
  }

  load(uids: readonly number[]): Promise<void> {
    return this.before.load(uids);
  }
}

/**
 * What has changed in an opened mailbox. With CONDSTORE the server tells which flags have, and counts tell whether
 * something is missing; otherwise all flags are read. The checkpoint is the state from before reading: what is read may be
 * newer, and is then found unchanged the next time.
 */
export async function look(open: OpenMailbox, seen: SeenMailbox | null, known: Knowledge): Promise<Look> {
  const { state, record } = open;
  const isSame = seen?.uidValidity === state.uidValidity;
  const since = isSame && seen.highestModseq !== null && state.highestModseq !== null ? seen : null;
  const { present, gone, facts } = since
    ? await changesSince(open, since, known)
    : await everything(open, isSame ? seen : null, seen === null ? null : known);
  const fresh = present.flatMap(({ uid }) => (isSame && known.of(uid) ? [] : [uid]));
  const highest = present.reduce((most, { uid }) => Math.max(most, uid), 0);
  return {
    mailbox: record.key,
    uidValidity: state.uidValidity,
    knownValidity: seen?.uidValidity ?? state.uidValidity,
    present,
    gone,
    fresh: new Map(fresh.map((uid) => [uid, facts.get(uid) ?? null])),
    mailboxNow: {
      key: record.key,
      path: record.path,
      uidValidity: state.uidValidity,
      uidNext: Math.max(state.uidNext, highest + 1),
      highestModseq: state.highestModseq?.toString() ?? null,
      unseen: null,
      count: isSame ? seen.count + fresh.length - gone.length : fresh.length,
      pieces: isSame ? seen.pieces : [],
    },
  };
}

interface Changed {
  present: SeenMessage[];
  gone: SeenMessage[];
  facts: ReadonlyMap<number, Facts>;
}

async function changesSince({ session, state }: OpenMailbox, seen: SeenMailbox, known: Knowledge): Promise<Changed> {
  const rows = await session.changedSince(BigInt(seen.highestModseq ?? 0));
  const fresh = rows.filter(({ uid }) => uid >= seen.uidNext);
  await known.load(rows.map(({ uid }) => uid));
  const expected = seen.count + fresh.filter(({ uid }) => uid < state.uidNext).length;
  const gone = expected === state.messages ? [] : await missing(session, rows, known);
  const gonesUids = new Set(gone.map(({ uid }) => uid));
  const left = rows.filter(({ uid }) => !gonesUids.has(uid));
  return { ...(await withGuids(session, left, known)), gone };
}

/** A search brings UIDs alone, as ranges: cheap even where there are many. */
async function missing(
  session: ImapSession,
  rows: readonly FetchedMessage[],
  known: Knowledge,
): Promise<SeenMessage[]> {
  const there = new Set(await session.search({ all: true }));
  for (const { uid } of rows) there.add(uid);
  return (await known.all()).filter(({ uid }) => !there.has(uid));
}

async function everything(
  { session }: OpenMailbox,
  same: SeenMailbox | null,
  known: Knowledge | null,
): Promise<Changed> {
  const rows = await session.fetch({ uidRange: { from: 1, to: 0xffffffff } }, { flags: true });
  const before = known ? await known.all() : [];
  const there = new Set(rows.map(({ uid }) => uid));
  const gone = same ? before.filter(({ uid }) => !there.has(uid)) : before;
  return { ...(await withGuids(session, rows, same ? known : null)), gone };
}

/** GUIDs never change: only of what is new are they asked for. */
async function withGuids(
  session: ImapSession,
  rows: readonly FetchedMessage[],
  known: Knowledge | null,
): Promise<Omit<Changed, "gone">> {
  const fresh = rows.filter(({ uid }) => !known?.of(uid)).map(({ uid }) => uid);
  const facts = await guidsOf(session, fresh);
  const present = rows.flatMap(({ uid, flags }): SeenMessage[] => {
    if (!flags) return [];
    const before = known?.of(uid) ?? null;
    const guid = facts.get(uid)?.guid;
    return [
      { uid, flags: flagText(flags), guid: before?.guid ?? (guid ? shortened(guid) : null), id: before?.id ?? null },
    ];
  });
  return { present, facts };
}

async function guidsOf(session: ImapSession, uids: readonly number[]): Promise<Map<number, Facts>> {
  if (uids.length === 0 || session.abilities.guid === null) return new Map();
  try {
    return await fetchFacts(session, uids, ["guid"]);
  } catch (error) {
    // It does not know the item after all: moves then show as a message that went and one that came.
    if (isFailure(error, "upstream-refused") && error.upstream?.status === "BAD") return new Map();
    throw error;
  }
}

function shortened(guid: string): string {
  return createHash("sha1")
    .update(guid)
    .digest("hex")
    .slice(0, 2 * GUID_OCTETS);
}

/** What both looks at a mailbox have found, against what is written. */
export function merged(before: Look, now: Look, held: Knowledge): Look {
  const gone = new Map([...before.gone, ...now.gone].map((message) => [message.uid, message]));
  const present = new Map([...before.present, ...now.present].map((message) => [message.uid, message]));
  for (const { uid } of now.gone) present.delete(uid);
  // What came and went meanwhile was never there.
  const known = [...gone.values()].flatMap(({ uid }) => held.of(uid) ?? []);
  const fresh = new Map([...before.fresh, ...now.fresh].filter(([uid]) => present.has(uid)));
  return { ...now, knownValidity: before.knownValidity, fresh, gone: known, present: [...present.values()] };
}

/** Without CONDSTORE nothing tells of flags: there is always something to look at. */
export function isSame(seen: SeenMailbox, status: MailboxStatus): boolean {
  const { uidValidity, uidNext, highestModseq, messages } = status;
  if (seen.uidValidity !== uidValidity || seen.count !== messages) return false;
  if (highestModseq === null) return messages === 0;
  return seen.highestModseq === highestModseq.toString() && (uidNext === null || seen.uidNext === uidNext);
}
