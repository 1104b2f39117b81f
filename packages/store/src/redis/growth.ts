import { type Subscriber, makeSubscriber } from "./client.ts";
import { keys } from "./keys.ts";
import type { RedisTarget } from "./url.ts";

type Listener = (accountId: string | null) => void;

/** Hears of logs that have grown, over one connection of its own that is opened when somebody listens first. */
export class Growth {
  readonly #target: RedisTarget;
  readonly #onError: (error: unknown) => void;
  readonly #listeners = new Set<Listener>();
  #subscriber: Subscriber | null = null;

  constructor(target: RedisTarget, onError: (error: unknown) => void = () => undefined) {
    this.#target = target;
    this.#onError = onError;
  }

  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    this.#subscriber ??= this.#subscribe();
    return () => void this.#listeners.delete(listener);
  }

  close(): void {
    this.#subscriber?.destroy();
    this.#listeners.clear();
  }

  #subscribe(): Subscriber {
    const tell = (accountId: string | null): void => {
      for (const listener of this.#listeners) listener(accountId);
    };
    return makeSubscriber(this.#target, keys.growth, {
      onMessage: tell,
      // What was said while nobody heard is not said again.
      onConnected: () => tell(null),
      onError: this.#onError,
    });
  }
}
