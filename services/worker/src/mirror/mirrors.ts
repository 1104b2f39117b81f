import { type Call, noteProof } from "@postern/protocol";
import type { Cache } from "@postern/store";
import type { FetchedMessage, FetchItems, ImapSession, MailboxStatus } from "../imap/session.ts";
import type { Sessions } from "../mail/ports.ts";
import { type BroughtUp, bringUp, extendDown, type Held } from "./bring-up.ts";
import { type Changes, type Follower, noChanges } from "./changes.ts";
import { Mirror } from "./mirror.ts";
import { packMirror, unpackMirror } from "./packing.ts";
import type { SharedWork } from "./shared-work.ts";

/** Which mailbox. */
export interface MirrorPlace {
  account: { id: string; key: number };
  /** The mailbox's key. */
  mailbox: number;
  path: string;
}

export interface MirrorWish {
  /** How many of the newest messages are to be held at least. */
  rows: number;
  /** What is to be fetched beside flags of messages that are learnt of, as it turns out when they are fetched. */
  items: (isNew: boolean) => FetchItems;
}

/** Values that are read from the cache in the same round trip as a mirror. */
export interface Alongside {
  keys: readonly string[];
  take: (values: readonly (Uint8Array | null)[]) => void;
}

export interface Current {
  mirror: Mirror;
  /** What was fetched of messages on the way. */
  fetched: readonly FetchedMessage[];
}

interface Entry extends Held {
  place: MirrorPlace;
  /** The latest, taken before whatever is begun next; null: none was needed yet. */
  proof: MailboxStatus | null;
  wish: MirrorWish;
  usedAt: number;
  savedAs: string;
  saving: NodeJS.Timeout | null;
}

const TTL_SECONDS = 7 * 24 * 3600;
const MOST_OCTETS = 64 << 20;
const UNUSED_MS = 10 * 60_000;
const SAVE_MS = 2_000;
/** What a mirror costs beside its columns. */
const ENTRY_OCTETS = 4_000;

/** Mirrors of the mailboxes in use, brought up to date when somebody asks, and kept for the worker's next life. */
export class Mirrors {
  private readonly sessions: Sessions;
  private readonly shared: SharedWork;
  private readonly cache: Cache;
  private readonly markOf: (mailbox: number, proof: MailboxStatus) => string | null;
  private readonly entries = new Map<string, Entry>();
  private readonly loading = new Map<string, Promise<Entry>>();

  constructor(
    sessions: Sessions,
    shared: SharedWork,
    cache: Cache,
    markOf: (mailbox: number, proof: MailboxStatus) => string | null,
  ) {
    this.sessions = sessions;
    this.shared = shared;
    this.cache = cache;
    this.markOf = markOf;
  }

  /**
   * The mailbox with everything that is proved; what the proof tells to be as it was costs nothing. Null: the mailbox is not
   * the proved one any more, or its server makes no sense; it is to be read past the mirror.
   */
  async current(
    place: MirrorPlace,
    proof: MailboxStatus,
    wish: MirrorWish,
    call: Call,
    alongside?: Alongside,
  ): Promise<Current | null> {
    const entry = await this.entryOf(place, proof.uidValidity, alongside);
    if ((entry.proof?.asOf ?? 0) <= proof.asOf) Object.assign(entry, { proof, place });
    const mark = this.markOf(place.mailbox, proof);
    if (mark !== null && entry.mark === mark) return { mirror: entry.mirror, fetched: [] };
    const brought = await this.ask(entry, wish, call);
    return brought && { mirror: entry.mirror, fetched: brought.fetched };
  }

  /** Whether anything is known of the mailbox, as far as is at hand. */
  knows(account: number, mailbox: number, uidValidity: number): boolean {
    return this.entries.get(nameOf(account, mailbox, uidValidity))?.mirror.isBuilt === true;
  }

  /**
   * The same of a mailbox of which nothing is known yet: to open it is proof enough. Null: something is known, which a proof
   * may tell to be true still, or it is not the mailbox that it was.
   */
  async first(
    place: MirrorPlace,
    uidValidity: number,
    wish: MirrorWish,
    call: Call,
    alongside?: Alongside,
  ): Promise<(Current & { proof: MailboxStatus }) | null> {
    const entry = await this.entryOf(place, uidValidity, alongside);
    if (entry.mirror.isBuilt) return null;
    entry.place = place;
    const brought = await this.ask(entry, wish, call);
    if (!brought?.opened) return null;
    return { mirror: entry.mirror, fetched: brought.fetched, proof: { ...brought.opened, unseen: null } };
  }

  /** Brought up to date by something that begins after this; shared by all who ask before it does. */
  private ask(entry: Entry, wish: MirrorWish, call: Call): Promise<BroughtUp | null> {
    const { place, mirror } = entry;
    entry.wish = {
      rows: Math.max(entry.wish.rows, wish.rows),
      items: both(entry.wish.items, wish.items),
    };
    const key = `noop ${place.account.key} ${place.mailbox} ${mirror.uidValidity}`;
    return this.shared.ask(key, call, (own) => this.visit(entry, own));
  }

  /** Makes the mirror reach further down. Only right after `current`; null: it could not be done. */
  async extend(place: MirrorPlace, mirror: Mirror, wish: MirrorWish, call: Call): Promise<Current | null> {
    const entry = this.entries.get(keyOf(place, mirror.uidValidity));
    if (!entry || entry.mirror !== mirror || mirror.octets > MOST_OCTETS / 4) return null;
    const floor = mirror.floor;
    const key = `fetch ${place.account.key} ${place.mailbox} ${mirror.uidValidity} ${floor} ${wish.rows}`;
    const fetched = await this.shared.ask(key, call, (own) =>
      this.lend(entry, own, async (session) =>
        entry.mirror === mirror && mirror.floor === floor ? extendDown(entry, session, wish.rows, wish.items) : null,
      ),
    );
    if (fetched) this.saveSoon(entry);
    return fetched && { mirror, fetched };
  }

  /** What changes in the mailbox from the first look on. */
  follow(): Following {
    return new Following(this);
  }

  /** Everything that was learnt is in the cache. */
  async flush(): Promise<void> {
    await Promise.all([...this.entries.values()].map((entry) => this.save(entry)));
  }

  private lend<T>(entry: Entry, call: Call, work: (session: ImapSession) => Promise<T>): Promise<T> {
    const { account, path } = entry.place;
    return this.sessions.use({ account: account.id, mailbox: path, lane: "interactive", call }, work);
  }

  private visit(entry: Entry, call: Call): Promise<BroughtUp | null> {
    return this.lend(entry, call, async (session) => {
      // What came in since is for the next visit; everybody who shares this one has asked before.
      const { proof, wish } = entry;
      entry.wish = noWish;
      const { place, mirror } = entry;
      const wanted = { ...wish, proof };
      let brought = await bringUp(entry, session, place.path, wanted);
      if (brought === null && mirror.isBuilt) {
        entry.mirror = new Mirror(mirror.uidValidity);
        brought = await bringUp(entry, session, place.path, wanted);
      }
      if (brought === null) return null;
      if (brought.opened) noteProof(call.report, brought.opened.asOf);
      const known = proof ?? (brought.opened && { ...brought.opened, unseen: null });
      entry.mark = known && this.markOf(place.mailbox, known);
      this.saveSoon(entry);
      return brought;
    });
  }

  private async entryOf(place: MirrorPlace, uidValidity: number, alongside?: Alongside): Promise<Entry> {
    const key = keyOf(place, uidValidity);
    const known = this.entries.get(key);
    if (known) {
      known.usedAt = Date.now();
      this.entries.delete(key);
      this.entries.set(key, known);
      return known;
    }
    const loading = this.loading.get(key) ?? this.load(key, place, uidValidity, alongside);
    this.loading.set(key, loading);
    try {
      return await loading;
    } finally {
      this.loading.delete(key);
    }
  }

  private async load(key: string, place: MirrorPlace, uidValidity: number, alongside?: Alongside): Promise<Entry> {
    const [value, ...others] = await this.cache.getMany(place.account.id, [key, ...(alongside?.keys ?? [])]);
    alongside?.take(others);
    const unpacked = value ? unpackMirror(value) : null;
    const kept = unpacked?.mirror.uidValidity === uidValidity ? unpacked : null;
    const { mirror, mark } = kept ?? { mirror: new Mirror(uidValidity), mark: null };
    const entry: Entry = {
      place,
      proof: null,
      mirror,
      mark,
      feed: null,
      wish: noWish,
      usedAt: Date.now(),
      savedAs: kept ? stampOf(mirror, mark) : "",
      saving: null,
    };
    this.entries.set(key, entry);
    this.makeRoom();
    return entry;
  }

  /** Those that nobody has used for long go, and those that were not used for longest where all take too much. */
  private makeRoom(): void {
    const before = Date.now() - UNUSED_MS;
    let held = 0;
    for (const { mirror } of this.entries.values()) held += ENTRY_OCTETS + mirror.octets;
    for (const [key, entry] of this.entries) {
      if (entry.mirror.isFollowed || (held <= MOST_OCTETS && entry.usedAt > before)) continue;
      void this.save(entry);
      held -= ENTRY_OCTETS + entry.mirror.octets;
      this.entries.delete(key);
    }
  }

  private saveSoon(entry: Entry): void {
    if (entry.saving || entry.savedAs === stampOf(entry.mirror, entry.mark)) return;
    entry.saving = setTimeout(() => void this.save(entry), SAVE_MS);
    entry.saving.unref();
  }

  private async save(entry: Entry): Promise<void> {
    if (entry.saving) clearTimeout(entry.saving);
    entry.saving = null;
    const { place, mirror, mark } = entry;
    const stamp = stampOf(mirror, mark);
    const octets = entry.savedAs === stamp ? null : packMirror(entry);
    if (!octets) return;
    entry.savedAs = stamp;
    await this.cache.setMany(place.account.id, [[keyOf(place, mirror.uidValidity), octets]], TTL_SECONDS);
  }
}

/** One who wants to know exactly what has changed in a mailbox between two looks at it. */
export class Following {
  private readonly mirrors: Mirrors;
  private mirror: Mirror | null = null;
  private follower: Follower | null = null;

  constructor(mirrors: Mirrors) {
    this.mirrors = mirrors;
  }

  /**
   * Brings the mailbox up to date and tells what has changed since the look before. `isReset`: it is the first look, or
   * nobody knows what has changed since; null: it cannot be said now.
   */
  async look(
    place: MirrorPlace,
    proof: MailboxStatus,
    call: Call,
  ): Promise<{ mirror: Mirror; changes: Changes } | null> {
    const current = await this.mirrors.current(place, proof, { rows: 1, items: () => ({}) }, call);
    if (!current) return null;
    const { mirror } = current;
    if (mirror === this.mirror && this.follower) return { mirror, changes: this.follower.take() };
    this.stop();
    this.mirror = mirror;
    this.follower = mirror.follow();
    return { mirror, changes: { ...noChanges(), isReset: true } };
  }

  stop(): void {
    this.follower?.stop();
    this.follower = null;
  }
}

const noWish: MirrorWish = { rows: 0, items: () => ({}) };

function both(one: MirrorWish["items"], other: MirrorWish["items"]): MirrorWish["items"] {
  return (isNew) => ({ ...one(isNew), ...other(isNew) });
}

/** Another one whenever there is something else to be kept. */
function stampOf(mirror: Mirror, mark: string | null): string {
  return `${mirror.version} ${mirror.floor} ${mark}`;
}

function keyOf({ account, mailbox }: MirrorPlace, uidValidity: number): string {
  return nameOf(account.key, mailbox, uidValidity);
}

/** `1`: the version of what is kept. */
function nameOf(account: number, mailbox: number, uidValidity: number): string {
  return `mirror1.${account}.${mailbox}.${uidValidity}`;
}
