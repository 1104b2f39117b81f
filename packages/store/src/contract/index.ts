import { after, before, describe } from "node:test";
import type { Store } from "../store.ts";
import { accountsContract } from "./accounts.ts";
import { auditContract } from "./audit.ts";
import { cacheContract } from "./cache.ts";
import { leasesContract } from "./leases.ts";
import { eventsContract } from "./events.ts";
import { idempotencyContract } from "./idempotency.ts";
import { jobsContract } from "./jobs.ts";
import { mailboxesContract } from "./mailboxes.ts";
import { placesContract } from "./places.ts";
import { tokensContract } from "./tokens.ts";
import { threadsContract } from "./threads.ts";
import { uploadsContract } from "./uploads.ts";
import { webhooksContract } from "./webhooks.ts";
import { workersContract } from "./workers.ts";

/** A storage of its own for one run of the suite. */
export interface Backend {
  /** Opens it once more, as another process would. */
  open(): Promise<Store>;
  stop(): Promise<void>;
}

/** Two stores on one storage: whatever one does, the other sees. */
export interface Pair {
  one: Store;
  other: Store;
}

/** What every implementation of the store keeps. Called at the top of a test file. */
export function storeContract(name: string, start: () => Promise<Backend>): void {
  describe(name, () => {
    let backend: Backend | undefined;
    let opened: Pair | undefined;
    before(async () => {
      backend = await start();
      opened = { one: await backend.open(), other: await backend.open() };
    });
    after(async () => {
      await Promise.all([opened?.one.close(), opened?.other.close()]);
      await backend?.stop();
    });
    const pair = (): Pair => {
      if (!opened) throw new Error("the suite has not started");
      return opened;
    };
    accountsContract(pair);
    tokensContract(pair);
    mailboxesContract(pair);
    placesContract(pair);
    auditContract(pair);
    cacheContract(pair);
    threadsContract(pair);
    workersContract(pair);
    jobsContract(pair);
    idempotencyContract(pair);
    leasesContract(pair);
    eventsContract(pair);
    uploadsContract(pair);
    webhooksContract(pair);
  });
}
