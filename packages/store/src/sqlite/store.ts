import { rmSync } from "node:fs";
import { degrade } from "../degrade.ts";
import type { Cache, Store } from "../store.ts";
import { sqliteAccounts } from "./accounts.ts";
import { sqliteAudit } from "./audit.ts";
import { sqliteCache } from "./cache.ts";
import { Database, guarded, isDamaged } from "./database.ts";
import { sqliteLeases } from "./leases.ts";
import { sqliteEvents } from "./events.ts";
import { sqliteIdempotency } from "./idempotency.ts";
import { sqliteJobs } from "./jobs.ts";
import { sqliteMailboxes } from "./mailboxes.ts";
import { cacheMigrations, migrate } from "./migrations.ts";
import { sqliteThreads } from "./threads.ts";
import { sqlitePlaces } from "./places.ts";
import { sqliteTokens } from "./tokens.ts";
import { sqliteUploads } from "./uploads.ts";
import { sqliteWebhooks } from "./webhooks.ts";
import { sqliteWorkers } from "./workers.ts";

export interface SqliteStoreOptions {
  /** Bound on the values of the cache together, in bytes. */
  cacheBytes?: number;
  /** Told of what the cache swallows; must not throw. */
  onError?: ((error: unknown) => void) | undefined;
}

/**
 * The embedded store: a file with mode 0600, or `:memory:`. Beside `x.db` lies `x-cache.db`, which may be deleted at any
 * time. Several processes may open the same file. Throws `NewerStoreError` for a file of a newer Postern.
 */
export async function openSqliteStore(path: string, options: SqliteStoreOptions = {}): Promise<Store> {
  const database = new Database(path, "full");
  try {
    migrate(database);
    const { cache, database: cacheDatabase } = openCache(cachePath(path), options);
    return {
      accounts: sqliteAccounts(database, cache),
      tokens: sqliteTokens(database),
      mailboxes: sqliteMailboxes(database),
      threads: sqliteThreads(database),
      places: sqlitePlaces(database),
      audit: sqliteAudit(database),
      cache,
      workers: sqliteWorkers(database),
      jobs: sqliteJobs(database),
      idempotency: sqliteIdempotency(database),
      leases: sqliteLeases(database),
      uploads: sqliteUploads(database),
      webhooks: sqliteWebhooks(database),
      events: sqliteEvents(database),
      ping: () => guarded(database, () => database.exec("SELECT 1 FROM schema_version")),
      close: async () => {
        cacheDatabase?.close();
        database.close();
      },
    };
  } catch (error) {
    database.close();
    throw error;
  }
}

function cachePath(path: string): string {
  return path === ":memory:" ? path : `${path.replace(/\.db$/, "")}-cache.db`;
}

/** A cache file that is damaged is made anew; one that cannot be opened otherwise is done without. */
function openCache(path: string, options: SqliteStoreOptions): { cache: Cache; database: Database | null } {
  for (const lastTry of [false, true]) {
    try {
      return openCacheDatabase(path, options);
    } catch (error) {
      options.onError?.(error);
      if (!lastTry && isDamaged(error)) for (const side of ["", "-wal", "-shm"]) rmSync(path + side, { force: true });
    }
  }
  return { cache: noCache, database: null };
}

function openCacheDatabase(path: string, { cacheBytes, onError }: SqliteStoreOptions) {
  const database = new Database(path, "normal");
  try {
    migrate(database, cacheMigrations);
    const cache = degrade(sqliteCache(database, cacheBytes), { onError });
    return { cache, database };
  } catch (error) {
    database.close();
    throw error;
  }
}

const noCache: Cache = {
  getMany: async (_, keys) => keys.map(() => null),
  setMany: async () => undefined,
  dropAccount: async () => undefined,
};
