import { isFailure } from "@postern/protocol";
import type { FetchedMessage, FetchItems, ImapSession, SelectedMailbox } from "../imap/session.ts";
import { Feed } from "./feed.ts";
import type { Mirror } from "./mirror.ts";

/** A mirror and what feeds it. */
export interface BroughtUp {
  fetched: FetchedMessage[];
  /** The mailbox as it was opened for this; null: it was open already, which proves nothing of what is at its path. */
  opened: SelectedMailbox | null;
}

export interface Held {
  mirror: Mirror;
  feed: Feed | null;
  /** What tells the state up to which everything is in the mirror; null: nothing does. */
  mark: string | null;
}

/** What is wanted beside the state itself. */
export interface Wish {
  /** How many of the newest are to be held at least. */
  rows: number;
  /** What is fetched of messages that are learnt of, in the same FETCH. `isNew`: they have come since. */
  items: (isNew: boolean) => FetchItems;
  /** HIGHESTMODSEQ and UIDNEXT as proved before this, where they were. */
  proof: { highestModseq: bigint | null; uidNext: number | null } | null;
}

const HIGHEST_UID = 0xffffffff;
/** More new messages than this: they are not fetched, and the mirror begins anew with the newest. */
const MOST_NEW = 5_000;
/** Of more new messages than this only flags are fetched. */
const MOST_WHOLE = 250;
/** A mailbox that changes under every look at it. */
const ATTEMPTS = 5;

/**
 * Makes the mirror know everything that the server had acknowledged before this was called. Costs what has changed: a NOOP
 * on a connection that follows the mailbox; else what the server tells on opening it (QRESYNC); else what has changed since
 * the checkpoint (CONDSTORE); else UIDs and flags again. What was fetched of messages beside; null: it could not be done,
 * and nothing is to be read from the mirror.
 */
export async function bringUp(held: Held, session: ImapSession, path: string, wish: Wish): Promise<BroughtUp | null> {
  const fetched: FetchedMessage[] = [];
  const work = new BringUp(held.mirror, session, wish, fetched);
  if (held.feed && session.news === held.feed && held.feed.state === "following") {
    await session.noop();
    if (await work.settle(held.feed)) {
      raise(held.mirror, wish.proof?.highestModseq ?? null);
      return { fetched, opened: null };
    }
  }
  // Two connections count differently: only one may feed it.
  held.feed?.lose();
  held.feed = null;
  held.mark = null;
  if (work.isTooFarBehind()) return null;
  const { mirror } = held;
  const { checkpoint } = mirror;
  const canResync = mirror.isBuilt && checkpoint !== null && checkpoint > 0n;
  const since = canResync ? { uidValidity: mirror.uidValidity, modseq: checkpoint, from: mirror.floor } : null;
  const feed = new Feed(mirror, since);
  const state = await session.examine(path, feed).catch(nullWhereRefused);
  if (!state || state.uidValidity !== mirror.uidValidity || session.news !== feed) return null;
  // A server that has lost its count of changes, or starts it anew, cannot say what has changed.
  if (mirror.isBuilt && (state.highestModseq ?? 0n) < (checkpoint ?? 0n)) return null;
  if (!(await work.open(feed, state)) || !(await work.settle(feed))) return null;
  raise(mirror, state.highestModseq);
  held.feed = feed;
  return { fetched, opened: state };
}

/** A server may refuse to open what was deleted and made anew: the way past the mirror finds out what it is. */
function nullWhereRefused(error: unknown): null {
  if (isFailure(error, "upstream-refused") && error.upstream?.code === null) return null;
  throw error;
}

/** The page below the floor, where the mirror is up to date and this connection follows it. */
export async function extendDown(
  held: Held,
  session: ImapSession,
  rows: number,
  items: Wish["items"],
): Promise<FetchedMessage[] | null> {
  const { feed, mirror } = held;
  if (!feed || session.news !== feed || feed.state !== "following") return null;
  const fetched: FetchedMessage[] = [];
  const work = new BringUp(mirror, session, { rows, items, proof: null }, fetched);
  return (await work.gatherDown(feed, mirror.below)) ? fetched : null;
}

function raise(mirror: Mirror, modseq: bigint | null): void {
  if (modseq !== null && modseq > (mirror.checkpoint ?? 0n)) mirror.checkpoint = modseq;
}

class BringUp {
  private readonly mirror: Mirror;
  private readonly session: ImapSession;
  private readonly wish: Wish;
  private readonly fetched: FetchedMessage[];

  constructor(mirror: Mirror, session: ImapSession, wish: Wish, fetched: FetchedMessage[]) {
    this.mirror = mirror;
    this.session = session;
    this.wish = wish;
    this.fetched = fetched;
  }

  isTooFarBehind(): boolean {
    const { mirror, wish } = this;
    if (mirror.overflowed) return true;
    return mirror.isBuilt && (wish.proof?.uidNext ?? 0) - mirror.uidNext > MOST_NEW;
  }

  /** After EXAMINE: everything up to it is taken in, and how many messages are below the floor. */
  async open(feed: Feed, state: SelectedMailbox): Promise<boolean> {
    const { mirror, session } = this;
    mirror.countsChanges = state.highestModseq !== null;
    if (!mirror.isBuilt) {
      feed.hasNew = false;
      if (!(await this.gatherDown(feed, feed.count))) return false;
    } else if (feed.since !== null && session.tellsByUid) {
      this.append(feed);
      feed.hasNew = false;
      if (!isPlausible(mirror, feed) && !(await this.listUids(feed))) return false;
      mirror.below = feed.count - mirror.size;
    } else if (mirror.countsChanges && mirror.checkpoint !== null) {
      if (!(await this.changedSince(feed, mirror.checkpoint))) return false;
    } else if (!(await this.readAll(feed))) return false;
    mirror.noteNext(state.uidNext);
    feed.follow();
    return true;
  }

  /** Messages by number, from this one down: their place is what tells how many are below. */
  async gatherDown(feed: Feed, newest: number): Promise<boolean> {
    const { mirror, session, wish } = this;
    let to = newest;
    for (let attempt = 0; attempt < ATTEMPTS && !feed.isLost; attempt += 1) {
      const from = Math.max(1, to - Math.max(1, wish.rows) + 1);
      const { moves } = feed;
      feed.gather("below");
      const rows =
        from > to ? [] : await session.fetch({ sequence: { from, to } }, { flags: true, ...wish.items(false) });
      const gathered = feed.takeGathered().filter(({ sequence }) => sequence >= from && sequence <= to);
      const isWhole = feed.moves === moves && gathered.length === to - from + 1;
      if (isWhole && !feed.isLost) {
        this.fetched.push(...rows);
        const floor = from <= 1 ? 1 : (gathered[0]?.uid ?? 1);
        mirror.extend(gathered, floor, Math.max(0, from - 1));
        for (const { uid, isDoubtful } of gathered) if (isDoubtful) mirror.doubt(uid);
        return true;
      }
      // Whoever is gone is told of now.
      await session.noop();
      if (mirror.isBuilt && !(await this.settle(feed))) return false;
      to = mirror.isBuilt ? mirror.below : feed.count;
    }
    return false;
  }

  private async changedSince(feed: Feed, checkpoint: bigint): Promise<boolean> {
    const { mirror, session } = this;
    const range = { uidRange: { from: mirror.floor, to: HIGHEST_UID } };
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      feed.hasNew = false;
      feed.gather("new");
      const { moves } = feed;
      await session.fetch(range, { flags: true, changedSince: checkpoint });
      this.append(feed);
      if (feed.moves === moves && mirror.total === feed.count) return true;
      // Something is gone, or has come meanwhile: the UIDs themselves tell what.
      if (!(await this.listUids(feed))) return false;
      if (feed.moves === moves || attempt > 0) return true;
    }
    return false;
  }

  /** Takes what is gone out of the mirror. */
  private async listUids(feed: Feed): Promise<boolean> {
    const { mirror, session } = this;
    for (let attempt = 0; attempt < ATTEMPTS && feed.state !== "lost"; attempt += 1) {
      const { moves } = feed;
      const uids = await session.search({ uidRange: { from: mirror.floor, to: HIGHEST_UID } });
      if (feed.moves !== moves) continue;
      mirror.retain(uids.filter((uid) => uid < mirror.uidNext));
      if (uids.some((uid) => uid >= mirror.uidNext)) feed.hasNew = true;
      mirror.below = Math.max(0, feed.count - uids.length);
      return true;
    }
    return false;
  }

  /** Without CONDSTORE: every message that is held, again. */
  private async readAll(feed: Feed): Promise<boolean> {
    const { mirror, session } = this;
    for (let attempt = 0; attempt < ATTEMPTS && feed.state !== "lost"; attempt += 1) {
      const { moves } = feed;
      feed.hasNew = false;
      feed.gather("all");
      await session.fetch({ uidRange: { from: mirror.floor, to: HIGHEST_UID } }, { flags: true });
      const gathered = feed.takeGathered();
      if (feed.moves !== moves) continue;
      mirror.retain(gathered.map(({ uid }) => uid));
      for (const message of gathered) {
        if (message.uid < mirror.uidNext) mirror.setFlags(message.uid, message.flags, message.modseq);
        else mirror.append(message);
      }
      mirror.below = Math.max(0, feed.count - gathered.length);
      // What has become of the others' flags meanwhile, nothing tells.
      if (mirror.below > 0) mirror.renew();
      return true;
    }
    return false;
  }

  /** Learns of what is new and of what is in doubt, until mirror and connection agree. */
  async settle(feed: Feed): Promise<boolean> {
    const { mirror, session } = this;
    for (let attempt = 0; attempt < ATTEMPTS && feed.state === "following"; attempt += 1) {
      if (mirror.overflowed || (feed.hasNew && feed.count - mirror.total > MOST_NEW)) return false;
      if (feed.hasNew) await this.fill(feed);
      const { doubtful } = mirror;
      if (doubtful.length > 0) await session.fetch({ uids: doubtful }, { flags: true });
      if (feed.hasNew || mirror.doubtful.length > 0) continue;
      if (session.tellsByUid && isPlausible(mirror, feed)) mirror.below = feed.count - mirror.size;
      return mirror.total === feed.count;
    }
    return false;
  }

  private async fill(feed: Feed): Promise<void> {
    const { mirror, session, wish } = this;
    feed.hasNew = false;
    feed.gather("new");
    const isFew = feed.count - mirror.total <= MOST_WHOLE;
    const range = { uidRange: { from: mirror.uidNext, to: HIGHEST_UID } };
    const rows = await session.fetch(range, { flags: true, ...(isFew && wish.items(true)) });
    this.fetched.push(...rows);
    this.append(feed);
  }

  private append(feed: Feed): void {
    const { mirror } = this;
    for (const message of feed.takeGathered()) {
      mirror.append(message);
      if (message.isDoubtful) mirror.doubt(message.uid);
    }
  }
}

/** Below the floor nothing can have come. */
function isPlausible(mirror: Mirror, feed: Feed): boolean {
  const below = feed.count - mirror.size;
  return below >= 0 && below <= mirror.below && (mirror.floor > 1 || below === 0);
}
