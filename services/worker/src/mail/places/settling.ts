/** Work that must be over before what it touches may be shown. */
export class Settling {
  private readonly running = new Map<string, Set<Promise<unknown>>>();

  /** `scope` holds all of `key`: who waits for it waits for each of its keys. */
  during<T>(scope: string, key: string, work: () => Promise<T>): Promise<T> {
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
