import { Failure } from "@postern/protocol";

export interface LoginPaceOptions {
  /** Logins under way at one host. */
  atOnce?: number;
  /** So many may follow each other without a pause … */
  burst?: number;
  /** … and then so many a second. */
  perSecond?: number;
  now?: () => number;
  /** From 0 to 1, for jitter. */
  random?: () => number;
}

interface Waiter {
  go: (done: () => void) => void;
}

interface Host {
  running: number;
  /** When the next login would be due if all were evenly spaced; it may be ahead of time by a burst. */
  due: number;
  /** Those of accounts that have no connection at all go before those that want one more. */
  first: Set<Waiter>;
  further: Set<Waiter>;
  timer: NodeJS.Timeout | null;
}

/** After a restart of everything all accounts want to log in at once: they come to a host one after the other. */
export class LoginPace {
  private readonly hosts = new Map<string, Host>();
  private readonly atOnce: number;
  private readonly burst: number;
  private readonly spacingMs: number;
  private readonly now: () => number;
  private readonly random: () => number;

  constructor(options: LoginPaceOptions = {}) {
    const { atOnce = 10, burst = 20, perSecond = 25, now = () => performance.now(), random = Math.random } = options;
    this.atOnce = atOnce;
    this.burst = burst;
    this.spacingMs = 1_000 / perSecond;
    this.now = now;
    this.random = random;
  }

  /** The way to say that the login has ended, when it may begin. `isFirst`: of an account that has no connection yet. */
  turn(name: string, isFirst: boolean, signal: AbortSignal): Promise<() => void> {
    const gaveUp = (): Failure => new Failure("unavailable", { detail: "The login is not wanted any more." });
    if (signal.aborted) return Promise.reject(gaveUp());
    const known = this.hosts.get(name);
    const host = known ?? { running: 0, due: 0, first: new Set(), further: new Set(), timer: null };
    this.hosts.set(name, host);
    const queue = isFirst ? host.first : host.further;
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        queue.delete(waiter);
        reject(gaveUp());
        this.tidy(name, host);
      };
      const waiter: Waiter = {
        go: (done) => {
          signal.removeEventListener("abort", leave);
          resolve(done);
        },
      };
      signal.addEventListener("abort", leave, { once: true });
      queue.add(waiter);
      this.advance(name, host);
    });
  }

  private advance(name: string, host: Host): void {
    while (host.running < this.atOnce) {
      const queue = host.first.size > 0 ? host.first : host.further;
      const [waiter] = queue;
      if (!waiter) break;
      const waitMs = host.due - this.burst * this.spacingMs - this.now();
      if (waitMs > 0) return this.later(name, host, waitMs);
      queue.delete(waiter);
      this.start(name, host, waiter);
    }
    this.tidy(name, host);
  }

  private start(name: string, host: Host, waiter: Waiter): void {
    host.running += 1;
    host.due = Math.max(host.due, this.now()) + this.spacingMs * (0.5 + this.random());
    let isDone = false;
    waiter.go(() => {
      if (isDone) return;
      isDone = true;
      host.running -= 1;
      this.advance(name, host);
    });
  }

  private later(name: string, host: Host, ms: number): void {
    host.timer ??= setTimeout(() => {
      host.timer = null;
      this.advance(name, host);
    }, ms).unref();
  }

  /** A host is remembered for as long as its past has a say in what may follow. */
  private tidy(name: string, host: Host): void {
    const isIdle = host.running === 0 && host.first.size === 0 && host.further.size === 0;
    if (isIdle && host.due <= this.now()) this.hosts.delete(name);
  }
}
