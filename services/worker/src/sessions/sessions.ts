import { type AccountState, Failure, isFailure } from "@postern/protocol";
import type { CommandReport, ConnectOptions, ImapSession, OpenSession } from "../imap/index.ts";
import type { Borrow, Sessions } from "../mail/ports.ts";
import { AccountSessions, type Reach, type Timeouts } from "./account-sessions.ts";
import { HostPlaces } from "./limits.ts";
import { LoginPace } from "./login-pace.ts";

export interface SessionsOptions {
  connect: (options: ConnectOptions) => Promise<OpenSession>;
  /** Throws `not-found` and `account-disabled`. */
  reach: (account: string) => Promise<Reach>;
  onState: (account: string, generation: number, state: AccountState, detail: string | null) => void;
  onCommand: (report: CommandReport) => void;
  places?: HostPlaces;
  logins?: LoginPace;
  timeouts?: Timeouts;
  now?: () => number;
  /** From 0 to 1, for jitter. */
  random?: () => number;
}

export interface LiveSessions extends Sessions {
  /** Closes what an account has, because it was changed, disabled or deleted. What is lent ends when it comes back. */
  forget(account: string): void;
  /** Lets what an account has come back and logs out of it; what waits is refused. */
  close(account: string): Promise<void>;
  /** Cuts all that an account has at once, what is lent included. */
  cut(account: string): void;
  /** Whether somebody waits for a session of the account. */
  isWanted(account: string): boolean;
  counts(): { states: Record<string, number>; waiting: number };
  /** Lets what is lent come back, logs out of everything. */
  drain(): Promise<void>;
  /** Cuts everything at once. */
  destroy(): void;
}

const TIMEOUTS: Timeouts = { connectMs: 20_000, commandMs: 60_000 };
const TEND_EVERY_MS = 30_000;
/** Below the five minutes after which many a NAT forgets a connection. */
const KEEP_ALIVE_MS = 2 * 60_000;
const UNUSED_MS = 5 * 60_000;
/** For what an account has to come back, when it is closed; then it is cut. */
const FAREWELL_MS = 3_000;

export function createSessions(options: SessionsOptions): LiveSessions {
  const { places = new HostPlaces(), logins = new LoginPace() } = options;
  const { timeouts = TIMEOUTS, now = Date.now, random = Math.random } = options;
  const accounts = new Map<string, AccountSessions>();
  let draining = false;

  const reachOf = async (account: string): Promise<Reach> => {
    try {
      return await options.reach(account);
    } catch (error) {
      // Deleted or disabled, maybe by another process.
      if (isFailure(error)) accounts.get(account)?.forget();
      throw error;
    }
  };

  const make = (account: string, reach: Reach): AccountSessions => {
    const made = new AccountSessions(reach, {
      places,
      logins,
      timeouts,
      now,
      random,
      reach: () => options.reach(account),
      connect: options.connect,
      onCommand: options.onCommand,
      onState: (generation, state, detail) => options.onState(account, generation, state, detail),
    });
    accounts.set(account, made);
    return made;
  };

  const tend = (): void => {
    for (const [account, sessions] of accounts) {
      sessions.tend(KEEP_ALIVE_MS, UNUSED_MS);
      if (sessions.isForgettable) accounts.delete(account);
    }
  };
  const timer = setInterval(tend, TEND_EVERY_MS);
  timer.unref();

  return {
    use: async <T>(borrow: Borrow, work: (session: ImapSession) => Promise<T>): Promise<T> => {
      const { account } = borrow;
      const reach = await reachOf(account);
      if (draining) throw new Failure("unavailable", { detail: "This worker is leaving.", retryAfter: 1 });
      return (accounts.get(account) ?? make(account, reach)).use(reach, borrow, work);
    },
    forget: (account) => accounts.get(account)?.forget(),
    close: async (account) => {
      const sessions = accounts.get(account);
      accounts.delete(account);
      if (!sessions) return;
      const late = setTimeout(() => sessions.destroy(), FAREWELL_MS);
      await sessions.drain().finally(() => clearTimeout(late));
    },
    cut: (account) => {
      accounts.get(account)?.destroy();
      accounts.delete(account);
    },
    isWanted: (account) => (accounts.get(account)?.counts().waiting ?? 0) > 0,
    counts: () => {
      const total = { opening: 0, free: 0, lent: 0, closing: 0 };
      let waiting = 0;
      for (const sessions of accounts.values()) {
        const counts = sessions.counts();
        waiting += counts.waiting;
        for (const state of ["opening", "free", "lent", "closing"] as const) total[state] += counts[state];
      }
      return { states: total, waiting };
    },
    drain: async () => {
      draining = true;
      clearInterval(timer);
      await Promise.all([...accounts.values()].map((sessions) => sessions.drain()));
    },
    destroy: () => {
      draining = true;
      clearInterval(timer);
      for (const sessions of accounts.values()) sessions.destroy();
    },
  };
}
