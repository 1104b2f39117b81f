import { comparePositions, type Event, Failure, isFailure, type Mail, type Position } from "@postern/protocol";
import type { EventLog } from "@postern/store";
import { backgroundCall } from "./background-call.ts";

export interface FollowerOptions {
  account: string;
  mail: Pick<Mail, "followAccount">;
  log: EventLog;
}

/** Events that are held for those who are nearly up to date. */
const RECENT = 2_000;
const AT_ONCE = 500;
/** The worker forgets who has not said again that they are there. */
const FOLLOW_EVERY_MS = 10_000;
/** What tells that a log has grown is a hint that may be lost. */
const LOOK_EVERY_MS = 5_000;

/** Reads one account's log once for however many listen to it. */
export class Follower {
  private readonly options: FollowerOptions;
  private readonly timers: NodeJS.Timeout[];
  /** Those after `from`, up to where the log was read. */
  private recent: Event[] = [];
  private from: Position;
  private end: Position;
  private reading: Promise<void> | null = null;
  private isStale = false;
  private growth = Promise.withResolvers<void>();
  /** Why nobody can follow any more. */
  private over: Failure | null = null;
  listeners = 0;

  constructor(options: FollowerOptions, from: Position) {
    this.options = options;
    this.from = from;
    this.end = from;
    this.timers = [
      setInterval(() => void this.follow(), FOLLOW_EVERY_MS),
      setInterval(() => this.look(), LOOK_EVERY_MS),
    ];
  }

  /** Nobody can follow by it any more, though others may by another. */
  get isOver(): boolean {
    return this.over !== null;
  }

  get head(): Position {
    return this.end;
  }

  /** Those after a position that are there, some of them at least; none: it is the end. Throws `state-expired`. */
  async after(position: Position): Promise<readonly Event[]> {
    if (this.over) throw this.over;
    if (comparePositions(position, this.from) >= 0) {
      const last = this.recent.length - 1;
      let at = last;
      while (at >= 0 && comparePositions(this.recent[at]?.id ?? position, position) > 0) at -= 1;
      return at === last ? [] : this.recent.slice(at + 1);
    }
    const { account, log } = this.options;
    const read = await log.read(account, { after: position, limit: AT_ONCE });
    if (!read) throw stateExpired();
    return read.events;
  }

  /** Resolves when there may be more, or nothing will ever be. */
  grown(): Promise<void> {
    return this.growth.promise;
  }

  /** The log may have grown. */
  look(): void {
    if (this.reading) {
      this.isStale = true;
      return;
    }
    this.reading = this.read().finally(() => {
      this.reading = null;
      if (this.isStale && !this.over) this.look();
    });
  }

  private async read(): Promise<void> {
    const { account, log } = this.options;
    this.isStale = false;
    try {
      const read = await log.read(account, { after: this.end, limit: AT_ONCE });
      if (!read) return this.finish(stateExpired());
      const last = read.events.at(-1);
      if (!last) return;
      this.recent.push(...read.events);
      this.end = last.id;
      if (this.recent.length > 2 * RECENT) {
        const gone = this.recent.splice(0, this.recent.length - RECENT);
        this.from = gone.at(-1)?.id ?? this.from;
      }
      this.isStale ||= read.events.length === AT_ONCE;
      this.wake();
    } catch {
      // The store is away: it is asked again soon.
    }
  }

  private async follow(): Promise<void> {
    const { account, mail } = this.options;
    try {
      await mail.followAccount({ account }, backgroundCall());
    } catch (error) {
      if (isFailure(error, "not-found")) this.finish(error);
    }
  }

  private wake(): void {
    const { resolve } = this.growth;
    this.growth = Promise.withResolvers<void>();
    resolve();
  }

  private finish(why: Failure): void {
    this.over = why;
    this.close();
  }

  close(): void {
    for (const timer of this.timers) clearInterval(timer);
    this.wake();
  }
}

export function stateExpired(): Failure {
  return new Failure("state-expired", {
    detail:
      "The changes since that state are not kept any more, or were never known. List again, and follow from there.",
  });
}
