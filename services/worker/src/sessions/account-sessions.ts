import { type AccountState, type Call, Failure, isFailure } from "@postern/protocol";
import type { CommandReport, ConnectOptions, ImapSession, OpenSession } from "../imap/index.ts";
import type { Borrow } from "../mail/ports.ts";
import { type Lease, Pool } from "../pool/index.ts";
import { BackOff } from "./back-off.ts";
import { type HostPlaces, LearntLimit, PER_ACCOUNT } from "./limits.ts";

/** How an account is reached at present. */
export interface Reach {
  /** Raised when host, user or secret change. */
  generation: number;
  host: string;
  /** Vets the host and opens the secret at each connection anew. */
  options(): Promise<Omit<ConnectOptions, "timeoutMs" | "commandTimeoutMs" | "onCommand" | "onClose">>;
  /** The server's own words, if it refused this generation's login. */
  refusal: string | null;
}

export interface AccountSessionsOptions {
  account: string;
  reach: Reach;
  connect: (options: ConnectOptions) => Promise<OpenSession>;
  places: HostPlaces;
  now: () => number;
  onState: (generation: number, state: AccountState, detail: string | null) => void;
  onCommand: (report: CommandReport) => void;
  timeouts: Timeouts;
}

export interface Timeouts {
  /** From the first packet to the end of the login. */
  connectMs: number;
  commandMs: number;
}

const MAX_WAITING = 500;

interface Held {
  session: OpenSession;
  /** Whom what the session does is accounted to. */
  call: Call | null;
}

/** The sessions of one account under one generation of its settings. */
export class AccountSessions {
  readonly generation: number;
  private readonly options: AccountSessionsOptions;
  private readonly pool: Pool<Held>;
  private readonly limit: LearntLimit;
  private readonly backOff: BackOff;
  private refused: Failure | null;
  /** Failures of work whose session died under it. */
  private readonly casualties = new WeakSet<Error>();

  constructor(options: AccountSessionsOptions) {
    const { reach, places, now } = options;
    this.options = options;
    this.generation = reach.generation;
    this.limit = new LearntLimit(PER_ACCOUNT, now);
    this.backOff = new BackOff(now);
    this.refused = reach.refusal === null ? null : reauthRequired(reach.refusal);
    this.pool = new Pool<Held>({
      open: () => this.open(),
      close: ({ session }, gracefully) => (gracefully ? void session.logout() : session.close()),
      isUsable: ({ session }) => session.usable,
      limit: () => this.limit.current,
      takePlace: () => places.take(reach.host),
      givePlace: () => places.give(reach.host),
      canWaitAfter: (error, others) => this.canWaitAfter(error, others),
      refuse,
      maxWaiting: MAX_WAITING,
      now,
    });
  }

  /** Holds nothing, and knows nothing that the next attempt would have to know. */
  get isForgettable(): boolean {
    return this.pool.isEmpty && !this.refused && !this.backOff.rest();
  }

  counts(): ReturnType<Pool<Held>["counts"]> {
    return this.pool.counts();
  }

  /** A session that dies under the work is replaced once: all work lent to here only reads. */
  async use<T>(borrow: Borrow, work: (session: ImapSession) => Promise<T>): Promise<T> {
    try {
      return await this.useOnce(borrow, work);
    } catch (error) {
      const { signal, deadline } = borrow.call;
      const died = error instanceof Error && this.casualties.has(error);
      if (!died || !isFailure(error, "upstream-unreachable") || signal.aborted || deadline <= Date.now()) throw error;
      return await this.useOnce(borrow, work);
    }
  }

  private async useOnce<T>(borrow: Borrow, work: (session: ImapSession) => Promise<T>): Promise<T> {
    const { call } = borrow;
    const lease = await this.borrow(borrow);
    const { session } = lease.thing;
    lease.thing.call = call;
    const end = endWith(call, session);
    try {
      return await Promise.race([work(session), end.reached]);
    } catch (error) {
      if (error instanceof Error && !session.usable && !end.isReached()) this.casualties.add(error);
      throw error;
    } finally {
      end.cancel();
      lease.thing.call = null;
      lease.release(session.selected);
    }
  }

  private async borrow({ mailbox, avoid, lane, call }: Borrow): Promise<Lease<Held>> {
    this.mayConnect();
    const started = performance.now();
    const lease = await this.pool
      .borrow({ key: mailbox ?? null, avoid, lane, deadline: call.deadline, signal: call.signal })
      .catch((error: unknown) => {
        throw call.signal.aborted ? new Failure("cancelled") : error;
      });
    call.report.waitMs += performance.now() - started;
    return lease;
  }

  /** Those that are connected go on being used whatever happened to the latest attempt to connect. */
  private mayConnect(): void {
    if (this.refused) throw this.refused;
    const rest = this.backOff.rest();
    if (!rest || this.pool.size > 0) return;
    const last = Failure.from(rest.last);
    throw new Failure(last.code, {
      ...(last.detail !== null && { detail: last.detail }),
      ...(last.upstream && { upstream: last.upstream }),
      retryAfter: Math.ceil(rest.ms / 1_000),
    });
  }

  private async open(): Promise<Held> {
    const { reach, connect, timeouts, onState, onCommand } = this.options;
    try {
      const held: { current: Held | null } = { current: null };
      const session = await connect({
        ...(await reach.options()),
        timeoutMs: timeouts.connectMs,
        commandTimeoutMs: timeouts.commandMs,
        onCommand: (report) => {
          account(held.current?.call ?? null, report);
          onCommand(report);
        },
        onClose: () => held.current && this.pool.dropDead(held.current),
      });
      held.current = { session, call: null };
      this.backOff.succeeded();
      onState(this.generation, "connected", null);
      return held.current;
    } catch (error) {
      this.noteFailure(Failure.from(error));
      throw this.refused ?? error;
    }
  }

  private noteFailure(failure: Failure): void {
    const { onState } = this.options;
    if (failure.code === "login-refused") {
      const words = failure.upstream?.text ?? failure.detail ?? "";
      this.refused = reauthRequired(words, failure);
      onState(this.generation, "authenticationFailed", words);
      return;
    }
    if (failure.code === "upstream-connection-limit" && this.pool.size > 1) return;
    this.backOff.failed(failure);
    onState(this.generation, "unreachable", failure.detail);
  }

  /** At the server's limit one waits for one of ours to come back; with none of ours there is nothing to wait for. */
  private canWaitAfter(error: unknown, others: number): boolean {
    if (others === 0 || !isFailure(error)) return false;
    if (error.code !== "upstream-connection-limit" && error.code !== "upstream-unreachable") return false;
    this.limit.refusedBeyond(others);
    return true;
  }

  tend(keepAliveMs: number, idleMs: number): void {
    this.pool.dropIdle(idleMs);
    this.pool.tend(keepAliveMs, ({ session }) => session.noop());
  }

  drain(): Promise<void> {
    return this.pool.drain();
  }

  destroy(): void {
    this.pool.destroy();
  }
}

function reauthRequired(words: string, failure?: Failure): Failure {
  return new Failure("account-reauth-required", {
    detail: `The mail server refused the login: ${words}. It is not tried again until the account is changed.`,
    upstream: failure?.upstream ?? { status: "NO", code: null, text: words },
  });
}

function refuse(why: "deadline" | "queue-full" | "ended"): Failure {
  if (why === "deadline")
    return new Failure("upstream-timeout", { detail: "No session of the account became free in time.", retryAfter: 1 });
  if (why === "queue-full")
    return new Failure("too-many-requests", { detail: "Too many requests wait for this account.", retryAfter: 1 });
  return new Failure("unavailable", { detail: "The account's sessions are being closed.", retryAfter: 1 });
}

function account(call: Call | null, { ms, bytes }: CommandReport): void {
  if (!call) return;
  call.report.commands += 1;
  call.report.imapMs += ms;
  call.report.bytes += bytes;
}

/**
 * Ends work whose caller has gone or whose time is up. A command under way cannot be called off, so its connection is
 * closed; one that is between commands is given back unharmed.
 */
function endWith(
  call: Call,
  session: OpenSession,
): { reached: Promise<never>; isReached: () => boolean; cancel: () => void } {
  const end = Promise.withResolvers<never>();
  end.promise.catch(() => undefined);
  let isReached = false;
  const reach = (failure: Failure): void => {
    isReached = true;
    session.close();
    end.reject(failure);
  };
  const giveUp = (): void => reach(new Failure("cancelled"));
  const late = (): void =>
    reach(new Failure("upstream-timeout", { detail: "The mail server took longer than the request may." }));
  const timer = setTimeout(late, Math.min(Math.max(0, call.deadline - Date.now()), 0x7fffffff));
  call.signal.addEventListener("abort", giveUp, { once: true });
  return {
    reached: end.promise,
    isReached: () => isReached,
    cancel: () => {
      clearTimeout(timer);
      call.signal.removeEventListener("abort", giveUp);
    },
  };
}
