import type { FetchedMessage, FetchItems, ImapSession } from "../../imap/session.ts";
import type { Row } from "./admit.ts";

/** A mailbox to which messages are brought, as it was just before. */
export interface Destination {
  /** The mailbox's key. */
  mailbox: number;
  path: string;
  uidValidity: number;
  /** Null: the server does not tell. */
  uidNext: number | null;
}

/** By the UID in the source, the UID in the destination. */
export type Arrivals = ReadonlyMap<number, number>;

/** What a message is known by when nothing tells what became of it: the same on a copy. */
export const FACTS: FetchItems = { envelope: true, size: true };

/**
 * Which messages are in the destination that were not there before, where the server does not tell it by COPYUID: those
 * above its former UIDNEXT with the same size, Message-ID, subject and date. Equal ones are taken in their order, which
 * copies keep. Leaves the destination selected. Null: it cannot be told.
 */
export async function findArrivals(
  session: ImapSession,
  { path, uidValidity, uidNext }: Destination,
  rows: readonly Row[],
): Promise<Arrivals | null> {
  const state = await session.examine(path);
  if (uidNext === null || state?.uidValidity !== uidValidity) return null;
  const uids = await session.search({ uidRange: { from: uidNext, to: 0xffffffff } });
  // A search above the last UID may be answered with the last one (RFC 9051 section 9, seq-range).
  const fetched = await session.fetch({ uids: uids.filter((uid) => uid >= uidNext) }, FACTS);
  const arrived = Map.groupBy(
    fetched.toSorted((a, b) => a.uid - b.uid),
    likeness,
  );
  const found = new Map<number, number>();
  for (const { uid, facts } of rows.toSorted((a, b) => a.uid - b.uid)) {
    const match = arrived.get(likeness(facts))?.shift();
    if (match) found.set(uid, match.uid);
  }
  return found;
}

function likeness({ size, envelope }: FetchedMessage): string {
  const { messageId, subject, date, from } = envelope ?? {};
  return JSON.stringify([size, messageId, subject, date, from]);
}

/** The UIDs of these that are still in the mailbox at `path`; null: it is another one by now. Leaves it selected. */
export async function stillThere(
  session: ImapSession,
  path: string,
  uidValidity: number,
  uids: readonly number[],
): Promise<Set<number> | null> {
  const state = await session.examine(path);
  if (state?.uidValidity !== uidValidity) return null;
  return new Set((await session.fetch({ uids }, {})).map(({ uid }) => uid));
}
