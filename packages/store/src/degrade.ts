import type { Cache } from "./store.ts";

export interface DegradeOptions {
  /** A cache that takes longer than this is slower than asking the mail server anew. */
  timeoutMs?: number;
  /** After so many failures in a row it is left alone … */
  failures?: number;
  /** … for this long; then one call tries it again. */
  pauseMs?: number;
  /** Told of every failure; must not throw. */
  onError?: ((error: unknown) => void) | undefined;
}

/** Erasing is worth waiting for, and worth trying while the cache is otherwise left alone. */
const DROP_TIMEOUT_MS = 10_000;

/** A cache that never throws and never keeps its caller long: broken or slow, it is a miss. */
export function degrade(cache: Cache, options: DegradeOptions = {}): Cache {
  const { timeoutMs = 500, failures: tolerated = 3, pauseMs = 5_000, onError } = options;
  let failures = 0;
  let pausedUntil = 0;

  const attempt = async <T>(work: () => Promise<T>, otherwise: T, limitMs: number): Promise<T> => {
    try {
      const result = await withinLimit(work, limitMs);
      failures = 0;
      return result;
    } catch (error) {
      failures += 1;
      if (failures >= tolerated) pausedUntil = performance.now() + pauseMs;
      onError?.(error);
      return otherwise;
    }
  };
  const unlessPaused = async <T>(work: () => Promise<T>, otherwise: T): Promise<T> => {
    const now = performance.now();
    if (now < pausedUntil) return otherwise;
    // Whoever comes first after the pause tries it; the others are kept away until that went well.
    if (failures >= tolerated) pausedUntil = now + pauseMs;
    const result = await attempt(work, otherwise, timeoutMs);
    if (failures === 0) pausedUntil = 0;
    return result;
  };

  return {
    getMany: (accountId, keys) =>
      unlessPaused(
        () => cache.getMany(accountId, keys),
        keys.map(() => null),
      ),
    setMany: (accountId, entries, ttlSeconds) =>
      unlessPaused(() => cache.setMany(accountId, entries, ttlSeconds), undefined),
    dropAccount: (accountId) => attempt(() => cache.dropAccount(accountId), undefined, DROP_TIMEOUT_MS),
  };
}

async function withinLimit<T>(work: () => Promise<T>, limitMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the cache did not answer within ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([work(), limit]);
  } finally {
    clearTimeout(timer);
  }
}
