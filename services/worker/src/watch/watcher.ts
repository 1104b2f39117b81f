import { type Call, isFailure, newReport } from "@postern/protocol";
import type { ImapSession, ListedMailbox } from "../imap/session.ts";
import type { Sessions } from "../mail/ports.ts";

export interface WatcherOptions {
  account: string;
  sessions: Sessions;
  /** Something may have changed. */
  onNews: () => void;
  /** Whether somebody waits in vain for a connection of the account: then the one here is given up for a while. */
  isWanted: () => boolean;
  times?: Partial<WatcherTimes> | undefined;
}

/** All in milliseconds. */
export interface WatcherTimes {
  /** Without a sign of life for so long, a connection is looked at. */
  listen: number;
  /** Until it must have given one: together a dead connection is noticed within a minute. */
  answer: number;
  /** Mailboxes whose state comes in one answer are looked at as often as the connection; where each has to be asked, as seldom as this. */
  askEach: number;
  /** Well below what the pool's deadlines and servers' own limits are. */
  hold: number;
  /** For how long the connection is given up where somebody needs it. */
  yield: number;
  /** After the first failure, the second and so on. */
  again: readonly number[];
}

const TIMES: WatcherTimes = {
  listen: 45_000,
  answer: 8_000,
  askEach: 5 * 60_000,
  hold: 20 * 60_000,
  yield: 20_000,
  again: [500, 2_000, 10_000, 30_000],
};
const WANTED_EVERY_MS = 500;

/** Listens to one account's mail server over one connection, which never fetches, until it is stopped. */
export class Watcher {
  private readonly options: WatcherOptions;
  private readonly times: WatcherTimes;
  private readonly stopped = new AbortController();
  private readonly ended: Promise<void>;
  /** What the mailboxes' counters were last. */
  private states: string | null = null;
  private askedAt = 0;

  constructor(options: WatcherOptions) {
    this.options = options;
    this.times = { ...TIMES, ...options.times };
    this.ended = this.run();
  }

  async stop(): Promise<void> {
    this.stopped.abort();
    await this.ended;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopped;
    for (let failures = 0; !signal.aborted; ) {
      try {
        const isYielding = await this.hold();
        failures = 0;
        // What happened meanwhile was not heard.
        if (isYielding) await this.pause(this.times.yield);
        this.options.onNews();
      } catch (error) {
        if (isFailure(error, "not-found") || isFailure(error, "account-disabled")) return;
        failures += 1;
        const { again } = this.times;
        await this.pause(again[Math.min(failures, again.length) - 1] ?? 0);
      }
    }
  }

  /** On one connection. True: it was given up for somebody. */
  private async hold(): Promise<boolean> {
    const { account, sessions, isWanted } = this.options;
    const until = AbortSignal.any([this.stopped.signal, AbortSignal.timeout(this.times.hold)]);
    const call: Call = {
      requestId: "watch",
      actor: "postern",
      deadline: Date.now() + this.times.hold + this.times.listen + this.times.answer,
      signal: new AbortController().signal,
      report: newReport(),
    };
    const wanted = new AbortController();
    const look = setInterval(() => {
      if (isWanted()) wanted.abort();
    }, WANTED_EVERY_MS);
    try {
      await sessions.use({ account, lane: "bulk", call }, (session) =>
        this.listen(session, AbortSignal.any([until, wanted.signal])),
      );
    } finally {
      clearInterval(look);
    }
    return wanted.signal.aborted;
  }

  private async listen(session: ImapSession, until: AbortSignal): Promise<void> {
    await session.examine("INBOX");
    const tellsAll = await session.notify(true);
    this.options.onNews();
    const { listen, answer } = this.times;
    while (!until.aborted) {
      const pause = AbortSignal.any([until, AbortSignal.timeout(listen)]);
      await session.listen(this.options.onNews, pause, answer);
      if (!until.aborted) await this.lookAtOthers(session, session.abilities.listStatus && !tellsAll);
    }
    await session.notify(false);
  }

  private async lookAtOthers(session: ImapSession, isOften: boolean): Promise<void> {
    if (!isOften && Date.now() - this.askedAt < this.times.askEach) return;
    this.askedAt = Date.now();
    const states = (await session.list({ counters: true })).map(stateOf).join("\n");
    // Nobody has heard what changed before the first look.
    if (states !== this.states) this.options.onNews();
    this.states = states;
  }

  private pause(ms: number): Promise<void> {
    const { signal } = this.stopped;
    // Who listens for what has happened already waits in vain.
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      const end = (): void => {
        clearTimeout(timer);
        resolve();
      };
      signal.addEventListener("abort", end, { once: true });
    });
  }
}

function stateOf({ path, status }: ListedMailbox): string {
  if (!status) return path;
  const { uidValidity, uidNext, highestModseq, messages, unseen } = status;
  return [path, uidValidity, uidNext, highestModseq, messages, unseen].join(" ");
}
