import { degrade } from "../degrade.ts";
import type { Store } from "../store.ts";
import { redisAccounts } from "./accounts.ts";
import { redisAudit } from "./audit.ts";
import { redisCache } from "./cache.ts";
import { redisEvents } from "./events.ts";
import { Growth } from "./growth.ts";
import { redisIdempotency } from "./idempotency.ts";
import { redisJobs } from "./jobs.ts";
import { keys } from "./keys.ts";
import { redisLeases } from "./leases.ts";
import { Link } from "./link.ts";
import { redisMailboxes } from "./mailboxes.ts";
import { redisPlaces } from "./places.ts";
import { asText } from "./replies.ts";
import { redisThreads } from "./threads.ts";
import { redisTokens } from "./tokens.ts";
import { parseRedisUrl } from "./url.ts";
import { migrateRedis } from "./version.ts";
import { redisUploads } from "./uploads.ts";
import { redisWebhooks } from "./webhooks.ts";
import { redisWorkers } from "./workers.ts";

export interface RedisStoreOptions {
  /** `redis://`, `rediss://`, `redis+cluster://` or `redis+sentinel://`; see `parseRedisUrl`. */
  durableUrl: string;
  /** May evict and may be away. Default: the durable one. */
  cacheUrl?: string | undefined;
  /** How long opening waits for the durable one to be reached. */
  connectWithinMs?: number;
  /** Told of lost connections and of what the cache swallows; must not throw. */
  onError?: ((error: unknown) => void) | undefined;
}

/**
 * The store that several processes share. Throws `unavailable` when the durable Redis cannot be reached in time, and an
 * `Error` when it must not be used: written by a newer Postern, or about to evict what has to last.
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<Store> {
  const { durableUrl, cacheUrl = durableUrl, connectWithinMs = 10_000, onError } = options;
  const [durableTarget, cacheTarget] = [parseRedisUrl(durableUrl), parseRedisUrl(cacheUrl)];
  const link = new Link(durableTarget, { onError });
  // Its own connection even to the same Redis, so that large values hold up nothing else.
  const cacheLink = new Link(cacheTarget, { onError });
  const growth = new Growth(durableTarget, onError);
  const close = async (): Promise<void> => {
    growth.close();
    await Promise.all([link.close(), cacheLink.close()]);
  };
  try {
    await link.connected(connectWithinMs);
    await refuseEviction(link);
    await migrateRedis(link);
  } catch (error) {
    await close();
    throw error;
  }
  const cache = degrade(redisCache(cacheLink), { onError });
  const accounts = redisAccounts(link, cache);
  return {
    accounts,
    tokens: redisTokens(link),
    mailboxes: redisMailboxes(link),
    threads: redisThreads(link),
    places: redisPlaces(link),
    audit: redisAudit(link),
    cache,
    workers: redisWorkers(link),
    jobs: redisJobs(link),
    idempotency: redisIdempotency(link),
    leases: redisLeases(link),
    uploads: redisUploads(link),
    webhooks: redisWebhooks(link, accounts),
    events: redisEvents(link, growth),
    ping: async () => {
      await link.send(keys.version, "GET", keys.version);
    },
    close,
  };
}

/** Durable keys have no time to live, so only a policy over all keys would evict them. */
async function refuseEviction(link: Link): Promise<void> {
  // Where asking is not permitted, the operator is trusted to have read the documentation.
  const memory = asText(await link.send(null, "INFO", "memory").catch(() => null)) ?? "";
  const limit = Number(/^maxmemory:(\d+)/m.exec(memory)?.[1] ?? 0);
  const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1] ?? "";
  if (limit > 0 && policy.startsWith("allkeys-")) {
    throw new Error(
      `Redis evicts keys that must last (maxmemory-policy ${policy}). Set noeviction, or volatile-lru where it serves as the cache too.`,
    );
  }
}
