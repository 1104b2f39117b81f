import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { Failure } from "@postern/protocol";
import { ErrorReply } from "redis";
import { type Argument, type Client, makeClient } from "./client.ts";
import { type RedisTarget, describeTarget } from "./url.ts";

/** What a command may take. A Redis that is frozen or behind a dead network is `unavailable` after this. */
const COMMAND_TIMEOUT_MS = 1_500;
const BETWEEN_CONNECTS_MS = 250;

/** What Redis says while it is there but cannot serve; anything else it says is a defect of ours. */
const outOfService =
  /^(LOADING|BUSY|READONLY|MASTERDOWN|NOREPLICAS|CLUSTERDOWN|TRYAGAIN|OOM|MISCONF|NOAUTH|WRONGPASS|NOPERM|ERR max number of clients)/;

export interface Script {
  source: string;
  sha: string;
}

/** A Lua script; sent whole only where the server does not know it yet. All its keys must lie in one slot. */
export function script(source: string): Script {
  return { source, sha: createHash("sha1").update(source).digest("hex") };
}

/** For scripts: `now` in epoch milliseconds. By the clock of Redis, since those of other machines may differ. */
export const nowByRedis = `
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

export interface LinkOptions {
  /** Told of lost connections and failed attempts; must not throw. */
  onError?: ((error: unknown) => void) | undefined;
}

/**
 * A connection to Redis that comes back by itself. Commands sent in one turn of the event loop share a round trip; none
 * waits for a connection: without one they fail at once with `unavailable`.
 */
export class Link {
  readonly #target: RedisTarget;
  readonly #onError: (error: unknown) => void;
  readonly #pending = new Set<Promise<unknown>>();
  readonly #firstConnect: Promise<void>;
  #lastError: unknown = null;
  #client: Client;
  #closed = false;

  constructor(target: RedisTarget, { onError }: LinkOptions = {}) {
    this.#target = target;
    this.#onError = (error) => {
      this.#lastError = error;
      onError?.(error);
    };
    this.#client = makeClient(target, this.#onError);
    this.#firstConnect = this.#connect();
  }

  /** Waits for the first connection. Rejects with `unavailable`, naming the last error, when there is none in time. */
  async connected(withinMs: number): Promise<void> {
    const over = new AbortController();
    const limit = delay(withinMs, undefined, { signal: over.signal }).then(() => {
      const reason = this.#lastError instanceof Error ? this.#lastError.message : "no answer";
      const detail = `Redis at ${describeTarget(this.#target)} cannot be reached: ${reason}`;
      throw new Failure("unavailable", { detail, retryAfter: 1, cause: this.#lastError });
    });
    try {
      await Promise.race([this.#firstConnect, limit]);
    } finally {
      over.abort();
      await limit.catch(() => undefined);
    }
  }

  /** `key` says which node of a cluster is asked; null where any will do. */
  send(key: string | null, ...args: Argument[]): Promise<unknown> {
    return this.#tracked(this.#attempt(key, args, false));
  }

  /** Strings come as Buffers. */
  sendBinary(key: string | null, ...args: Argument[]): Promise<unknown> {
    return this.#tracked(this.#attempt(key, args, true));
  }

  run({ source, sha }: Script, keys: [string, ...string[]], args: readonly Argument[] = []): Promise<unknown> {
    const rest = [String(keys.length), ...keys, ...args];
    const known = this.#attempt(keys[0], ["EVALSHA", sha, ...rest], false);
    return this.#tracked(
      known.catch((error: unknown) => {
        if (!(error instanceof ErrorReply) || !error.message.startsWith("NOSCRIPT")) throw error;
        return this.#attempt(keys[0], ["EVAL", source, ...rest], false);
      }),
    );
  }

  /** What is under way finishes, within the time a command may take. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#pending);
    this.#client.destroy();
    await this.#firstConnect;
  }

  async #connect(): Promise<void> {
    while (!this.#closed) {
      const client = this.#client;
      try {
        await client.connect();
        return;
      } catch (error) {
        // A client that was replaced or closed meanwhile is no news.
        if (this.#closed || client !== this.#client) return;
        this.#onError(error);
        client.destroy();
        this.#client = makeClient(this.#target, this.#onError);
        await delay(BETWEEN_CONNECTS_MS);
      }
    }
  }

  async #attempt(key: string | null, args: readonly Argument[], binary: boolean): Promise<unknown> {
    if (this.#closed) throw new Failure("unavailable", { detail: "The store is closed" });
    const client = this.#client;
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new Error(`Redis did not answer within ${COMMAND_TIMEOUT_MS} ms`));
        this.#replace(client);
      }, COMMAND_TIMEOUT_MS);
    });
    try {
      return await Promise.race([client.send(key, args, binary), limit]);
    } catch (error) {
      if (error instanceof ErrorReply && !outOfService.test(error.message)) throw error;
      throw new Failure("unavailable", { retryAfter: 1, cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  /** So that what comes next fails at once instead of queueing behind a silent peer. A cluster has other nodes that answer. */
  #replace(client: Client): void {
    if (this.#closed || client !== this.#client || this.#target.kind !== "single") return;
    this.#client = makeClient(this.#target, this.#onError);
    client.destroy();
    void this.#connect();
  }

  #tracked(work: Promise<unknown>): Promise<unknown> {
    this.#pending.add(work);
    const forget = (): void => void this.#pending.delete(work);
    work.then(forget, forget);
    return work;
  }
}
