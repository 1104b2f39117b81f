import type { AccountRecord, AccountStore } from "../store.ts";
import { keys } from "./keys.ts";
import type { Link } from "./link.ts";
import { asInteger, asTexts } from "./replies.ts";

export interface AccountIndex {
  add(id: string): Promise<void>;
  forget(id: string): Promise<void>;
  list: (
    query: Parameters<AccountStore["list"]>[0],
    get: (id: string) => Promise<AccountRecord | null>,
  ) => Promise<AccountRecord[]>;
}

/** Accounts read at once; their reads share a round trip. */
const BATCH = 100;

/**
 * The ids of all accounts, in order: a sorted set of equal scores. It lies in another slot than the accounts, so it is
 * not written together with them. It holds every account's id all the same: who makes an account adds the id before and
 * after, and who takes an id out looks afterwards whether there is an account again. What it holds too much is found
 * and taken out by the next list.
 */
export function accountIndex(link: Link): AccountIndex {
  const add = async (id: string): Promise<void> => {
    await link.send(keys.accountIndex, "ZADD", keys.accountIndex, "0", id);
  };
  const forget = async (id: string): Promise<void> => {
    await link.send(keys.accountIndex, "ZREM", keys.accountIndex, id);
    const account = keys.account(id);
    if (asInteger(await link.send(account, "EXISTS", account)) === 1) await add(id);
  };
  const idsAfter = async (after: string | undefined, count: number): Promise<string[]> => {
    const from = after === undefined ? "-" : `(${after}`;
    const range = ["ZRANGEBYLEX", keys.accountIndex, from, "+", "LIMIT", "0", String(count)];
    return asTexts(await link.send(keys.accountIndex, ...range));
  };

  return {
    add,
    forget,
    list: async ({ ids, after, limit }, get) => {
      const next = ids ? fromList(ids) : idsAfter;
      const found: AccountRecord[] = [];
      let from = after;
      while (found.length < limit) {
        const batch = await next(from, Math.min(BATCH, limit - found.length));
        from = batch.at(-1);
        if (from === undefined) break;
        const records = await Promise.all(batch.map(get));
        found.push(...records.filter((record) => record !== null));
        if (!ids) await Promise.all(batch.filter((_, place) => records[place] === null).map(forget));
      }
      return found;
    },
  };
}

/** The same order as Redis has: by the octets of UTF-8. */
function fromList(ids: readonly string[]): (after: string | undefined, count: number) => Promise<string[]> {
  const ordered = [...new Set(ids)].sort(byOctets);
  return async (after, count) => ordered.filter((id) => after === undefined || byOctets(id, after) > 0).slice(0, count);
}

function byOctets(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}
