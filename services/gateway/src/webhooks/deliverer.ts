import { randomUUID } from "node:crypto";
import type { Mail } from "@postern/protocol";
import type { Logger } from "@postern/service";
import type { Store, WebhookRecord } from "@postern/store";
import { backgroundCall } from "../live/index.ts";
import type { Attempts } from "./attempt.ts";
import { Lane } from "./lane.ts";

export interface DelivererOptions {
  store: Pick<Store, "accounts" | "events" | "webhooks">;
  mail: Pick<Mail, "followAccount">;
  attempts: Attempts;
  retryMs: readonly number[];
  leaseMs: number;
  log: Logger;
}

export interface Deliverer {
  /** Webhooks of the account, or of all, have changed. */
  changed(): void;
  /** What is under way is ended; what comes after is somebody else's. */
  close(): Promise<void>;
}

/** How soon what other gateways changed is found, and what a lost hint did not tell of. The worker forgets who does not follow. */
const SCAN_MS = 10_000;
const PAGE = 200;
const FOLLOWED_AT_ONCE = 16;

interface Wanted {
  account: string;
  webhook: WebhookRecord;
}

/** Keeps a lane for each active webhook in each account. Every gateway does; who holds a cursor delivers. */
export function startDeliverer({ store, mail, attempts, retryMs, leaseMs, log }: DelivererOptions): Deliverer {
  const lanes = new Map<string, Map<string, Lane>>();
  const closing = new Set<Promise<void>>();
  const laneOptions = {
    ...attempts,
    store,
    retryMs,
    leaseMs,
    holder: randomUUID(),
    onError: (error: unknown) => log.warn({ err: error }, "webhooks could not be read or kept"),
  };
  let isClosed = false;
  let scanning: Promise<void> | null = null;
  let isStale = false;

  const scan = (): void => {
    if (isClosed) return;
    if (scanning) {
      isStale = true;
      return;
    }
    isStale = false;
    scanning = scanOnce()
      .catch((error: unknown) => log.warn({ err: error }, "webhooks could not be listed"))
      .finally(() => {
        scanning = null;
        if (isStale) scan();
      });
  };

  const scanOnce = async (): Promise<void> => {
    const wanted = await activeWebhooks(store);
    if (isClosed) return;
    const before = new Set(lanes.keys());
    const byAccount = Map.groupBy(wanted, ({ account }) => account);
    for (const account of lanes.keys()) if (!byAccount.has(account)) closeLanes(account, new Set());
    for (const [account, ofIt] of byAccount) {
      closeLanes(account, new Set(ofIt.map(({ webhook }) => webhook.id)));
      const present = lanes.get(account) ?? new Map<string, Lane>();
      lanes.set(account, present);
      for (const { webhook } of ofIt)
        if (!present.has(webhook.id)) present.set(webhook.id, new Lane(laneOptions, account, webhook));
    }
    look(null);
    // What happens before an account is first followed is told to nobody: that is to be soon.
    void follow([...lanes.keys()].filter((account) => !before.has(account)));
  };

  const closeLanes = (account: string, kept: ReadonlySet<string>): void => {
    const present = lanes.get(account);
    for (const [id, lane] of present ?? []) {
      if (kept.has(id)) continue;
      present?.delete(id);
      const end = lane.close().finally(() => closing.delete(end));
      closing.add(end);
    }
    if (present?.size === 0) lanes.delete(account);
  };

  const look = (account: string | null): void => {
    const chosen = account === null ? lanes.values() : [lanes.get(account) ?? new Map<string, Lane>()];
    for (const each of chosen) for (const lane of each.values()) lane.look();
  };

  /** An account that has webhooks is followed. */
  const follow = async (followed: Iterable<string>): Promise<void> => {
    const accounts = [...followed].values();
    const one = async (): Promise<void> => {
      for (const account of accounts) await mail.followAccount({ account }, backgroundCall()).catch(() => undefined);
    };
    await Promise.all(Array.from({ length: FOLLOWED_AT_ONCE }, one));
  };

  let following: Promise<void> | null = null;
  const timer = setInterval(() => {
    scan();
    following ??= follow(lanes.keys()).finally(() => (following = null));
  }, SCAN_MS);
  const unlisten = store.events.onGrowth(look);
  scan();

  return {
    changed: scan,
    close: async () => {
      isClosed = true;
      clearInterval(timer);
      unlisten();
      await scanning;
      for (const account of lanes.keys()) closeLanes(account, new Set());
      await Promise.all(closing);
      attempts.sender.close();
    },
  };
}

async function activeWebhooks({ accounts, webhooks }: Pick<Store, "accounts" | "webhooks">): Promise<Wanted[]> {
  const wanted: Wanted[] = [];
  for (const account of await webhooks.accounts())
    for (const webhook of await webhooks.list(account)) wanted.push({ account, webhook });
  const general = (await webhooks.list(null)).filter(({ disabled }) => disabled === null);
  if (general.length > 0)
    for await (const { id: account } of allAccounts(accounts))
      for (const webhook of general) wanted.push({ account, webhook });
  return wanted.filter(({ webhook }) => webhook.disabled === null);
}

export async function* allAccounts(accounts: Store["accounts"]): AsyncGenerator<{ id: string }> {
  let after: string | undefined;
  do {
    const page = await accounts.list({ after, limit: PAGE });
    yield* page;
    after = page.at(-1)?.id;
  } while (after !== undefined);
}
