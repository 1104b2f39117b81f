import { Follower } from "./changes.ts";
import { Columns, type Row } from "./columns.ts";
import { FlagSets } from "./flag-sets.ts";

/** A message as the mirror knows it. */
export interface MirroredMessage {
  uid: number;
  /** Without `\Recent`. */
  flags: readonly string[];
  /** Null: the server has no CONDSTORE. */
  modseq: bigint | null;
}

/** Part of a list by UID, newest first. */
export interface MirroredPage {
  messages: MirroredMessage[];
  hasNext: boolean;
  hasPrevious: boolean;
  total: number;
}

/** Where a page lies. `cursor`: the UID after which (or, backward, before which) it begins; it need not exist. */
export interface MirrorSpan {
  cursor: number | null;
  limit: number;
  direction: "forward" | "backward";
}

/**
 * What is known of one mailbox under one UIDVALIDITY: its messages from some UID up to the newest, with their flags and
 * MODSEQs, and how many there are below. Nothing but memory: who learns something tells it.
 */
export class Mirror {
  readonly uidValidity: number;
  private columns = new Columns();
  private sets = new FlagSets();
  private readonly followers = new Set<Follower>();
  private readonly doubts = new Set<number>();
  private lowest = NOTHING;
  private lower = 0;
  private next = 1;
  private changeCount = 0;
  /** Tells this mirror's changes from those of another one of the same mailbox. */
  private life = newLife();

  /** HIGHESTMODSEQ up to which everything is taken in. Null: nothing tells. Taken before what it covers was asked for. */
  checkpoint: bigint | null = null;
  /** Flags are without meaning for an etag unless a MODSEQ comes with them. */
  countsChanges = false;
  /** More different flags than it can hold: it must be made anew, of fewer messages. */
  overflowed = false;

  constructor(uidValidity: number) {
    this.uidValidity = uidValidity;
  }

  /** Whether anything is known. */
  get isBuilt(): boolean {
    return this.lowest !== NOTHING;
  }

  /** Messages held. */
  get size(): number {
    return this.columns.length;
  }

  /** All messages from this UID on are held. */
  get floor(): number {
    return this.lowest;
  }

  /** How many messages have a lower UID than the floor. */
  get below(): number {
    return this.lower;
  }

  set below(count: number) {
    if (count !== this.lower) this.changed();
    this.lower = count;
  }

  get total(): number {
    return this.lower + this.columns.length;
  }

  /** Above every UID that was ever seen. */
  get uidNext(): number {
    return this.next;
  }

  get octets(): number {
    return this.columns.octets;
  }

  /** Another one after every change, also of what is not held. */
  get version(): string {
    return `${this.life}.${this.changeCount}`;
  }

  /** Messages whose flags have changed, nobody knows to which state. */
  get doubtful(): readonly number[] {
    return [...this.doubts];
  }

  find(uid: number): MirroredMessage | null {
    const row = this.columns.find(uid);
    return row && this.shown(row);
  }

  /** The newest that are held, ascending by UID. */
  newest(most: number): MirroredMessage[] {
    return this.columns.slice(this.size - most, this.size).map((row) => this.shown(row));
  }

  *messages(): Generator<MirroredMessage> {
    for (const row of this.columns) yield this.shown(row);
  }

  /** Null: it reaches below the floor. */
  page({ cursor, limit, direction }: MirrorSpan): MirroredPage | null {
    const forward = direction === "forward";
    const end = forward ? this.before(cursor) : this.fromOldest(cursor, limit);
    if (end === null) return null;
    const start = forward ? Math.max(0, end - limit) : (this.startOf(cursor) ?? 0);
    if (forward && end - start < limit && this.lower > 0) return null;
    const rows = this.columns.slice(start, end);
    return {
      messages: rows.map((row) => this.shown(row)).reverse(),
      hasNext: this.total > 0 && this.lower + start > 0,
      hasPrevious: end < this.size,
      total: this.total,
    };
  }

  /** How many held messages come before the cursor in time; null: unknown ones may lie between. */
  private before(cursor: number | null): number | null {
    if (cursor === null) return this.size;
    return cursor < this.lowest && this.lower > 0 ? null : this.columns.rankOf(cursor);
  }

  private startOf(cursor: number | null): number | null {
    if (cursor === null) return this.lower > 0 ? null : 0;
    return cursor < this.lowest - 1 && this.lower > 0 ? null : this.columns.rankOf(cursor + 1);
  }

  private fromOldest(cursor: number | null, limit: number): number | null {
    const start = this.startOf(cursor);
    return start === null ? null : Math.min(this.size, start + limit);
  }

  /** A message above all others. One that was there before does not come back. */
  append(message: MirroredMessage): void {
    if (message.uid < this.next) return;
    this.columns.push(this.rowOf(message));
    this.next = message.uid + 1;
    this.changed();
    for (const follower of this.followers) follower.created(message.uid);
  }

  /** Messages between a new floor and the present one, in ascending order, and how many are below that. */
  extend(messages: readonly MirroredMessage[], floor: number, below: number): void {
    const rows = messages.filter(({ uid }) => uid >= floor && uid < this.lowest);
    this.columns.unshift(rows.map((message) => this.rowOf(message)));
    this.next = Math.max(this.next, (this.columns.last ?? 0) + 1);
    this.lowest = Math.min(this.lowest, floor);
    this.lower = below;
  }

  /** `modseq`: null where the server does not tell, which is in doubt where it should. What is older than known is not taken. */
  setFlags(uid: number, flags: readonly string[], modseq: bigint | null): void {
    if (uid < this.lowest) return this.changedBelow(uid, flags);
    const row = this.columns.find(uid);
    if (!row) return;
    if (modseq === null && this.countsChanges) return this.doubt(uid);
    if (modseq !== null && modseq < row.modseq) return;
    if (modseq !== null) this.doubts.delete(uid);
    const next = this.rowOf({ uid, flags, modseq });
    if (next.set === row.set && next.modseq === row.modseq) return;
    this.columns.put(uid, next.set, next.modseq);
    this.changed();
    if (next.set === row.set) return;
    for (const follower of this.followers) follower.flagged(uid, this.sets.at(row.set), flags);
  }

  private changedBelow(uid: number, flags: readonly string[]): void {
    this.changed();
    for (const follower of this.followers) follower.flagged(uid, null, flags);
  }

  /** UIDs, both inclusive. */
  vanish(from: number, to: number): void {
    const gone = this.columns.removeRange(from, to);
    if (gone.length > 0) this.changed();
    for (const { uid } of gone) this.gone(uid);
  }

  /** Its flags have changed, and nobody knows to what. */
  doubt(uid: number): void {
    if (!this.columns.find(uid)) return;
    this.changed();
    this.doubts.add(uid);
  }

  /** Something below the floor has changed. */
  touch(): void {
    this.changed();
  }

  /** The message of this number (1: the oldest). */
  expunge(sequence: number): void {
    this.changed();
    if (sequence <= this.lower) {
      this.lower -= 1;
      for (const follower of this.followers) follower.vanishedBelow(1);
      return;
    }
    const row = this.columns.removeAt(sequence - this.lower - 1);
    if (row) this.gone(row.uid);
  }

  /** The UID at this number; null: below the floor, or not there. */
  uidAt(sequence: number): number | null {
    return this.columns.at(sequence - this.lower - 1)?.uid ?? null;
  }

  /** Keeps of what is held only these UIDs, in ascending order; what is above all that was seen is left to `append`. */
  retain(uids: readonly number[]): void {
    let from = this.lowest;
    for (const uid of [...uids, this.next]) {
      if (uid < from) continue;
      if (uid > from) this.vanish(from, uid - 1);
      from = uid + 1;
    }
  }

  /** UIDs below this one have been given, whether or not their messages are still there. */
  noteNext(uidNext: number): void {
    this.next = Math.max(this.next, uidNext);
  }

  /** Nobody knows what has changed: it is another one from here on. */
  renew(): void {
    this.life = newLife();
  }

  /** Told of every change from now on. */
  follow(): Follower {
    const follower = new Follower(() => this.followers.delete(follower));
    this.followers.add(follower);
    return follower;
  }

  get isFollowed(): boolean {
    return this.followers.size > 0;
  }

  private gone(uid: number): void {
    this.doubts.delete(uid);
    for (const follower of this.followers) follower.vanished(uid);
  }

  private changed(): void {
    this.changeCount += 1;
  }

  private rowOf({ uid, flags, modseq }: MirroredMessage): Row {
    const set = this.sets.numberOf(flags);
    if (set === null) this.overflowed = true;
    return { uid, set: set ?? 0, modseq: modseq ?? 0n };
  }

  private shown({ uid, set, modseq }: Row): MirroredMessage {
    return { uid, flags: this.sets.at(set), modseq: modseq === 0n ? null : modseq };
  }
}

/** Above every UID: nothing is held yet, not even that there is nothing. */
const NOTHING = 2 ** 32;

function newLife(): string {
  return crypto.randomUUID().slice(0, 18);
}
