import { type KeyRing, SealError, accountSealContext, webhookSealContext } from "./seal.ts";
import type { AccountRecord, Store, WebhookRecord } from "./store.ts";

export interface ResealCounts {
  accounts: number;
  webhooks: number;
  /** Of these, sealed anew with the first key. */
  resealed: number;
  /** Ids of accounts and webhooks whose secrets no key of the ring opens: they are left as they are. */
  unreadable: string[];
}

const PAGE = 100;

type ResealStore = Pick<Store, "accounts" | "audit" | "webhooks">;

/**
 * Seals anew what is not sealed with the ring's first key. Safe beside running services, and to run again. Whose secrets
 * were read for it is written down.
 */
export async function reseal(store: ResealStore, ring: KeyRing): Promise<ResealCounts> {
  const counts: ResealCounts = { accounts: 0, webhooks: 0, resealed: 0, unreadable: [] };
  let after: string | undefined;
  for (;;) {
    const page = await store.accounts.list({ after, limit: PAGE });
    for (const account of page) await resealOne(store, ring, account, counts);
    after = page.at(-1)?.id;
    if (after === undefined) break;
  }
  for (const account of [null, ...(await store.webhooks.accounts())])
    for (const webhook of await store.webhooks.list(account)) await resealWebhook(store, ring, webhook, counts);
  return counts;
}

async function resealWebhook(
  { webhooks, audit }: ResealStore,
  ring: KeyRing,
  webhook: WebhookRecord,
  counts: ResealCounts,
) {
  counts.webhooks += 1;
  let present: WebhookRecord | null = webhook;
  while (present && !isCurrent(ring, present)) {
    const again = sealedAnew(ring, present);
    if (!again) {
      counts.unreadable.push(present.id);
      return;
    }
    if (await webhooks.update(again)) {
      counts.resealed += 1;
      const entry = { actor: "operator", action: "webhook.resealed", subject: present.id };
      await audit.append({ ...entry, at: Date.now(), requestId: null, detail: null });
      return;
    }
    present = await webhooks.get(webhook.account, webhook.id);
  }
}

function isCurrent(ring: KeyRing, { sealed, previous }: WebhookRecord): boolean {
  return ring.isCurrent(sealed) && (!previous || ring.isCurrent(previous.sealed));
}

function sealedAnew(ring: KeyRing, webhook: WebhookRecord): WebhookRecord | null {
  const context = webhookSealContext(webhook.id);
  const sealed = anew(ring, webhook.sealed, context);
  const before = webhook.previous && anew(ring, webhook.previous.sealed, context);
  if (sealed === null) return null;
  // What was replaced already and opens no more is given up.
  const previous = webhook.previous && before !== null ? { ...webhook.previous, sealed: before } : null;
  return { ...webhook, sealed, previous };
}

async function resealOne(
  { accounts, audit }: ResealStore,
  ring: KeyRing,
  account: AccountRecord,
  counts: ResealCounts,
) {
  counts.accounts += 1;
  let present: AccountRecord | null = account;
  // Another write that comes between is not lost: its record is read, and sealed anew if it still has to be.
  while (present && !ring.isCurrent(present.sealed)) {
    const sealed = sealAnew(ring, present);
    if (sealed === null) {
      counts.unreadable.push(present.id);
      return;
    }
    if (await accounts.update({ ...present, sealed })) {
      counts.resealed += 1;
      const entry = { actor: "operator", action: "account.resealed", subject: present.id };
      await audit.append({ ...entry, at: Date.now(), requestId: null, detail: null });
      return;
    }
    present = await accounts.get(account.id);
  }
}

function sealAnew(ring: KeyRing, { id, sealed }: AccountRecord): string | null {
  return anew(ring, sealed, accountSealContext(id));
}

function anew(ring: KeyRing, sealed: string, context: string): string | null {
  try {
    return ring.seal(ring.open(sealed, context), context);
  } catch (error) {
    if (error instanceof SealError) return null;
    throw error;
  }
}
