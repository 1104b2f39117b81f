import type { Listing } from "../mail/mailboxes/listings.ts";
import type { OpenMailbox } from "../mail/open-mailbox.ts";

/**
 * The mailboxes' counters at the first position that was given, from before anything was looked at: what has happened since
 * can be found out from them alone where the server counts its changes (RFC 7162).
 */
export interface Opening {
  mailboxes: ReadonlyMap<number, OpenedMailbox>;
  /** Whether the server counts changes in each of them. */
  isCounted: boolean;
  messages: number;
}

export interface OpenedMailbox {
  path: string;
  /** Null: it could not be selected. */
  counters: OpenedCounters | null;
}

interface OpenedCounters {
  uidValidity: number;
  uidNext: number;
  /** Null: the server does not count changes. */
  highestModseq: bigint | null;
  messages: number;
}

/** What has become of a mailbox's messages since it was opened. */
export interface Since {
  /** Messages with this UID or a higher one have come since. */
  uidNext: number;
  /** UIDs below it, of messages whose flags have changed. */
  changed: ReadonlySet<number>;
  gone: readonly number[];
}

const ALL_NEW: Since = { uidNext: 0, changed: new Set(), gone: [] };

type Row = [key: number | null, path: string, ...counters: [number, number | null, string | null, number] | []];

export function packOpening({ listed, records }: Listing): string {
  const rows = listed.map(({ path, status }): Row => {
    const key = records.get(path)?.key ?? null;
    if (!status) return [key, path];
    return [key, path, status.uidValidity, status.uidNext, status.highestModseq?.toString() ?? null, status.messages];
  });
  return JSON.stringify(rows);
}

export function readOpening(text: string): Opening {
  const mailboxes = new Map<number, OpenedMailbox>();
  let isCounted = true;
  let total = 0;
  for (const [key, path, uidValidity, uidNext = null, highestModseq = null, messages = 0] of JSON.parse(
    text,
  ) as Row[]) {
    const isOpen = uidValidity !== undefined && uidNext !== null;
    const modseq = highestModseq === null ? null : BigInt(highestModseq);
    if (isOpen && modseq === null && messages > 0) isCounted = false;
    total += messages;
    if (key === null) continue;
    mailboxes.set(key, { path, counters: isOpen ? { uidValidity, uidNext, highestModseq: modseq, messages } : null });
  }
  return { mailboxes, isCounted, messages: total };
}

/**
 * What has happened in an open mailbox since. `present`: all UIDs that it had at a time since, ascending; what has happened
 * after that time may be told or not. Null: nobody can tell.
 */
export async function sinceOpening(
  { session, state }: OpenMailbox,
  opened: OpenedMailbox | undefined,
  present: ReadonlySet<number>,
): Promise<Since | null> {
  const before = opened?.counters;
  if (!before || before.messages === 0) return ALL_NEW;
  const { uidNext, highestModseq, uidValidity } = before;
  if (uidValidity !== state.uidValidity || highestModseq === null || state.highestModseq === null) return null;
  const rows = await session.changedSince(highestModseq);
  const changed = new Set(rows.flatMap(({ uid }) => (uid < uidNext && present.has(uid) ? [uid] : [])));
  const missing = before.messages - [...present].filter((uid) => uid < uidNext).length;
  if (missing === 0) return { uidNext, changed, gone: [] };
  const vanished = await session.vanishedSince(highestModseq, uidNext - 1);
  const gone = vanished?.filter((uid) => !present.has(uid)) ?? [];
  // A server that has forgotten what was when may name some that were gone before, but none too few.
  return missing > 0 && gone.length >= missing ? { uidNext, changed, gone } : null;
}
