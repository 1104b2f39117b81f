import type { OpenMailbox } from "../open-mailbox.ts";
import type { Last, PlaceInMailbox, SortedCursor, SortValue } from "./cursor.ts";
import type { Span } from "./newest-first.ts";
import { compareValues, type Order } from "./order.ts";
import type { Ordered } from "./ordered.ts";
import type { Query } from "./query.ts";

/** What one mailbox has to give to a page: a stretch of its order, from the cursor on (or, backward, up to it). */
export interface Strand {
  mailbox: number;
  uidValidity: number;
  /** How many of the mailbox's messages come before the first entry. */
  before: number;
  /** UIDs just before the first entry, as far as they are known. */
  lead: number[];
  entries: StrandEntry[];
  /** Nothing comes beyond the entries in the direction of reading. */
  ended: boolean;
  /** Of all that the query finds; null where it is not exact. */
  total: number | null;
  /** Whether anything lies on the other side of the cursor. */
  behind: boolean;
}

export interface StrandEntry {
  uid: number;
  value: SortValue;
  /** False: was looked at, and is not in the list. */
  matches: boolean;
}

/** UIDs that a cursor remembers of a mailbox. */
export const ANCHORS = 5;

export async function readStrand(
  open: OpenMailbox,
  list: Ordered,
  { query, order, cursor, span }: { query: Query; order: Order; cursor: SortedCursor | null; span: Span },
): Promise<Strand> {
  const forward = span.direction === "forward";
  const reading: Reading = { list, order, query, limit: span.limit, mailbox: open.record.key };
  const wanted = cursor && placeOf(cursor, open.record.key);
  const position = wanted ? await findPlace(reading, wanted, forward) : forward ? 0 : await list.total();
  const last = cursor?.last.mailbox === open.record.key ? cursor.last.uid : 0;
  const read = forward ? await readOn(reading, position) : await readBack(reading, position, last);
  const total = await list.total();
  return {
    mailbox: open.record.key,
    uidValidity: open.state.uidValidity,
    lead: wanted && forward ? wanted.hint.anchors : [],
    total: query.refine ? null : total,
    behind: forward ? position > 0 : position < total || read.sawLast,
    ...read,
  };
}

interface Reading {
  list: Ordered;
  order: Order;
  query: Query;
  limit: number;
  mailbox: number;
}

interface Read {
  before: number;
  entries: StrandEntry[];
  ended: boolean;
  /** Backward: the message that the cursor was given for is still there. */
  sawLast: boolean;
}

async function readOn(reading: Reading, position: number): Promise<Read> {
  const { list, query, limit } = reading;
  const entries: StrandEntry[] = [];
  let at = position;
  let ended = false;
  while (!ended && countMatches(entries) <= limit && query.mayScan(1)) {
    // Ranks may have shifted since the window before: what was looked at last is looked up again.
    if (entries.length > 0) at = await findPlace(reading, wantedAfter(reading, entries, at), true);
    const { uids, total } = await list.window(at + 1, at + query.windowSize(limit + 1));
    entries.push(...(await look(reading, uids)));
    at += uids.length;
    ended = at >= total || uids.length === 0;
  }
  return { before: position, entries, ended, sawLast: false };
}

function wantedAfter({ mailbox }: Reading, entries: readonly StrandEntry[], rank: number): Wanted {
  const { uid = 0, value = 0 } = entries.at(-1) ?? {};
  const anchors = entries.slice(-ANCHORS).map((entry) => entry.uid);
  return { mailbox, hint: { rank, anchors }, last: { mailbox, uid, value } };
}

async function readBack(reading: Reading, position: number, last: number): Promise<Read> {
  const { list, query, limit } = reading;
  const stretches: StrandEntry[][] = [];
  let matches = 0;
  let at = position;
  let sawLast = false;
  while (at > 0 && matches <= limit && query.mayScan(1)) {
    const size = Math.min(at, query.windowSize(limit + 2));
    // Ranks may have shifted up since the window before: a few beyond it show where it was.
    const { uids } = await list.window(at - size + 1, at + (stretches.length > 0 ? ANCHORS : 0));
    const known = uids.indexOf(stretches.at(-1)?.[0]?.uid ?? 0);
    const fresh = known < 0 ? uids.slice(0, size) : uids.slice(0, known);
    sawLast ||= fresh.includes(last);
    const others = fresh.filter((uid) => uid !== last);
    const stretch = await look(reading, others);
    stretches.push(stretch);
    matches += countMatches(stretch);
    at -= size;
  }
  return { before: at, entries: stretches.toReversed().flat(), ended: at === 0, sawLast };
}

async function look({ list, query }: Reading, uids: readonly number[]): Promise<StrandEntry[]> {
  const matching = query.refine ? new Set(await query.refine(uids)) : null;
  const values = await list.values(uids);
  return uids.flatMap((uid): StrandEntry[] => {
    const value = values.get(uid);
    return value === undefined ? [] : [{ uid, value, matches: matching?.has(uid) ?? true }];
  });
}

function countMatches(entries: readonly StrandEntry[]): number {
  return entries.filter(({ matches }) => matches).length;
}

interface Wanted {
  hint: Pick<PlaceInMailbox, "rank" | "anchors">;
  last: Last;
  mailbox: number;
}

function placeOf(cursor: SortedCursor, mailbox: number): Wanted {
  const hint = cursor.places.find((place) => place.mailbox === mailbox) ?? { rank: 0, anchors: [] };
  return { hint, last: cursor.last, mailbox };
}

/** Changes around the cursor that are taken in stride, without a second look. */
const SLACK = 50;
/** Up to so many messages are compared one by one; more are halved, which trusts the server to sort as Postern does. */
const MOST_COMPARED = 1_000;

/**
 * How many messages are at or before the cursor now. A message that was just before it is looked for around its former
 * rank; where all of those are gone, the place is where the sort values pass the cursor's. What is to be read from there
 * is in the list's last window, so that it is of the same moment.
 */
async function findPlace(reading: Reading, wanted: Wanted, forward: boolean): Promise<number> {
  const { list, query, limit } = reading;
  const ahead = query.windowSize(limit + 2);
  let { rank } = wanted.hint;
  for (let reach = ahead + SLACK; ; reach *= 2) {
    const from = Math.max(1, rank - reach);
    const to = rank + reach;
    const { uids, total } = await list.window(from, to);
    const passed = await passedBy(reading, wanted, uids);
    const isInside = (passed > 0 || from === 1) && (passed < uids.length || to >= total);
    if (!isInside) continue;
    const position = from - 1 + passed;
    const isCovered = forward ? Math.min(total, position + ahead) <= to : from <= Math.max(1, position - ahead + 1);
    if (isCovered) return position;
    rank = position;
  }
}

/** How many of a window's UIDs lie at or before the cursor. */
async function passedBy(reading: Reading, wanted: Wanted, uids: readonly number[]): Promise<number> {
  const anchors = new Set(wanted.hint.anchors);
  const anchor = uids.findLastIndex((uid) => anchors.has(uid));
  // The nearest anchor says it exactly; after another one, those that sort before the cursor have still to be passed.
  if (anchor >= 0 && uids[anchor] === wanted.hint.anchors.at(-1)) return anchor + 1;
  const rest = uids.slice(anchor + 1);
  const passed = rest.length > MOST_COMPARED ? byHalving(reading, wanted, rest) : oneByOne(reading, wanted, rest);
  return anchor + 1 + (await passed);
}

async function oneByOne({ list, order, limit }: Reading, wanted: Wanted, uids: readonly number[]): Promise<number> {
  for (let start = 0; start < uids.length; start += limit + 1) {
    const stretch = uids.slice(start, start + limit + 1);
    const values = await list.values(stretch);
    const first = stretch.findIndex((uid) => {
      const value = values.get(uid);
      return value !== undefined && isBeyond(order, wanted, uid, value);
    });
    if (first >= 0) return start + first;
  }
  return uids.length;
}

async function byHalving({ list, order }: Reading, wanted: Wanted, uids: readonly number[]): Promise<number> {
  let low = 0;
  let high = uids.length;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const uid = uids[middle] ?? 0;
    const value = (await list.values([uid])).get(uid);
    if (value === undefined || !isBeyond(order, wanted, uid, value)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isBeyond(order: Order, { last, mailbox }: Wanted, uid: number, value: SortValue): boolean {
  return (compareValues(order, value, last.value) || mailbox - last.mailbox || uid - last.uid) > 0;
}
