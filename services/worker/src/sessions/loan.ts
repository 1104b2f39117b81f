import { type Call, Failure } from "@postern/protocol";
import type { ImapSession, OpenSession } from "../imap/index.ts";

/** A command of a caller who has gone may end by itself in this time; to log in anew would cost more. */
const GRACE_MS = 2_000;

/** What is sent by which method, for those who ask what was waited for. */
const commands: Readonly<Record<string, string>> = {
  list: "LIST",
  status: "STATUS",
  examine: "EXAMINE",
  select: "SELECT",
  refresh: "NOOP",
  noop: "NOOP",
  fetch: "FETCH",
  fetchPiece: "FETCH",
  search: "SEARCH",
  searchCount: "SEARCH",
  searchWindow: "SEARCH",
  countUpTo: "SEARCH",
  sort: "SORT",
  quota: "GETQUOTAROOT",
  changedSince: "FETCH",
  listen: "IDLE",
  notify: "NOTIFY",
};

/** Those that change something: whoever waits for one is told what became of it. */
const changing: Readonly<Record<string, string>> = {
  store: "STORE",
  copy: "COPY",
  move: "MOVE",
  expunge: "EXPUNGE",
  expungeAll: "EXPUNGE",
  append: "APPEND",
  replace: "REPLACE",
  create: "CREATE",
  rename: "RENAME",
  remove: "DELETE",
  subscribe: "SUBSCRIBE",
  unsubscribe: "UNSUBSCRIBE",
};

type Method = (...args: unknown[]) => unknown;

interface Running {
  command: string;
  done: Promise<unknown>;
  changes: boolean;
}

/** A session in the hands of one job, until the job is done, its caller has gone, or its time is up. */
export class Loan {
  /** Whether the end was ours, and not the server's. */
  isEnded = false;
  private readonly open: OpenSession;
  private readonly call: Call;
  private readonly timers: NodeJS.Timeout[] = [];
  private running: Running | null = null;
  private hasChanged = false;
  private isGivenBack = false;
  /** Why the job was not waited for any longer. */
  private over: Failure | null = null;
  private tell: (failure: Failure) => void = () => undefined;

  constructor(open: OpenSession, call: Call) {
    this.open = open;
    this.call = call;
  }

  /** What `work` answers, or why it was not waited for. `giveBack` is called once, when nothing of the job is under way. */
  async run<T>(work: (session: ImapSession) => Promise<T>, timeMs: number, giveBack: () => void): Promise<T> {
    const { signal } = this.call;
    const leave = (): void => this.leave();
    const finish = (): void => {
      for (const timer of this.timers) clearTimeout(timer);
      giveBack();
    };
    if (signal.aborted) this.finish(new Failure("cancelled"));
    signal.addEventListener("abort", leave, { once: true });
    this.after(timeMs, () => this.late());
    try {
      return await this.unlessOver(work(this.guarded()));
    } finally {
      signal.removeEventListener("abort", leave);
      this.isGivenBack = true;
      if (this.running && this.open.usable) void this.running.done.then(finish, finish);
      else finish();
    }
  }

  private unlessOver<T>(working: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.tell = reject;
      if (this.over) reject(this.over);
      working.then(resolve, reject);
    });
  }

  /** The caller has gone. What was sent is waited for a little: there is no way to call a command off. */
  private leave(): void {
    // What was begun to be changed is not left half-way.
    if (this.hasChanged) return;
    this.finish(new Failure("cancelled"));
    if (this.running) this.after(GRACE_MS, () => this.open.close());
  }

  private late(): void {
    const { running } = this;
    const detail = running
      ? `The mail server did not answer ${running.command} within the time that the request may take.`
      : "The request may not take as long as all that it asks of the mail server.";
    this.finish(new Failure("upstream-timeout", { detail, ...(running?.changes && { outcome: "unknown" }) }));
    if (running) this.open.close();
  }

  private finish(failure: Failure): void {
    this.isEnded = true;
    this.over ??= failure;
    this.tell(this.over);
  }

  private after(ms: number, then: () => void): void {
    this.timers.push(setTimeout(then, Math.min(Math.max(0, ms), 0x7fffffff)));
  }

  /** What the job is given. It goes dead with the loan, so that nothing reaches a session that is another's by then. */
  private guarded(): ImapSession {
    return new Proxy<ImapSession>(this.open, {
      get: (open, name) => {
        const value: unknown = Reflect.get(open, name, open);
        if (typeof value !== "function" || typeof name !== "string") return value;
        const method = value as Method;
        return (...args: unknown[]): Promise<unknown> => this.perform(name, method, args);
      },
    });
  }

  private async perform(name: string, method: Method, args: unknown[]): Promise<unknown> {
    if (this.over) throw this.over;
    if (this.isGivenBack) throw new Failure("internal", { detail: "A session was used after it was given back." });
    const done = Promise.resolve<unknown>(Reflect.apply(method, this.open, args));
    const running = { command: commands[name] ?? changing[name] ?? name, done, changes: name in changing };
    this.hasChanged ||= running.changes;
    this.running ??= running;
    try {
      return await done;
    } finally {
      if (this.running === running) this.running = null;
    }
  }
}
