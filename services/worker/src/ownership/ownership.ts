import { setTimeout as delay } from "node:timers/promises";
import { type Call, Failure, isFailure } from "@postern/protocol";
import type { LeaseStore, WorkerEntry } from "@postern/store";
import { Misdirected } from "@postern/wire";
import type { Ownership } from "../mail/ports.ts";
import { OwnedAccount } from "./account.ts";
import type { Clock } from "./clock.ts";
import { Holding } from "./holding.ts";

export interface OwnershipOptions {
  leases: LeaseStore;
  /** Where this process is asked. */
  worker: () => WorkerEntry;
  /** Null: the storage is this process' own. */
  ttlMs: number | null;
  /** Cuts an account's connections at once: another may act for it. */
  cut: (account: string) => void;
  /** Logs out of an account everywhere. */
  close: (account: string) => Promise<void>;
  onError: (error: unknown) => void;
  clock?: Clock;
  /** Of a hand-over: how long downloads may go on before calls are held up, and those calls before they are cut off. */
  leavingMs?: { streams: number; calls: number };
}

/** The accounts that this process acts for. */
export interface LiveOwnership extends Ownership {
  /** How many there are. */
  readonly size: number;
  /** The account, where it is owned for certain and not about to be left: a look into memory. */
  owned(account: string): OwnedAccount | null;
  /** Whether it still is, for certain. */
  isOwned(account: string, as: OwnedAccount): boolean;
  /**
   * Makes it owned, if it is nobody else's. Throws `Misdirected` where it is, `not-found`, and `unavailable` where the store
   * is away for too long.
   */
  claim(account: string, call: Pick<Call, "deadline" | "signal" | "askedInVain">): Promise<OwnedAccount>;
  /** The epoch to write under, whether it is still certain or not; null: not owned. */
  epochToWrite(account: string): number | null;
  /** A write was refused, since the account is another's. */
  lost(account: string): void;
  /** Told of each account that is owned no more, or may not be: what is known of it may be of yesterday. */
  onGone(listener: (account: string) => void): void;
  /** Takes on no more accounts, finishes what runs, and lets go of each account as soon as nothing of it runs. */
  handOver(): Promise<void>;
  /** Lets go of what is left. */
  end(): Promise<void>;
}

/** Longest wait for a store that is away, or a claim that is not yet certain, before the call is let try elsewhere. */
const STORE_PATIENCE_MS = 3_000;
const BETWEEN_CLAIMS_MS = 100;
const LEAVING_MS = { streams: 15_000, calls: 19_000 };

export function createOwnership(options: OwnershipOptions): LiveOwnership {
  return new Accounts(options);
}

class Accounts implements LiveOwnership {
  private readonly options: OwnershipOptions;
  private readonly owns = new Map<string, OwnedAccount>();
  private readonly claiming = new Map<string, Promise<OwnedAccount | WorkerEntry>>();
  private readonly holding: Holding;
  private readonly listeners: ((account: string) => void)[] = [];
  private isLeaving = false;

  constructor(options: OwnershipOptions) {
    this.options = options;
    this.holding = new Holding({ ...options, onDoubt: () => this.cutAll(), onOver: () => this.loseAll() });
  }

  onGone(listener: (account: string) => void): void {
    this.listeners.push(listener);
  }

  get size(): number {
    return this.owns.size;
  }

  owned(account: string): OwnedAccount | null {
    const owned = this.owns.get(account);
    return owned && !owned.isLeaving && this.holding.isCertain ? owned : null;
  }

  isOwned(account: string, as: OwnedAccount): boolean {
    return this.owns.get(account) === as && this.holding.isCertain;
  }

  assertHeld(account: string): void {
    if (this.owns.has(account) && this.holding.isCertain) return;
    const detail = "It is not certain that this process still acts for the account.";
    throw new Failure("unavailable", { detail, retryAfter: 1, outcome: "none" });
  }

  epochOf(account: string): number {
    const owned = this.owns.get(account);
    if (!owned)
      throw new Failure("unavailable", { detail: "This process does not act for the account.", retryAfter: 1 });
    return owned.epoch;
  }

  epochToWrite(account: string): number | null {
    return this.owns.get(account)?.epoch ?? null;
  }

  async claim(account: string, call: Pick<Call, "deadline" | "signal" | "askedInVain">): Promise<OwnedAccount> {
    const patientUntil = Math.min(Date.now() + STORE_PATIENCE_MS, call.deadline);
    for (;;) {
      if (call.signal.aborted) throw new Failure("cancelled");
      const known = this.owns.get(account);
      if (known?.isLeaving) await within(known.decided, call.deadline);
      if (this.isLeaving) throw new Misdirected(null);
      const result = await this.claimOnce(account).catch((error: unknown) => {
        if (isFailure(error, "unavailable")) return error;
        throw error;
      });
      if (result instanceof OwnedAccount && this.isOwned(account, result)) return result;
      if (result !== null && !(result instanceof OwnedAccount) && !(result instanceof Failure)) {
        // Who cannot be reached loses the account soon, or is reached again.
        const isInVain = call.askedInVain?.includes(result.id) === true && Date.now() < call.deadline;
        if (!isInVain) throw new Misdirected(result);
      } else if (Date.now() >= patientUntil) {
        throw new Misdirected(null, "The store that tells who acts for the account cannot be reached.");
      }
      await delay(BETWEEN_CLAIMS_MS);
    }
  }

  /** One attempt, shared by all who come meanwhile. */
  private claimOnce(account: string): Promise<OwnedAccount | WorkerEntry> {
    const known = this.claiming.get(account);
    if (known) return known;
    const claiming = this.askStore(account).finally(() => this.claiming.delete(account));
    this.claiming.set(account, claiming);
    return claiming;
  }

  private async askStore(account: string): Promise<OwnedAccount | WorkerEntry> {
    const known = this.owns.get(account);
    if (known && this.holding.id !== null) return known;
    const id = await this.holding.begun();
    const claim = await this.options.leases.claim(account, id);
    if (!claim.held) return claim.owner;
    const owned = new OwnedAccount(claim.epoch);
    // Over meanwhile: what was claimed stands and falls with the holder that claimed it.
    if (this.holding.id === id) this.owns.set(account, owned);
    return owned;
  }

  lost(account: string): void {
    const owned = this.owns.get(account);
    if (!owned) return;
    this.options.cut(account);
    this.drop(account, owned);
  }

  private cutAll(): void {
    for (const account of this.owns.keys()) this.options.cut(account);
  }

  private loseAll(): void {
    for (const account of this.owns.keys()) this.lost(account);
  }

  private drop(account: string, owned: OwnedAccount): void {
    this.owns.delete(account);
    owned.ended();
    for (const listener of this.listeners) listener(account);
  }

  async handOver(): Promise<void> {
    this.isLeaving = true;
    await Promise.allSettled(this.claiming.values());
    const ms = this.options.leavingMs ?? LEAVING_MS;
    const [streams, calls] = [AbortSignal.timeout(ms.streams), AbortSignal.timeout(ms.calls)];
    await Promise.all([...this.owns].map(([account, owned]) => this.leave(account, owned, streams, calls)));
  }

  private async leave(account: string, owned: OwnedAccount, streams: AbortSignal, calls: AbortSignal): Promise<void> {
    await owned.untilNoStreams(streams);
    owned.isLeaving = true;
    await owned.untilIdle(calls);
    // What waits for a mail server that says nothing is not worth a farewell that it would not answer either.
    if (!owned.isIdle) this.options.cut(account);
    await this.letGo(account, owned);
  }

  private async letGo(account: string, owned: OwnedAccount): Promise<void> {
    await this.options.close(account);
    const { id } = this.holding;
    if (id !== null && this.owns.get(account) === owned)
      await this.options.leases.release(account, id).catch(this.options.onError);
    // What was opened meanwhile is nobody's.
    this.options.cut(account);
    this.drop(account, owned);
  }

  async end(): Promise<void> {
    this.isLeaving = true;
    await this.holding.end();
    this.loseAll();
  }
}

async function within(work: Promise<void>, deadline: number): Promise<void> {
  const over = new AbortController();
  const late = delay(Math.max(0, deadline - Date.now()), undefined, { signal: over.signal }).catch(() => undefined);
  await Promise.race([work, late]);
  over.abort();
}
