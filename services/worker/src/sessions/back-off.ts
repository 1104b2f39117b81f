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
    const span = Math.min(MOST_MS, FIRST_MS * 2 ** this.failures);
    this.failures += 1;
    this.until = this.now() + span / 2 + (span / 2) * this.random();
    this.last = error;
  }

  succeeded(): void {
    this.failures = 0;
    this.until = 0;
    this.last = null;
  }

  /** Milliseconds until somebody may try again, and what happened last; null: now. */
  rest(): { ms: number; last: Error } | null {
    const ms = this.until - this.now();
    return ms > 0 && this.last ? { ms, last: this.last } : null;
  }
}
