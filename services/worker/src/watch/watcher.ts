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
}

/** Without a sign of life for so long, a connection is looked at: one that is dead is noticed within a minute. */
const LISTEN_MS = 45_000;
/** Mailboxes whose state comes in one answer are looked at as often; where each has to be asked, or the server tells, seldom. */
const ASK_EACH_MS = 5 * 60_000;
/** Well below what the pool's deadlines and servers' own limits are. */
const HOLD_MS = 20 * 60_000;
const WANTED_EVERY_MS = 500;
const YIELD_MS = 20_000;
const AGAIN_MS = [500, 2_000, 10_000, 30_000];

/** Listens to one account's mail server over one connection, which never fetches, until it is stopped. */
export class Watcher {
  private readonly options: WatcherOptions;
  private readonly stopped = new AbortController();
  private readonly ended: Promise<void>;
  /** What the mailboxes' counters were last. */
  private states: string | null = null;
  private askedAt = 0;

  constructor(options: WatcherOptions) {
    this.options = options;
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
        if (isYielding) await this.pause(YIELD_MS);
        this.options.onNews();
      } catch (error) {
        if (isFailure(error, "not-found") || isFailure(error, "account-disabled")) return;
        failures += 1;
        await this.pause(AGAIN_MS[Math.min(failures, AGAIN_MS.length) - 1] ?? 0);
      }
    }
  }

  /** On one connection. True: it was given up for somebody. */
  private async hold(): Promise<boolean> {
    const { account, sessions, isWanted } = this.options;
    const until = AbortSignal.any([this.stopped.signal, AbortSignal.timeout(HOLD_MS)]);
    const call: Call = {
      requestId: "watch",
      actor: "postern",
      deadline: Date.now() + HOLD_MS + LISTEN_MS,
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
    while (!until.aborted) {
      await session.listen(this.options.onNews, AbortSignal.any([until, AbortSignal.timeout(LISTEN_MS)]));
      if (!until.aborted) await this.lookAtOthers(session, session.abilities.listStatus && !tellsAll);
    }
    await session.notify(false);
  }

  private async lookAtOthers(session: ImapSession, isOften: boolean): Promise<void> {
    if (!isOften && Date.now() - this.askedAt < ASK_EACH_MS) return;
    this.askedAt = Date.now();
    const states = (await session.list({ counters: true })).map(stateOf).join("\n");
    if (this.states !== null && states !== this.states) this.options.onNews();
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
