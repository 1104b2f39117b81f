import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { openRedisStore } from "./redis/store.ts";
import { openSqliteStore } from "./sqlite/store.ts";
import type { Store } from "./store.ts";

export interface StoreConfig {
  /** Folder of the embedded store; made, for its owner alone, where it is not there. Ignored with `redisUrl`. */
  dataDir?: string | undefined;
  redisUrl?: string | undefined;
  /** An evictable Redis for what can be fetched anew. Default: `redisUrl`. */
  cacheRedisUrl?: string | undefined;
  /** Told of what the store survives: lost connections, a broken cache. Must not throw. */
  onError?: ((error: unknown) => void) | undefined;
}

/** Redis where its URL is given, else the embedded store in `dataDir`, else one in memory that ends with the process. */
export async function openStore({ dataDir, redisUrl, cacheRedisUrl, onError }: StoreConfig): Promise<Store> {
  if (redisUrl !== undefined) return openRedisStore({ durableUrl: redisUrl, cacheUrl: cacheRedisUrl, onError });
  if (dataDir === undefined) return openSqliteStore(":memory:", { onError });
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  return openSqliteStore(join(dataDir, "postern.db"), { onError });
}
