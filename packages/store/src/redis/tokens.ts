import { hasExpired, readToken, withoutAccount, writeToken } from "../records.ts";
import type { TokenRecord, TokenStore } from "../store.ts";
import { keys } from "./keys.ts";
import { type Link, script } from "./link.ts";
import { asInteger, asText, asTexts, asTextsOrNull } from "./replies.ts";

/** Records, the order of their ids, and when they expire; always written together. */
const all: [string, string, string] = [keys.tokens, keys.tokenIndex, keys.tokenExpiry];

/** Sweeps out a few that have expired at the same time. */
const create = script(`
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[4], 'LIMIT', 0, 100)) do
    redis.call('HDEL', KEYS[1], id)
    redis.call('ZREM', KEYS[2], id)
    redis.call('ZREM', KEYS[3], id)
  end
  if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
  redis.call('ZADD', KEYS[2], 0, ARGV[1])
  if ARGV[3] ~= '' then redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1]) end
  return 1
`);

const remove = script(`
  local expiry = redis.call('ZSCORE', KEYS[3], ARGV[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('ZREM', KEYS[3], ARGV[1])
  local removed = redis.call('HDEL', KEYS[1], ARGV[1])
  if expiry and tonumber(expiry) <= tonumber(ARGV[2]) then return 0 end
  return removed
`);

/** Only while it is as it was read. */
const replace = script(`
  if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
  return 1
`);

const BATCH = 200;

export function redisTokens(link: Link): TokenStore {
  const idsAfter = async (after: string | undefined, count: number): Promise<string[]> => {
    const from = after === undefined ? "-" : `(${after}`;
    const range = ["ZRANGEBYLEX", keys.tokenIndex, from, "+", "LIMIT", "0", String(count)];
    return asTexts(await link.send(keys.tokenIndex, ...range));
  };
  const textOf = async (id: string): Promise<string | null> =>
    asText(await link.send(keys.tokens, "HGET", keys.tokens, id));
  const take = (id: string): Promise<unknown> => link.run(remove, all, [id, String(Date.now())]);

  /** Others may take other accounts out of the same token: then it is read again. */
  const unbind = async (id: string, accountId: string): Promise<void> => {
    for (let text = await textOf(id); text !== null; text = await textOf(id)) {
      const record = readToken(text);
      if (!record.accounts?.includes(accountId)) return;
      const left = withoutAccount(record, accountId);
      if (!left) return void (await take(id));
      if (asInteger(await link.run(replace, [keys.tokens], [id, text, writeToken(left)])) === 1) return;
    }
  };

  return {
    create: async (record) => {
      const expiresAt = record.expiresAt === null ? "" : String(record.expiresAt);
      const args = [record.id, writeToken(record), expiresAt, String(Date.now())];
      if (asInteger(await link.run(create, all, args)) === 0) throw new RangeError("the token's id is taken");
    },
    get: async (id) => {
      const text = await textOf(id);
      return text === null ? null : unlessExpired(text);
    },
    list: async ({ after, limit }) => {
      const found: TokenRecord[] = [];
      let from = after;
      while (found.length < limit) {
        const ids = await idsAfter(from, Math.min(BATCH, limit - found.length));
        from = ids.at(-1);
        if (from === undefined) break;
        const texts = asTextsOrNull(await link.send(keys.tokens, "HMGET", keys.tokens, ...ids));
        found.push(...texts.flatMap((text) => (text === null ? [] : (unlessExpired(text) ?? []))));
      }
      return found;
    },
    remove: async (id) => asInteger(await take(id)) === 1,
    forgetAccount: async (accountId) => {
      for (let ids = await idsAfter(undefined, BATCH); ids.length > 0; ids = await idsAfter(ids.at(-1), BATCH)) {
        const texts = asTextsOrNull(await link.send(keys.tokens, "HMGET", keys.tokens, ...ids));
        const bound = ids.filter((_, place) => isBound(texts[place] ?? null, accountId));
        for (const id of bound) await unbind(id, accountId);
      }
    },
  };
}

function unlessExpired(text: string): TokenRecord | null {
  const record = readToken(text);
  return hasExpired(record, Date.now()) ? null : record;
}

function isBound(text: string | null, accountId: string): boolean {
  return text !== null && readToken(text).accounts?.includes(accountId) === true;
}
