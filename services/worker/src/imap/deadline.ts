/**
 * How long the command that runs may take. One timer for all commands of a connection, which nearly all are over long
 * before it is due: between two it goes on, and means nothing.
 */
export class Deadline {
  private readonly onLate: (ms: number) => void;
  private timer: NodeJS.Timeout | null = null;
  /** What the timer was made for. */
  private length = 0;
  private isSet = false;

  constructor(onLate: (ms: number) => void) {
    this.onLate = onLate;
  }

  /** So long from now; null: for ever. */
  set(ms: number | null): void {
    this.isSet = ms !== null;
    if (ms === null) return;
    if (this.timer && this.length === ms) {
      this.timer.refresh();
      return;
    }
    this.stop();
    this.isSet = true;
    this.length = ms;
    this.timer = setTimeout(() => this.due(), ms);
    // Whoever waits has a socket that keeps the process alive.
    this.timer.unref();
  }

  /** The whole time anew, where there is a time. */
  extend(): void {
    if (this.isSet) this.timer?.refresh();
  }

  /** It is over in time. */
  lift(): void {
    this.isSet = false;
  }

  stop(): void {
    this.isSet = false;
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
  }

  private due(): void {
    if (this.isSet) this.onLate(this.length);
  }
}
