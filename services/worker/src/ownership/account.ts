/** One account that this process owns. */
export class OwnedAccount {
  readonly epoch: number;
  /** No more calls are let in. */
  isLeaving = false;
  private calls = 0;
  private streams = 0;
  private waiting: (() => void)[] = [];
  private readonly decision = Promise.withResolvers<void>();

  constructor(epoch: number) {
    this.epoch = epoch;
  }

  /** Of one that is leaving: resolves when it has left. */
  get decided(): Promise<void> {
    return this.decision.promise;
  }

  get isIdle(): boolean {
    return this.calls === 0 && this.streams === 0;
  }

  enter(): void {
    this.calls += 1;
  }

  leave(): void {
    this.calls -= 1;
    this.tell();
  }

  /** A call's answer has begun, and goes on as a stream. */
  becomesStream(): void {
    this.streams += 1;
    this.leave();
  }

  leaveStream(): void {
    this.streams -= 1;
    this.tell();
  }

  /** No later than the signal. */
  async untilNoStreams(signal: AbortSignal): Promise<void> {
    while (this.streams > 0 && !signal.aborted) await this.change(signal);
  }

  async untilIdle(signal: AbortSignal): Promise<void> {
    while (!this.isIdle && !signal.aborted) await this.change(signal);
  }

  ended(): void {
    this.isLeaving = true;
    this.decision.resolve();
  }

  private tell(): void {
    if (this.waiting.length > 0) for (const resolve of this.waiting.splice(0)) resolve();
  }

  private change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }
}
