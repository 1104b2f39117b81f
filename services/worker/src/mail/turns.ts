import type { Call } from "@postern/protocol";
import { within } from "../mirror/shared-work.ts";

/** Work that is done one after another, by what it is done to. */
export class Turns {
  private readonly last = new Map<string, Promise<unknown>>();

  /**
   * With a call, a turn is waited for no longer than its caller does; the first word of the key is the command, which is told
   * to who has waited in vain.
   */
  take<T>(key: string, work: () => Promise<T>, call?: Call): Promise<T> {
    const before = this.last.get(key);
    const running = before ? waited(key, before, call).then(work) : work();
    // Who gives up lets nobody pass who waits behind them.
    const over = Promise.allSettled([before, running]);
    this.last.set(key, over);
    void this.forget(key, over);
    return running;
  }

  private async forget(key: string, over: Promise<unknown>): Promise<void> {
    await over;
    if (this.last.get(key) === over) this.last.delete(key);
  }
}

async function waited(key: string, before: Promise<unknown>, call?: Call): Promise<void> {
  if (call) await within(call, key.slice(0, key.indexOf(" ")).toUpperCase(), before);
  else await before;
}
