import { Failure } from "@postern/protocol";
import type { Store } from "@postern/store";
import { NO_SUCH_ACCOUNTS, noSuchAccountAt } from "../access/index.ts";

/** A token or ticket for an account that is not there would come to life with whoever registers that id next. */
export async function refuseUnknownAccounts(store: Store["accounts"], accounts: readonly string[]): Promise<void> {
  if (accounts.length === 0) return;
  const known = await store.list({ ids: accounts, limit: accounts.length });
  const ids = new Set(known.map(({ id }) => id));
  const errors = accounts.flatMap((id, index) => (ids.has(id) ? [] : [noSuchAccountAt(index)]));
  if (errors.length > 0) throw new Failure("invalid-request", { detail: NO_SUCH_ACCOUNTS, errors });
}
