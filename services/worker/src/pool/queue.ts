import type { Lane } from "./entry.ts";

export interface Wish {
  /** What the thing will be used for: one last used for the same is preferred. */
  key: string | null;
  /** One last used for this is taken only where there is no other; another is then opened for those to come. */
  avoid?: string | undefined;
  lane: Lane;
  /** In the clock's milliseconds. */
  deadline: number;
  signal: AbortSignal;
}

export interface Waiter<L> {
  readonly wish: Wish;
  resolve(lease: L): void;
  reject(error: Error): void;
}

export interface QueueOptions {
  /** In each lane, so that one that is full does not shut out the other. */
  maxWaiting: number;
  now: () => number;
  /** The error for one whose deadline has come. */
  late: () => Error;
}

/** Those who wait, each until they are served, refused, late or give up. */
export class Queue<L> {
  private waiters: Waiter<L>[] = [];
  private readonly options: QueueOptions;

  constructor(options: QueueOptions) {
    this.options = options;
  }

  get length(): number {
    return this.waiters.length;
  }

  count(lane: Lane): number {
    return this.waiters.filter(({ wish }) => wish.lane === lane).length;
  }

  isFull(lane: Lane): boolean {
    return this.count(lane) >= this.options.maxWaiting;
  }

  /** Interactive ones first, each lane in its order. */
  inTurn(): Waiter<L>[] {
    const bulk = this.waiters.filter(({ wish }) => wish.lane === "bulk");
    return [...this.waiters.filter(({ wish }) => wish.lane !== "bulk"), ...bulk];
  }

  rejectAll(error: Error): void {
    for (const waiter of this.waiters) waiter.reject(error);
  }

  /** A waiter leaves by being resolved or rejected, whoever does it. */
  add(wish: Wish, resolve: (lease: L) => void, reject: (error: Error) => void): Waiter<L> {
    const leaveWith = <V>(settle: (value: V) => void) => {
      return (value: V): void => {
        clearTimeout(timer);
        wish.signal.removeEventListener("abort", giveUp);
        this.waiters = this.waiters.filter((other) => other !== waiter);
        settle(value);
      };
    };
    const waiter: Waiter<L> = { wish, resolve: leaveWith(resolve), reject: leaveWith(reject) };
    const giveUp = (): void => waiter.reject(reasonOf(wish.signal));
    const left = Math.max(0, wish.deadline - this.options.now());
    const timer = setTimeout(() => waiter.reject(this.options.late()), Math.min(left, MOST_MS));
    wish.signal.addEventListener("abort", giveUp, { once: true });
    this.waiters.push(waiter);
    return waiter;
  }
}

/** Above it, a timer of Node fires at once. */
const MOST_MS = 0x7fffffff;

export function reasonOf({ reason }: AbortSignal): Error {
  return reason instanceof Error ? reason : new Error("aborted");
}
