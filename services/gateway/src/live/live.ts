import { type Call, type Event, Failure, isFailure, type Mail, type Position, readPosition } from "@postern/protocol";
import type { Store } from "@postern/store";
import { Follower, stateExpired } from "./follower.ts";

/** What happens in accounts, for whoever listens. */
export interface Live {
  /**
   * Where to listen from, and the way to: strictly after `after`, or from now on. Throws `state-expired` for a position that
   * cannot be gone on from, and what following the account throws.
   */
  open(account: string, after: Position | undefined, call: Call): Promise<Opened>;
  /** Aborts when those who listen are to go on elsewhere. */
  readonly draining: AbortSignal;
  drain(): void;
}

export interface Opened {
  from: Position;
  /**
   * Batches of events as they come; an empty one when there was none for a while. Reads only as fast as it is read: who is
   * slow is served from the log. Ends with the signal; throws when there is nothing to follow any more.
   */
  batches(signal: AbortSignal): AsyncGenerator<readonly Event[]>;
  /** To be called once, by those who do not go on to `batches` too. */
  close(): void;
}

export interface LiveOptions {
  mail: Pick<Mail, "followAccount">;
  store: Pick<Store, "events">;
}

const QUIET_MS = 15_000;
/** A follower goes on for so long without anybody: most who leave come back at once. */
const LINGER_MS = 5_000;

export function createLive({ mail, store }: LiveOptions): Live {
  const log = store.events;
  const followers = new Map<string, Promise<Follower>>();
  const ready = new Map<string, Follower>();
  const drained = new AbortController();
  let unlisten: (() => void) | null = null;

  const onGrowth = (account: string | null): void => {
    if (account === null) for (const follower of ready.values()) follower.look();
    else ready.get(account)?.look();
  };

  const start = async (account: string, call: Call): Promise<Follower> => {
    const from = await startOf(account, call);
    const follower = new Follower({ account, mail, log }, from);
    ready.set(account, follower);
    return follower;
  };

  /** Where the sequence ends now. A worker that cannot be reached does not keep anybody from what was written before. */
  const startOf = async (account: string, call: Call): Promise<Position> => {
    try {
      return (await mail.followAccount({ account }, call)).state;
    } catch (error) {
      const span = isFailure(error, "unavailable") ? await log.span(account) : null;
      if (!span) throw error;
      return span.head;
    }
  };

  const borrow = async (account: string, call: Call): Promise<Follower> => {
    unlisten ??= log.onGrowth(onGrowth);
    const known = followers.get(account) ?? start(account, call);
    followers.set(account, known);
    try {
      const follower = await known;
      if (!follower.isOver) {
        follower.listeners += 1;
        return follower;
      }
    } catch (error) {
      if (followers.get(account) === known) followers.delete(account);
      throw error;
    }
    // It was further than the log is now, which has lost its end: whoever comes is to follow the log as it is.
    if (followers.get(account) === known) followers.delete(account);
    return borrow(account, call);
  };

  const giveBack = (account: string, follower: Follower): void => {
    follower.listeners -= 1;
    if (follower.listeners > 0) return;
    const linger = setTimeout(() => {
      if (follower.listeners > 0) return;
      follower.close();
      if (ready.get(account) === follower) {
        ready.delete(account);
        followers.delete(account);
      }
    }, LINGER_MS);
    linger.unref();
  };

  return {
    draining: drained.signal,
    drain: () => {
      drained.abort();
      unlisten?.();
      for (const follower of ready.values()) follower.close();
      ready.clear();
      followers.clear();
    },
    open: async (account, after, call) => {
      if (drained.signal.aborted)
        throw new Failure("unavailable", { detail: "This gateway is leaving.", retryAfter: 1 });
      const follower = await borrow(account, call);
      let isOpen = true;
      const close = (): void => {
        if (isOpen) giveBack(account, follower);
        isOpen = false;
      };
      try {
        const from = after ?? follower.head;
        if (after !== undefined) await mayStart(log, account, after);
        return { from, close, batches: (signal) => batches(follower, from, signal, close) };
      } catch (error) {
        close();
        throw error;
      }
    },
  };
}

async function mayStart(log: Store["events"], account: string, after: Position): Promise<void> {
  if (!readPosition(after)) throw new Failure("invalid-request", { detail: "That is no state that was ever given." });
  if (!(await log.read(account, { after, limit: 1 }))) throw stateExpired();
}

async function* batches(
  follower: Follower,
  from: Position,
  signal: AbortSignal,
  close: () => void,
): AsyncGenerator<readonly Event[]> {
  let at = from;
  const aborted = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => aborted.resolve(), { once: true });
  try {
    while (!signal.aborted) {
      const growth = follower.grown();
      const events = await follower.after(at);
      at = events.at(-1)?.id ?? at;
      if (events.length > 0) yield events;
      else if (!(await within(QUIET_MS, growth, aborted.promise))) yield [];
    }
  } finally {
    close();
  }
}

/** Whether it came in time. */
async function within(ms: number, ...promises: Promise<void>[]): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([late, ...promises.map((promise) => promise.then(() => true))]);
  } finally {
    clearTimeout(timer);
  }
}
