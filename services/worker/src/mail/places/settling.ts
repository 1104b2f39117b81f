/** Work that must be over before what it touches may be shown. */
export class Settling {
  private readonly running = new Map<string, Set<Promise<unknown>>>();
  private readonly still = new Map<string, Promise<void>>();

  /** `scope` holds all of `key`: who waits for it waits for each of its keys. */
  async during<T>(scope: string, key: string, work: () => Promise<T>): Promise<T> {
    if (this.still.has(scope)) await this.freed(scope);
    const running = work();
    const done = running.then(nothing, nothing).finally(() => {
      for (const name of [scope, key]) this.remove(name, done);
    });
    for (const name of [scope, key]) this.add(name, done);
    return running;
  }

  /** Null: nothing is under way, which needs no waiting. What begins later is not waited for. */
  over(name: string): Promise<unknown> | null {
    const running = this.running.get(name);
    return running ? Promise.all(running) : null;
  }

  /** Begins when all that runs in the scope is over, and nothing begins there meanwhile. `wait` gives up waiting by rejecting. */
  async stilled<T>(
    scope: string,
    wait: (over: Promise<unknown>) => Promise<unknown>,
    work: () => Promise<T>,
  ): Promise<T> {
    await this.freed(scope);
    const end = Promise.withResolvers<void>();
    this.still.set(scope, end.promise);
    try {
      const over = this.over(scope);
      if (over) await wait(over);
      return await work();
    } finally {
      this.still.delete(scope);
      end.resolve();
    }
  }

  private async freed(scope: string): Promise<void> {
    for (let end = this.still.get(scope); end; end = this.still.get(scope)) await end;
  }

  private add(name: string, done: Promise<unknown>): void {
    const running = this.running.get(name) ?? new Set();
    this.running.set(name, running.add(done));
  }

  private remove(name: string, done: Promise<unknown>): void {
    const running = this.running.get(name);
    running?.delete(done);
    if (running?.size === 0) this.running.delete(name);
  }
}

const nothing = (): void => undefined;
