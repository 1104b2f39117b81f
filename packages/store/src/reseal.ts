import { type KeyRing, SealError, accountSealContext } from "./seal.ts";
import type { AccountRecord, Store } from "./store.ts";

export interface ResealCounts {
  accounts: number;
  /** Of these, sealed anew with the first key. */
  resealed: number;
  /** Ids of accounts whose secrets no key of the ring opens: they are left as they are. */
  unreadable: string[];
}

const PAGE = 100;

type ResealStore = Pick<Store, "accounts" | "audit">;

/**
 * Seals anew what is not sealed with the ring's first key. Safe beside running services, and to run again. Whose secrets
 * were read for it is written down.
 */
export async function reseal(store: ResealStore, ring: KeyRing): Promise<ResealCounts> {
  const counts: ResealCounts = { accounts: 0, resealed: 0, unreadable: [] };
  let after: string | undefined;
  for (;;) {
    const page = await store.accounts.list({ after, limit: PAGE });
    for (const account of page) await resealOne(store, ring, account, counts);
    after = page.at(-1)?.id;
    if (after === undefined) return counts;
  }
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
  const context = accountSealContext(id);
  try {
    return ring.seal(ring.open(sealed, context), context);
  } catch (error) {
    if (error instanceof SealError) return null;
    throw error;
  }
}
