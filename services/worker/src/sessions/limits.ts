/** Connections that one host may get from this process, over all accounts. */
const PER_HOST = 500;

/** Places that mail hosts have for us, counted over all accounts of this process. */
export class HostPlaces {
  private readonly taken = new Map<string, number>();
  private readonly perHost: number;

  constructor(perHost: number = PER_HOST) {
    this.perHost = perHost;
  }

  take(host: string): boolean {
    const taken = this.taken.get(host) ?? 0;
    if (taken >= this.perHost) return false;
    this.taken.set(host, taken + 1);
    return true;
  }

  give(host: string): void {
    const left = (this.taken.get(host) ?? 1) - 1;
    if (left > 0) this.taken.set(host, left);
    else this.taken.delete(host);
  }
}

/** Half of what the strictest known server lets a user have (Dovecot: 10, Gmail: 15), so that mail clients find room too. */
export const PER_ACCOUNT = 5;

const TRY_ONE_MORE_AFTER_MS = 10 * 60_000;

/** How many connections an account may have: less where its server has said so, and now and then one more, in case it changed. */
export class LearntLimit {
  private limit: number;
  private changedAt = 0;
  private readonly most: number;
  private readonly now: () => number;

  constructor(most: number, now: () => number) {
    this.most = most;
    this.limit = most;
    this.now = now;
  }

  get current(): number {
    if (this.limit < this.most && this.now() - this.changedAt >= TRY_ONE_MORE_AFTER_MS) {
      this.limit += 1;
      this.changedAt = this.now();
    }
    return this.limit;
  }

  /** The server refused one more than `others`. */
  refusedBeyond(others: number): void {
    this.limit = Math.max(1, Math.min(this.limit, others));
    this.changedAt = this.now();
  }
}
