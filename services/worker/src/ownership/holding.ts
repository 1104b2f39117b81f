import { randomUUID } from "node:crypto";
import type { LeaseStore, WorkerEntry } from "@postern/store";
import { type Clock, machineClock, type Moment } from "./clock.ts";

export interface HoldingOptions {
  leases: LeaseStore;
  /** Where this process is asked. */
  worker: () => WorkerEntry;
  /** Null: the storage is this process' own, and what it holds it holds until it ends. */
  ttlMs: number | null;
  /** It is no longer certain that what was claimed is held. It may turn out that it was. */
  onDoubt: () => void;
  /** Nothing of what was claimed is held. */
  onOver: () => void;
  onError: (error: unknown) => void;
  clock?: Clock;
}

/** Renewals within the time to live: a few may be lost. */
const RENEWALS = 5;
/** The last part of the time is not used: what was sent in it may arrive when another has taken over. */
const MARGIN = 8;

/**
 * This process as a holder of leases. What counts is not what the store has answered but when it was asked: the time to
 * live runs from a moment that is after that.
 */
export class Holding {
  /** Null: has not begun, or is over. */
  id: string | null = null;
  private readonly options: HoldingOptions;
  private readonly clock: Clock;
  private readonly certainMs: number;
  private certainSince: Moment | null = null;
  private inDoubt = false;
  private ended = false;
  private timer: NodeJS.Timeout | null = null;
  private beginning: Promise<void> | null = null;
  private renewing: Promise<void> | null = null;

  constructor(options: HoldingOptions) {
    this.options = options;
    this.clock = options.clock ?? machineClock;
    this.certainMs = options.ttlMs === null ? Number.POSITIVE_INFINITY : options.ttlMs - options.ttlMs / MARGIN;
  }

  /** By a look at the clock: a process that was frozen, or too busy to notice, notices here. */
  get isCertain(): boolean {
    if (this.certainSince === null) return false;
    return this.certainMs === Number.POSITIVE_INFINITY || this.clock.since(this.certainSince) < this.certainMs;
  }

  /** The id to claim with. Throws `unavailable` where the store is away. */
  async begun(): Promise<string> {
    while (this.id === null) await (this.beginning ??= this.begin().finally(() => (this.beginning = null)));
    return this.id;
  }

  private async begin(): Promise<void> {
    const { leases, worker, ttlMs } = this.options;
    const id = randomUUID();
    const asked = this.clock.now();
    await leases.begin({ id, worker: worker() }, ttlMs ?? Number.MAX_SAFE_INTEGER, ttlMs === null);
    this.id = id;
    this.becameCertain(asked);
    if (ttlMs !== null && this.timer === null && !this.ended) {
      this.timer = setInterval(() => void this.tend(), ttlMs / RENEWALS / 2);
      this.timer.unref();
    }
  }

  private becameCertain(asked: Moment): void {
    this.certainSince = asked;
    this.inDoubt = false;
  }

  /** Renews where none is under way, and notices what is late. */
  private async tend(): Promise<void> {
    const { ttlMs, onError } = this.options;
    this.noticeDoubt();
    const isDue = this.certainSince === null || this.clock.since(this.certainSince) >= (ttlMs ?? 0) / RENEWALS;
    if (!isDue || this.renewing || this.ended) return;
    this.renewing = this.renew().catch(onError);
    await this.renewing;
    this.renewing = null;
  }

  private noticeDoubt(): void {
    if (this.inDoubt || this.id === null || this.isCertain) return;
    this.inDoubt = true;
    this.options.onDoubt();
  }

  private async renew(): Promise<void> {
    const { leases, ttlMs } = this.options;
    const { id } = this;
    if (id === null) return void (await this.begun());
    const asked = this.clock.now();
    const isHeld = await leases.renew(id, ttlMs ?? Number.MAX_SAFE_INTEGER);
    if (isHeld) this.becameCertain(asked);
    else this.over(id);
  }

  /** Others were told that this one is no more, or it was seen that they act as if. */
  over(id: string): void {
    if (this.id !== id) return;
    this.id = null;
    this.certainSince = null;
    this.options.onOver();
  }

  /** Lets go of all that is still held. */
  async end(): Promise<void> {
    this.ended = true;
    if (this.timer) clearInterval(this.timer);
    await this.renewing;
    const { id } = this;
    if (id === null) return;
    this.id = null;
    this.certainSince = null;
    await this.options.leases.end(id).catch(this.options.onError);
  }
}
