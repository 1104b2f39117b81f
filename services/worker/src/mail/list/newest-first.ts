import { isFailure } from "@postern/protocol";
import type { SearchKey } from "../../imap/session.ts";
import type { OpenMailbox } from "../open-mailbox.ts";
import { conjunction } from "./search-key.ts";
import type { Query } from "./query.ts";

/** Which part of a list is wanted. */
export interface Span {
  limit: number;
  direction: "forward" | "backward";
}

/** UIDs of one page of one mailbox, newest first, and what lies around it. */
export interface UidPage {
  uids: number[];
  hasNext: boolean;
  hasPrevious: boolean;
  total: number | null;
  /** The page's end for going on from it; null for an empty page. */
  end: number | null;
}

const HIGHEST_UID = 0xffffffff;

/**
 * One mailbox by UID, descending: the newest arrival first. `cursor`: the UID after which (or, backward, before which)
 * the page lies; it need not exist any more.
 */
export async function newestFirst(
  open: OpenMailbox,
  query: Query,
  cursor: number | null,
  span: Span,
): Promise<UidPage> {
  const isWhole = "all" in query.key && query.refine === null;
  if (!isWhole) return bySearch(open, query, cursor, span);
  try {
    return await bySequence(open, cursor, span);
  } catch (error) {
    // Messages were expunged in between and the numbers are no more: UIDs do not shift.
    if (isFailure(error, "upstream-refused")) return bySearch(open, query, cursor, span);
    throw error;
  }
}

/** Every message matches: sequence numbers are places in the list, whatever the mailbox's size. */
async function bySequence({ session, state }: OpenMailbox, cursor: number | null, span: Span): Promise<UidPage> {
  const { limit, direction } = span;
  const total = state.messages;
  const forward = direction === "forward";
  const near = forward && cursor !== null ? await justBelow(session, cursor, limit, total) : null;
  if (near) return near;
  // How many messages are older than the page's newer end (forward), or not newer than its older end (backward).
  const older = await countOlder(forward, cursor, total, (uid) => session.countUpTo(uid));
  const from = forward ? Math.max(1, older - limit + 1) : older + 1;
  const to = forward ? older : Math.min(older + limit, total);
  const uids = from > to ? [] : await uidsBySequence(session, from, to);
  // Numbers may have shifted down since they were counted: what lies on the cursor's other side is not of this page.
  const within = uids.filter((uid) => cursor === null || (forward ? uid < cursor : uid > cursor));
  return {
    uids: within,
    hasNext: from > 1 && total > 0,
    hasPrevious: to < total,
    total,
    end: within.at(-1) ?? null,
  };

  async function uidsBySequence(on: typeof session, first: number, last: number): Promise<number[]> {
    const rows = await on.fetch({ sequence: { from: first, to: last } }, {});
    const inRange = rows.filter(({ sequence }) => sequence >= first && sequence <= last);
    return inRange.map(({ uid }) => uid).sort((a, b) => b - a);
  }
}

/** So many UIDs below a cursor are looked at, and this many times more where they have gaps. */
const REACH = 64;
const FURTHER = 16;

/**
 * A page by UID: the numbers that come with it tell how many are older, without a search, which would have to look at half
 * a mailbox. Null: there are gaps so wide that counting is cheaper.
 */
async function justBelow(
  session: OpenMailbox["session"],
  cursor: number,
  limit: number,
  total: number,
): Promise<UidPage | null> {
  for (const reach of [limit + REACH, (limit + REACH) * FURTHER]) {
    const from = Math.max(1, cursor - reach);
    const rows = from < cursor ? await session.fetch({ uidRange: { from, to: cursor - 1 } }, {}) : [];
    if (rows.length < limit && from > 1) continue;
    rows.sort((a, b) => b.uid - a.uid);
    const page = rows.slice(0, limit);
    const [newest, oldest] = [page[0], page.at(-1)];
    return {
      uids: page.map(({ uid }) => uid),
      hasNext: oldest !== undefined && oldest.sequence > 1,
      hasPrevious: newest ? newest.sequence < total : total > 0,
      total,
      end: oldest?.uid ?? null,
    };
  }
  return null;
}

async function countOlder(
  forward: boolean,
  cursor: number | null,
  total: number,
  countUpTo: (uid: number) => Promise<number>,
): Promise<number> {
  if (cursor === null) return forward ? total : 0;
  return Math.min(total, await countUpTo(forward ? cursor - 1 : cursor));
}

/** Only some match: windows of what the server finds, looked through until the page is full or the budget is spent. */
async function bySearch(open: OpenMailbox, query: Query, cursor: number | null, span: Span): Promise<UidPage> {
  const { limit, direction } = span;
  const forward = direction === "forward";
  const found: number[] = [];
  let edge = cursor;
  let left = Infinity;
  let first: number | null = null;
  while (found.length <= limit && left > 0 && query.mayScan(left)) {
    const size = query.windowSize(limit + 1);
    const window = forward ? { last: size } : { from: 1, to: size };
    const key = conjunction([query.key, beyond(edge, forward)]);
    const { uids, total } = await open.session.searchWindow(key, window);
    first ??= total;
    if (forward) uids.reverse();
    found.push(...(query.refine ? await query.refine(uids) : uids));
    edge = uids.at(-1) ?? edge;
    left = uids.length === 0 ? 0 : total - uids.length;
  }
  const isMore = found.length > limit || left > 0;
  const uids = found.slice(0, limit);
  const total = query.refine ? null : cursor === null ? first : await open.session.searchCount(query.key);
  const isBehind = cursor !== null && (total === null || total > (first ?? 0));
  if (!forward) uids.reverse();
  return {
    uids,
    hasNext: forward ? isMore : isBehind,
    hasPrevious: forward ? isBehind : isMore,
    total,
    // Where the looking stopped short of a full page, it goes on from there.
    end: forward && found.length <= limit ? edge : (uids.at(-1) ?? null),
  };
}

function beyond(uid: number | null, forward: boolean): SearchKey {
  if (uid === null) return { all: true };
  if (forward) return uid <= 1 ? { uids: [] } : { uidRange: { from: 1, to: uid - 1 } };
  return uid >= HIGHEST_UID ? { uids: [] } : { uidRange: { from: uid + 1, to: HIGHEST_UID } };
}
