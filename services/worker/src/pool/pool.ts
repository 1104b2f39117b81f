/** Lends scarce things. Knows nothing of what they are. */

export type State = "opening" | "free" | "lent" | "closing";

export type Lane = "interactive" | "bulk";

export interface PoolOptions<T> {
  open: () => Promise<T>;
  /** `gracefully`: with all due ceremony. Must not throw. */
  close: (thing: T, gracefully: boolean) => void;
  isUsable: (thing: T) => boolean;
  /** How many there may be now. */
  limit: () => number;
  /** Takes a place in a limit shared with other pools; false: there is none. */
  takePlace: () => boolean;
  givePlace: () => void;
  /** Whether those who wait may still hope after opening failed; otherwise they are told of the failure. */
  canWaitAfter: (error: unknown, others: number) => boolean;
  /** The error for one who waited in vain: too long, in too long a queue, or because the pool ends. */
  refuse: (why: "deadline" | "queue-full" | "ended") => Error;
  maxWaiting: number;
  now: () => number;
}

export interface Wish {
  /** What the thing was last used for: one used for the same is preferred. */
  key: string | null;
  /** One last used for this is taken only where there is no other; another is then opened for those to come. */
  avoid?: string | undefined;
  lane: Lane;
  /** In the clock's milliseconds. */
  deadline: number;
  signal: AbortSignal;
}

export interface Lease<T> {
  readonly thing: T;
  /** Gives it back. `usedFor` is the key it can be preferred by from now on. Calling it again does nothing. */
  release(usedFor: string | null): void;
}

interface Entry<T> {
  state: State;
  thing: T | null;
  key: string | null;
  lane: Lane;
  freeSince: number;
}

interface Waiter<T> {
  wish: Wish;
  resolve: (lease: Lease<T>) => void;
  reject: (error: Error) => void;
}

const transitions: Readonly<Record<State, readonly State[]>> = {
  opening: ["free", "closing"],
  free: ["lent", "closing"],
  lent: ["free", "closing"],
  closing: [],
};

export class Pool<T> {
  private readonly options: PoolOptions<T>;
  private readonly entries = new Set<Entry<T>>();
  private waiters: Waiter<T>[] = [];
  private ended = false;
  private idle: (() => void)[] = [];

  constructor(options: PoolOptions<T>) {
    this.options = options;
  }

  counts(): Record<State, number> & { waiting: number } {
    const counts = { opening: 0, free: 0, lent: 0, closing: 0, waiting: this.waiters.length };
    for (const entry of this.entries) counts[entry.state] += 1;
    return counts;
  }

  get size(): number {
    return this.entries.size;
  }

  get isEmpty(): boolean {
    return this.entries.size === 0 && this.waiters.length === 0;
  }

  /** The only way to borrow. */
  borrow(wish: Wish): Promise<Lease<T>> {
    if (this.ended) return Promise.reject(this.options.refuse("ended"));
    if (this.waiters.length >= this.options.maxWaiting) return Promise.reject(this.options.refuse("queue-full"));
    return new Promise((resolve, reject) => {
      const waiter = this.queue(wish, resolve, reject);
      this.serve();
      if (this.waiters.includes(waiter)) this.openMore();
    });
  }

  private queue(wish: Wish, resolve: (lease: Lease<T>) => void, reject: (error: Error) => void): Waiter<T> {
    const leave = (error: Error): void => {
      this.waiters = this.waiters.filter((other) => other !== waiter);
      waiter.reject(error);
    };
    const left = Math.max(0, wish.deadline - this.options.now());
    const timer = setTimeout(() => leave(this.options.refuse("deadline")), Math.min(left, 0x7fffffff));
    const giveUp = (): void => leave(wish.signal.reason instanceof Error ? wish.signal.reason : new Error("aborted"));
    wish.signal.addEventListener("abort", giveUp, { once: true });
    const settled = (): void => {
      clearTimeout(timer);
      wish.signal.removeEventListener("abort", giveUp);
    };
    const waiter: Waiter<T> = {
      wish,
      resolve: (lease) => {
        settled();
        resolve(lease);
      },
      reject: (error) => {
        settled();
        reject(error);
      },
    };
    this.waiters.push(waiter);
    if (wish.signal.aborted) giveUp();
    return waiter;
  }

  /** Lends what is free to those who wait: interactive ones first, each lane in its order. */
  private serve(): void {
    for (const waiter of this.inTurn()) {
      if (waiter.wish.lane === "bulk" && !this.bulkMayTake()) break;
      const entry = this.bestFor(waiter.wish);
      if (!entry) break;
      this.waiters = this.waiters.filter((other) => other !== waiter);
      if (this.entries.size === 1 && entry.key !== null && entry.key === waiter.wish.avoid) this.openAnother();
      waiter.resolve(this.lend(entry, waiter.wish));
    }
  }

  private inTurn(): Waiter<T>[] {
    const bulk = this.waiters.filter(({ wish }) => wish.lane === "bulk");
    return bulk.length === 0
      ? [...this.waiters]
      : [...this.waiters.filter(({ wish }) => wish.lane !== "bulk"), ...bulk];
  }

  /** One place is never lent to bulk work, so that nobody who waits in front of a screen waits for a download. */
  private bulkMayTake(): boolean {
    let lent = 0;
    for (const entry of this.entries) if (entry.state === "lent" && entry.lane === "bulk") lent += 1;
    return lent < Math.max(1, this.options.limit() - 1);
  }

  private bestFor({ key, avoid }: Wish): Entry<T> | null {
    let best: Entry<T> | null = null;
    let avoided: Entry<T> | null = null;
    for (const entry of this.entries) {
      if (entry.state !== "free") continue;
      if (!entry.thing || !this.options.isUsable(entry.thing)) this.discard(entry, false);
      else if (entry.key !== null && entry.key === avoid) avoided = entry;
      else if (entry.key === key) return entry;
      else if (!best || entry.freeSince < best.freeSince) best = entry;
    }
    return best ?? avoided;
  }

  private lend(entry: Entry<T>, wish: Wish): Lease<T> {
    this.change(entry, "lent");
    entry.lane = wish.lane;
    let released = false;
    return {
      thing: entry.thing as T,
      release: (usedFor) => {
        if (released) return;
        released = true;
        this.takeBack(entry, usedFor);
      },
    };
  }

  private takeBack(entry: Entry<T>, usedFor: string | null): void {
    if (entry.state !== "lent") return;
    if (this.ended || !this.options.isUsable(entry.thing as T)) this.discard(entry, this.ended);
    else if (this.entries.size > Math.max(1, this.options.limit())) this.discard(entry, true);
    else this.free(entry, usedFor);
    this.serve();
    this.openMore();
  }

  private free(entry: Entry<T>, usedFor: string | null): void {
    this.change(entry, "free");
    entry.key = usedFor;
    entry.freeSince = this.options.now();
  }

  /** Opens as many as there are waiters without one on its way to them, within the limits. */
  private openMore(): void {
    const { opening } = this.counts();
    let wanted = this.waiters.length - opening;
    while (wanted > 0 && this.entries.size < Math.max(1, this.options.limit()) && this.options.takePlace()) {
      wanted -= 1;
      void this.open();
    }
  }

  /** For those to come: nobody waits for it, and its failing is nobody's. */
  private openAnother(): void {
    if (this.options.limit() > 1 && this.options.takePlace()) void this.open();
  }

  private async open(): Promise<void> {
    const entry: Entry<T> = { state: "opening", thing: null, key: null, lane: "interactive", freeSince: 0 };
    this.entries.add(entry);
    try {
      entry.thing = await this.options.open();
    } catch (error) {
      this.discard(entry, false);
      this.openingFailed(error);
      return;
    }
    // Whoever it was opened for may have given up: it is there for the next.
    if (this.ended) this.discard(entry, true);
    else this.free(entry, null);
    this.serve();
  }

  private openingFailed(error: unknown): void {
    if (this.options.canWaitAfter(error, this.entries.size)) return;
    const waiters = this.waiters;
    this.waiters = [];
    for (const waiter of waiters) waiter.reject(error instanceof Error ? error : new Error(String(error)));
  }

  private discard(entry: Entry<T>, gracefully: boolean): void {
    if (entry.state === "closing") return;
    this.change(entry, "closing");
    this.entries.delete(entry);
    this.options.givePlace();
    if (entry.thing !== null) this.options.close(entry.thing, gracefully);
    if (this.entries.size === 0) for (const resolve of this.idle.splice(0)) resolve();
  }

  /** The only place where a state changes. */
  private change(entry: Entry<T>, to: State): void {
    if (!transitions[entry.state].includes(to)) throw new Error(`from ${entry.state} to ${to}`);
    entry.state = to;
  }

  /** A thing that ended by itself is let go of at once if it is free; a lent one when it comes back. */
  dropDead(thing: T): void {
    for (const entry of this.entries) {
      if (entry.thing === thing && entry.state === "free") this.discard(entry, false);
    }
    this.openMore();
  }

  /** Lets those go that were free for longer than this. */
  dropIdle(longerThanMs: number): void {
    const before = this.options.now() - longerThanMs;
    for (const entry of this.entries) {
      if (entry.state === "free" && entry.freeSince <= before) this.discard(entry, true);
    }
  }

  /** What is free and was for longer than this, taken out of turn for a moment each, to keep it alive. */
  tend(longerThanMs: number, work: (thing: T) => Promise<void>): void {
    const before = this.options.now() - longerThanMs;
    for (const entry of this.entries) {
      if (entry.state !== "free" || entry.freeSince > before || entry.thing === null) continue;
      const lease = this.lend(entry, { key: entry.key, lane: "bulk", deadline: 0, signal: neverAborts });
      const { key } = entry;
      void work(lease.thing).then(
        () => lease.release(key),
        () => lease.release(null),
      );
    }
  }

  /** Lends no more, lets what is free go, takes the rest back as it comes. Resolves when all are gone. */
  drain(): Promise<void> {
    this.ended = true;
    for (const waiter of this.waiters.splice(0)) waiter.reject(this.options.refuse("ended"));
    for (const entry of this.entries) if (entry.state === "free") this.discard(entry, true);
    if (this.entries.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.idle.push(resolve));
  }

  /** Cuts everything, what is lent included. */
  destroy(): void {
    void this.drain();
    for (const entry of this.entries) if (entry.state === "lent") this.discard(entry, false);
  }
}

const neverAborts = new AbortController().signal;
