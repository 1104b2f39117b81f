/** Lends scarce things. Knows nothing of what they are. */
import { Entry, type State } from "./entry.ts";
import { Queue, reasonOf, type Wish } from "./queue.ts";

export type Counts = Record<State, number> & { waiting: number };

export interface PoolOptions<T> {
  open: () => Promise<T>;
  /** `gracefully`: with all due ceremony. Its place is taken until it is done. Must not fail. */
  close: (thing: T, gracefully: boolean) => Promise<void> | void;
  isUsable: (thing: T) => boolean;
  /** How many there may be now. */
  limit: () => number;
  /** Takes a place in a limit shared with other pools, and gives the way to give it back; null: there is none now. */
  takePlace: () => (() => void) | null;
  /** Whether a place is to be given up for another pool; `isNeeded`: somebody waits for it here as well. */
  isPlaceWanted: (isNeeded: boolean) => boolean;
  /** Whether those who wait may still hope after opening failed; otherwise they are told of the failure. */
  canWaitAfter: (error: unknown, others: Counts) => boolean;
  /** Why those who wait may as well not, when there is nothing and nothing can be opened now. Null: they may. */
  hopeless: () => Error | null;
  /** The error for one who waited in vain: too long, in too long a queue, or because the pool ends. */
  refuse: (why: "deadline" | "queue-full" | "ended", counts: Counts) => Error;
  /** In each lane. */
  maxWaiting: number;
  now: () => number;
}

export interface Lease<T> {
  readonly thing: T;
  /** Gives it back. `usedFor` is the key it can be preferred by from now on. Calling it again does nothing. */
  release(usedFor: string | null): void;
}

export class Pool<T> {
  private readonly options: PoolOptions<T>;
  private readonly entries = new Set<Entry<T>>();
  private readonly queue: Queue<Lease<T>>;
  private generation = 0;
  private ended = false;
  private changed = false;
  private advancing = false;
  private whenEmpty: (() => void)[] = [];

  constructor(options: PoolOptions<T>) {
    this.options = options;
    const { maxWaiting, now } = options;
    this.queue = new Queue({ maxWaiting, now, late: () => this.refusal("deadline") });
  }

  counts(): Counts {
    const counts = { opening: 0, free: 0, lent: 0, closing: 0, waiting: this.queue.length };
    for (const entry of this.entries) counts[entry.state] += 1;
    return counts;
  }

  get isEmpty(): boolean {
    return this.entries.size === 0 && this.queue.length === 0;
  }

  /** The only way to borrow. Who is served may have given up in the same moment, and is to look. */
  borrow(wish: Wish): Promise<Lease<T>> {
    if (wish.signal.aborted) return Promise.reject(reasonOf(wish.signal));
    if (this.ended) return Promise.reject(this.refusal("ended"));
    if (wish.deadline <= this.options.now()) return Promise.reject(this.refusal("deadline"));
    const atOnce = this.queue.length === 0 ? this.lendAtOnce(wish) : null;
    if (atOnce) return Promise.resolve(atOnce);
    if (this.queue.isFull(wish.lane)) return Promise.reject(this.refusal("queue-full"));
    return new Promise((resolve, reject) => {
      this.queue.add(wish, resolve, reject);
      this.advance();
    });
  }

  /** What most get: nobody waits, and one is free. Null: there is none for them now. */
  private lendAtOnce(wish: Wish): Lease<T> | null {
    if (this.advancing || (wish.lane === "bulk" && this.roomForBulk() <= 0)) return null;
    const entry = this.bestFor(wish);
    return entry && this.lendFor(wish, entry);
  }

  private refusal(why: "deadline" | "queue-full" | "ended"): Error {
    return this.options.refuse(why, this.counts());
  }

  /** What is to be done after every change: lends what is free, opens what is missing. What it does may bring the next change. */
  private advance(): void {
    this.changed = true;
    if (this.advancing) return;
    this.advancing = true;
    while (this.changed) {
      this.changed = false;
      this.serve();
      this.openMore();
    }
    this.advancing = false;
  }

  /** A place that is given back may be offered back at once: nothing is done about it before the change is whole. */
  private after(change: () => void): void {
    const { advancing } = this;
    this.advancing = true;
    change();
    this.advancing = advancing;
    this.advance();
  }

  /** Lends what is free to those who wait: interactive ones first, each lane in its order. */
  private serve(): void {
    if (this.queue.length === 0) return;
    for (const waiter of this.queue.inTurn()) {
      if (waiter.wish.lane === "bulk" && this.roomForBulk() <= 0) break;
      const entry = this.bestFor(waiter.wish);
      if (!entry) break;
      waiter.resolve(this.lendFor(waiter.wish, entry));
    }
  }

  private lendFor({ avoid, lane }: Wish, entry: Entry<T>): Lease<T> {
    if (entry.key !== null && entry.key === avoid && this.entries.size === 1) this.openOne();
    entry.lane = lane;
    return this.lend(entry);
  }

  /** One place is never lent to bulk work, so that nobody who waits in front of a screen waits for a download. */
  private roomForBulk(): number {
    let lent = 0;
    for (const entry of this.entries) if (entry.state === "lent" && entry.lane === "bulk") lent += 1;
    return Math.max(1, this.options.limit() - 1) - lent;
  }

  private bestFor({ key, avoid }: Wish): Entry<T> | null {
    let best: Entry<T> | null = null;
    let avoided: Entry<T> | null = null;
    for (const entry of this.entries) {
      if (entry.state !== "free") continue;
      if (!this.isUsable(entry)) this.discard(entry, false);
      else if (entry.key !== null && entry.key === avoid) avoided = entry;
      else if (entry.key === key) return entry;
      else if (!best || entry.unusedSince < best.unusedSince) best = entry;
    }
    return best ?? avoided;
  }

  private isUsable({ thing }: Entry<T>): boolean {
    return thing !== null && this.options.isUsable(thing);
  }

  private lend(entry: Entry<T>): Lease<T> {
    entry.become("lent");
    let released = false;
    return {
      thing: entry.thing as T,
      release: (usedFor) => {
        if (released) return;
        released = true;
        if (entry.state !== "lent") return;
        entry.unusedSince = this.options.now();
        this.takeBack(entry, usedFor);
      },
    };
  }

  private takeBack(entry: Entry<T>, usedFor: string | null): void {
    this.after(() => {
      if (!this.isUsable(entry)) this.discard(entry, false);
      else if (this.isInExcess(entry)) this.discard(entry, true);
      else this.free(entry, usedFor);
    });
  }

  /** Of an earlier generation, beyond a limit that was lowered, or more than others who have none should wait for. */
  private isInExcess(entry: Entry<T>): boolean {
    return this.isBeyond(entry) || this.options.isPlaceWanted(this.queue.length > 0);
  }

  /** Those that are opening do not count against those that are there: they may be refused. */
  private isBeyond({ generation, state }: Entry<T>): boolean {
    const { free, lent } = this.counts();
    const size = free + lent + (state === "opening" ? 1 : 0);
    return this.ended || generation !== this.generation || size > Math.max(1, this.options.limit());
  }

  private free(entry: Entry<T>, usedFor: string | null): void {
    entry.become("free");
    entry.key = usedFor;
    entry.quietSince = this.options.now();
  }

  /** Opens as many as there are waiters without one on its way to them, within the limits. */
  private openMore(): void {
    if (this.queue.length === 0) return;
    let wanted = this.queue.count("interactive") + Math.min(this.queue.count("bulk"), Math.max(0, this.roomForBulk()));
    for (const entry of this.entries) {
      if (entry.state === "opening" && entry.generation === this.generation) wanted -= 1;
    }
    while (wanted > 0 && this.openOne()) wanted -= 1;
    if (this.entries.size > 0) return;
    const error = this.options.hopeless();
    if (error) this.queue.rejectAll(error);
  }

  /** False: there is no place for one more. */
  private openOne(): boolean {
    if (this.ended || this.entries.size >= Math.max(1, this.options.limit())) return false;
    const givePlace = this.options.takePlace();
    if (!givePlace) return false;
    const entry = new Entry<T>(this.generation, givePlace);
    this.entries.add(entry);
    void this.open(entry);
    return true;
  }

  private async open(entry: Entry<T>): Promise<void> {
    try {
      entry.thing = await this.options.open();
    } catch (error) {
      this.after(() => this.openingFailed(entry, error));
      return;
    }
    entry.unusedSince = this.options.now();
    // Whoever it was opened for may have given up: it is there for the next.
    this.after(() => (this.isBeyond(entry) ? this.discard(entry, true) : this.free(entry, null)));
  }

  private openingFailed(entry: Entry<T>, error: unknown): void {
    this.discard(entry, false);
    // What an earlier generation met with says nothing about this one.
    if (entry.generation !== this.generation) return;
    if (this.options.canWaitAfter(error, this.counts())) return;
    this.queue.rejectAll(error instanceof Error ? error : new Error(String(error)));
  }

  private discard(entry: Entry<T>, gracefully: boolean): void {
    entry.become("closing");
    const closing = entry.thing === null ? undefined : this.options.close(entry.thing, gracefully);
    if (closing) void closing.then(() => this.remove(entry)).then(() => this.advance());
    else this.remove(entry);
  }

  private remove(entry: Entry<T>): void {
    this.entries.delete(entry);
    entry.givePlace();
    if (this.entries.size === 0) for (const resolve of this.whenEmpty.splice(0)) resolve();
  }

  /** A thing that ended by itself is let go of at once if it is free; a lent one when it comes back. */
  dropDead(thing: T): void {
    this.after(() => {
      for (const entry of this.entries) {
        if (entry.thing === thing && entry.state === "free") this.discard(entry, false);
      }
    });
  }

  /** Lets those go that nobody has used for longer than this. */
  dropUnused(longerThanMs: number): void {
    const before = this.options.now() - longerThanMs;
    this.after(() => {
      for (const entry of this.entries) {
        if (entry.state === "free" && entry.unusedSince <= before) this.discard(entry, true);
      }
    });
  }

  /** Lets the one go that is free for longest, because others need its place. False: none is free. */
  spare(): boolean {
    let longest: Entry<T> | null = null;
    for (const entry of this.entries) {
      if (entry.state === "free" && (!longest || entry.unusedSince < longest.unusedSince)) longest = entry;
    }
    if (longest) this.discard(longest, true);
    return longest !== null;
  }

  /** A place that was not there may be there now. */
  retry(): void {
    this.advance();
  }

  /** What is free and quiet for longer than this is taken out of turn for a moment, to keep it alive. */
  tend(longerThanMs: number, work: (thing: T) => Promise<void>): void {
    const before = this.options.now() - longerThanMs;
    for (const entry of this.entries) {
      if (entry.state !== "free" || entry.quietSince > before || entry.thing === null) continue;
      entry.become("lent");
      entry.lane = "interactive";
      const back = (): void => {
        if (entry.state === "lent") this.takeBack(entry, entry.key);
      };
      void work(entry.thing).then(back, back);
    }
  }

  /** What is open or on its way is of yesterday: what is free goes now, the rest as it comes. Those who wait go on waiting. */
  raise(): void {
    this.generation += 1;
    this.after(() => this.discardFree(true));
  }

  private discardFree(gracefully: boolean): void {
    for (const entry of this.entries) if (entry.state === "free") this.discard(entry, gracefully);
  }

  /** Lends no more, lets what is free go, takes the rest back as it comes. Resolves when all are gone. */
  drain(): Promise<void> {
    this.ended = true;
    this.queue.rejectAll(this.refusal("ended"));
    this.discardFree(true);
    if (this.entries.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.whenEmpty.push(resolve));
  }

  /** Cuts everything, what is lent included. */
  destroy(): void {
    this.ended = true;
    this.queue.rejectAll(this.refusal("ended"));
    this.discardFree(false);
    for (const entry of this.entries) if (entry.state === "lent") this.discard(entry, false);
  }
}
