import { isFailure } from "@postern/protocol";
import type { AccountRecord } from "@postern/store";

/** An account is looked up once for many reads; what another process changed is seen this much later. */
const BELIEVED_MS = 1_000;
const MOST = 10_000;

export interface BelievedAccounts {
  get(id: string): Promise<AccountRecord | null>;
  /** It was changed: what was looked up before says nothing any more. */
  forget(id: string): void;
}

/**
 * `mayGoOn`: whether an account that cannot be looked up, since the store is away, may be believed to be as it was: its
 * owner's process is the one that changes it.
 */
export function believeAccounts(
  lookUp: (id: string) => Promise<AccountRecord | null>,
  mayGoOn: (id: string) => boolean,
  now: () => number = Date.now,
): BelievedAccounts {
  const believed = new Map<string, { record: Promise<AccountRecord | null>; until: number }>();
  return {
    get: (id) => {
      const known = believed.get(id);
      if (known && known.until > now()) return known.record;
      if (believed.size >= MOST) believed.clear();
      const record = lookUp(id).catch((error: unknown) => {
        if (known && isFailure(error, "unavailable") && mayGoOn(id)) return known.record;
        throw error;
      });
      const entry = { record, until: now() + BELIEVED_MS };
      believed.set(id, entry);
      // Neither an error nor an absence is worth believing.
      const drop = (): void => {
        if (believed.get(id) === entry) believed.delete(id);
      };
      record.then((found) => found ?? drop(), drop);
      return record;
    },
    forget: (id) => believed.delete(id),
  };
}
