import { readIdempotency, writeIdempotency } from "../idempotency.ts";
import type { IdempotencyStore } from "../store.ts";
import { keys } from "./keys.ts";
import { type Link, nowByRedis, script } from "./link.ts";
import { asInteger, asText } from "./replies.ts";

/** Records and their versions, and until when they are kept. Durable keys have no time to live: they are swept out here. */
const both: [string, string] = [keys.idempotency, keys.idempotencyExpiry];

const begin = script(`${nowByRedis}
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', string.format('%d', now), 'LIMIT', 0, 100)) do
    redis.call('HDEL', KEYS[1], 'v ' .. id, 'r ' .. id)
    redis.call('ZREM', KEYS[2], id)
  end
  local until_ = redis.call('ZSCORE', KEYS[2], ARGV[1])
  if until_ and tonumber(until_) > now then return redis.call('HGET', KEYS[1], 'r ' .. ARGV[1]) end
  redis.call('HSET', KEYS[1], 'v ' .. ARGV[1], ARGV[2], 'r ' .. ARGV[1], ARGV[3])
  redis.call('ZADD', KEYS[2], string.format('%d', now + ARGV[4]), ARGV[1])
  return false
`);

const update = script(`${nowByRedis}
  if redis.call('HGET', KEYS[1], 'v ' .. ARGV[1]) ~= ARGV[2] then return 0 end
  redis.call('HSET', KEYS[1], 'v ' .. ARGV[1], ARGV[3], 'r ' .. ARGV[1], ARGV[4])
  redis.call('ZADD', KEYS[2], string.format('%d', now + ARGV[5]), ARGV[1])
  return 1
`);

const remove = script(`
  if redis.call('HGET', KEYS[1], 'v ' .. ARGV[1]) ~= ARGV[2] then return 0 end
  redis.call('HDEL', KEYS[1], 'v ' .. ARGV[1], 'r ' .. ARGV[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
  return 1
`);

export function redisIdempotency(link: Link): IdempotencyStore {
  const named = (actor: string, key: string): string => JSON.stringify([actor, key]);
  return {
    begin: async (actor, key, record, ttlMs) => {
      const args = [named(actor, key), String(record.version), writeIdempotency(record), String(ttlMs)];
      const known = asText(await link.run(begin, both, args));
      return known === null ? null : readIdempotency(known);
    },
    update: async (actor, key, record, ttlMs) => {
      const next = record.version + 1;
      const body = writeIdempotency({ ...record, version: next });
      const args = [named(actor, key), String(record.version), String(next), body, String(ttlMs)];
      return asInteger(await link.run(update, both, args)) === 1;
    },
    remove: async (actor, key, version) => {
      await link.run(remove, both, [named(actor, key), String(version)]);
    },
  };
}
