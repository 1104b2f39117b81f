const FIRST_MS = 1_000;
const MOST_MS = 60_000;

/** After failures to connect, nobody tries for a while: twice as long each time, with jitter so that not all come back at once. */
export class BackOff {
  private failures = 0;
  private until = 0;
  private last: Error | null = null;
  private readonly now: () => number;
  private readonly random: () => number;

  constructor(now: () => number, random: () => number = Math.random) {
    this.now = now;
    this.random = random;
  }

  failed(error: Error): void {
    this.last = error;
    // Several that were under way at the same time met with the same trouble once.
    if (this.rest()) return;
    const span = Math.min(MOST_MS, FIRST_MS * 2 ** this.failures);
    this.failures += 1;
    this.until = this.now() + span / 2 + (span / 2) * this.random();
  }

  succeeded(): void {
    this.failures = 0;
    this.until = 0;
    this.last = null;
  }

  /** Nothing has gone well since it last went wrong: one is to try, not all at once. */
  get isProbing(): boolean {
    return this.failures > 0;
  }

  /** Milliseconds until somebody may try again, and what happened last; null: now. */
  rest(): { ms: number; last: Error } | null {
    const ms = this.until - this.now();
    return ms > 0 && this.last ? { ms, last: this.last } : null;
  }
}
