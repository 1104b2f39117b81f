import { type AccountState, type Call, explainCommand, Failure, isFailure, remark } from "@postern/protocol";
import type { CommandReport, ConnectOptions, ImapSession, OpenSession } from "../imap/index.ts";
import type { Borrow } from "../mail/ports.ts";
import { type Counts, type Lease, Pool } from "../pool/index.ts";
import { BackOff } from "./back-off.ts";
import { type HostPlaces, LearntLimit, PER_ACCOUNT, type Tenant } from "./limits.ts";
import { Loan } from "./loan.ts";
import type { LoginPace } from "./login-pace.ts";
import { isPassing, refuse } from "./refusals.ts";
import { Standing } from "./standing.ts";

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
  /** As it is now. Throws `not-found` and `account-disabled`. */
  reach: () => Promise<Reach>;
  connect: (options: ConnectOptions) => Promise<OpenSession>;
  places: HostPlaces;
  logins: LoginPace;
  now: () => number;
  random: () => number;
  onState: (generation: number, state: AccountState, detail: string | null) => void;
  onCommand: (report: CommandReport) => void;
  timeouts: Timeouts;
}

export interface Timeouts {
  /** From the first packet to the end of the login. */
  connectMs: number;
  commandMs: number;
}

/** In each lane. */
const MAX_WAITING = 500;
/** How often a job is begun because the sessions before turned out to be dead. */
const MOST_ATTEMPTS = PER_ACCOUNT + 2;

interface Held {
  session: OpenSession;
  /** Whom what the session does is accounted to. */
  call: Call | null;
  /** Commands that went well since the login. */
  answered: number;
  /** Commands sent since the login that change something, however they ended. */
  changes: number;
}

/** When a session died: before it was ever of use, unnoticed since it was used last, or in the middle of a job. */
type Death = "new" | "idle" | "busy";

/** The sessions of one account. */
export class AccountSessions {
  private readonly options: AccountSessionsOptions;
  private readonly pool: Pool<Held>;
  private readonly tenant: Tenant;
  private reach: Reach;
  private standing: Standing;
  /** The account was changed or is gone: the next reach is taken whatever its generation. */
  private isVoid = false;
  /** Nobody needs another session. */
  private readonly ended = new AbortController();
  /** Failures of work whose session died under it. */
  private readonly deaths = new WeakMap<Failure, Death>();

  constructor(reach: Reach, options: AccountSessionsOptions) {
    this.options = options;
    this.reach = reach;
    this.standing = this.newStanding(reach, null);
    this.tenant = { spare: () => this.pool.spare(), retry: () => this.pool.retry() };
    this.pool = new Pool<Held>({
      open: () => this.open(),
      close: ({ session }, gracefully) => (gracefully ? session.logout() : session.close()),
      isUsable: ({ session }) => session.usable,
      limit: () => this.standing.limit.current,
      takePlace: () => this.takePlace(),
      isPlaceWanted: (isNeeded) => options.places.isWanted(this.reach.host, this.tenant, isNeeded),
      canWaitAfter: (error, others) => isPassing(error) && others.free + others.lent + others.opening > 0,
      hopeless: () => this.standing.refused ?? this.standing.resting(),
      refuse: (why, counts) => refuse(why, counts, this.standing.last),
      maxWaiting: MAX_WAITING,
      now: options.now,
    });
  }

  /** Holds nothing, and knows nothing that the next attempt would have to know. */
  get isForgettable(): boolean {
    const { limit, refused, backOff } = this.standing;
    return this.pool.isEmpty && (this.isVoid || (!refused && !backOff.rest() && !limit.isLearnt));
  }

  counts(): Counts {
    return this.pool.counts();
  }

  /** A session that dies under the work is replaced, unless the work may have changed something by then. */
  async use<T>(reach: Reach, borrow: Borrow, work: (session: ImapSession) => Promise<T>): Promise<T> {
    this.adopt(reach);
    let replaced = 0;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.useOnce(borrow, work);
      } catch (error) {
        const death = isFailure(error) ? this.deaths.get(error) : undefined;
        if (!isFailure(error) || death === undefined) throw error;
        // Those that were idle may all have died unnoticed; but work that kills sessions is not to kill them all.
        if (death !== "idle") replaced += 1;
        const isLast = replaced > 1 || attempt >= MOST_ATTEMPTS || isOver(borrow.call, this.options.now());
        // Let in and shown out again: some servers count connections only after the login.
        if (death === "new" && (isLast || error.code === "upstream-connection-limit")) this.note(this.standing, error);
        if (isLast) throw error;
      }
    }
  }

  private async useOnce<T>(borrow: Borrow, work: (session: ImapSession) => Promise<T>): Promise<T> {
    const { call } = borrow;
    const lease = await this.borrow(borrow);
    const held = lease.thing;
    const { session, answered, changes } = held;
    const loan = new Loan(session, call);
    held.call = call;
    const giveBack = (): void => {
      held.call = null;
      lease.release(session.selected);
    };
    try {
      return await loan.run(work, call.deadline - this.options.now(), giveBack);
    } catch (error) {
      const mayRepeat = isBreak(error) && held.changes === changes;
      if (mayRepeat && !session.usable && !loan.isEnded) this.deaths.set(error, deathOf(held, answered));
      throw error;
    }
  }

  private async borrow({ mailbox, avoid, lane, call }: Borrow): Promise<Lease<Held>> {
    this.mayConnect();
    const started = performance.now();
    const { explained } = call.report;
    const before = explained && this.pool.counts();
    try {
      const wish = { key: mailbox ?? null, avoid, lane, deadline: call.deadline, signal: call.signal };
      return await this.pool.borrow(wish);
    } catch (error) {
      throw call.signal.aborted ? new Failure("cancelled") : error;
    } finally {
      const waited = performance.now() - started;
      call.report.waitMs += waited;
      if (before && waited >= WORTH_A_WORD_MS) remark(explained, whyWaited(waited, before));
    }
  }

  private mayConnect(): void {
    const { lent, free, opening } = this.pool.counts();
    // Those that are connected go on being used whatever happened to the latest attempt to connect.
    const error = this.standing.refused ?? (lent + free + opening > 0 ? null : this.standing.resting());
    if (error) throw error;
  }

  private takePlace(): (() => void) | null {
    const mayOpen = this.standing.mayOpen(this.pool.counts().opening);
    return mayOpen ? this.options.places.take(this.reach.host, this.tenant) : null;
  }

  private async open(): Promise<Held> {
    const reach = await this.options.reach();
    if (this.adopt(reach)) throw new Failure("unavailable", { detail: "The account's settings have changed." });
    const { standing } = this;
    const loggedIn = await this.turn(reach.host);
    try {
      const held = await this.connect(reach, standing);
      this.options.onState(reach.generation, "connected", null);
      return held;
    } catch (error) {
      this.note(standing, Failure.from(error), 1);
      throw standing.refused ?? error;
    } finally {
      loggedIn();
    }
  }

  /** Waits until one more login may come to the host. */
  private turn(host: string): Promise<() => void> {
    const { free, lent, opening } = this.pool.counts();
    return this.options.logins.turn(host, free + lent === 0 && opening <= 1, this.ended.signal);
  }

  private async connect(reach: Reach, standing: Standing): Promise<Held> {
    const { connect, timeouts, onCommand } = this.options;
    let held: Held | null = null;
    const session = await connect({
      ...(await reach.options()),
      timeoutMs: timeouts.connectMs,
      commandTimeoutMs: timeouts.commandMs,
      onCommand: (report) => {
        if (held) account(held, report, standing);
        onCommand(report);
      },
      onClose: () => held && this.pool.dropDead(held),
    });
    if (!session.usable)
      throw new Failure("upstream-unreachable", { detail: "The connection was lost after the login." });
    held = { session, call: null, answered: 0, changes: 0 };
    return held;
  }

  /** `opening`: how many of those that are opening are the one that failed. */
  private note(standing: Standing, failure: Failure, opening = 0): void {
    const counts = this.pool.counts();
    const change = standing.failed(failure, { ...counts, opening: counts.opening - opening });
    if (change) this.options.onState(this.reach.generation, change.state, change.detail);
  }

  /** Takes over newer settings, under which all that is open is of yesterday. Whether they were newer. */
  private adopt(reach: Reach): boolean {
    const isNewer = this.isVoid || reach.generation > this.reach.generation;
    if (!isNewer) {
      if (reach.generation === this.reach.generation) this.standing.noteRecord(reach.refusal);
      return false;
    }
    const wasVoid = this.isVoid;
    this.isVoid = false;
    this.standing = this.newStanding(reach, reach.host === this.reach.host ? this.standing.limit : null);
    this.reach = reach;
    if (!wasVoid) this.pool.raise();
    return !wasVoid;
  }

  private newStanding(reach: Reach, limit: LearntLimit | null): Standing {
    const { now, random } = this.options;
    const standing = new Standing(limit ?? new LearntLimit(PER_ACCOUNT, now), new BackOff(now, random));
    standing.noteRecord(reach.refusal);
    return standing;
  }

  /** The account was changed or is gone: what is free is closed, what is lent dies when it comes back. */
  forget(): void {
    this.isVoid = true;
    this.pool.raise();
  }

  tend(keepAliveMs: number, unusedMs: number): void {
    this.pool.dropUnused(unusedMs);
    this.pool.tend(keepAliveMs, ({ session }) => session.noop());
  }

  drain(): Promise<void> {
    const drained = this.pool.drain();
    this.ended.abort();
    return drained;
  }

  destroy(): void {
    this.pool.destroy();
    this.ended.abort();
  }
}

/** A wait that whoever asks to explain is told of. */
const WORTH_A_WORD_MS = 1;

function whyWaited(ms: number, { free, lent, waiting }: Counts): string {
  const why =
    lent === 0 && free === 0
      ? "none was open, and one had to log in"
      : `${lent} were in use and ${free} free, and ${waiting} others waited`;
  return `It took ${Math.round(ms)} ms to get a connection: ${why}.`;
}

function isOver({ signal, deadline }: Call, now: number): boolean {
  return signal.aborted || deadline <= now;
}

/** What a connection that breaks leaves behind, with or without a BYE. */
function isBreak(error: unknown): error is Failure {
  return isFailure(error, "upstream-unreachable") || isFailure(error, "upstream-connection-limit");
}

function deathOf({ answered }: Held, before: number): Death {
  if (answered > before) return "busy";
  return before > 0 ? "idle" : "new";
}

function account(held: Held, { name, ms, bytes, ok, changes }: CommandReport, standing: Standing): void {
  if (changes) held.changes += 1;
  if (ok) held.answered += 1;
  if (ok && held.answered === 1) standing.succeeded();
  if (!held.call) return;
  held.call.report.commands += 1;
  if (changes) held.call.report.changes += 1;
  held.call.report.imapMs += ms;
  held.call.report.bytes += bytes;
  explainCommand(held.call.report.explained, { command: name, ms, octets: bytes, ok, shared: false });
}
