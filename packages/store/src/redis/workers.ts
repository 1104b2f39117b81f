import { readWorker, writeWorker } from "../records.ts";
import type { WorkerRegistry } from "../store.ts";
import { keys } from "./keys.ts";
import { type Link, nowByRedis, script } from "./link.ts";
import { asTexts } from "./replies.ts";

const both: [string, string] = [keys.workers, keys.workerExpiry];

const announce = script(`${nowByRedis}
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  redis.call('ZADD', KEYS[2], string.format('%d', now + ARGV[3]), ARGV[1])
`);

const withdraw = script(`
  redis.call('HDEL', KEYS[1], ARGV[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
`);

const live = script(`${nowByRedis}
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', string.format('%d', now))) do
    redis.call('HDEL', KEYS[1], id)
    redis.call('ZREM', KEYS[2], id)
  end
  return redis.call('HVALS', KEYS[1])
`);

export function redisWorkers(link: Link): WorkerRegistry {
  return {
    announce: async (entry, ttlMs) => {
      await link.run(announce, both, [entry.id, writeWorker(entry), String(Math.ceil(ttlMs))]);
    },
    withdraw: async (id) => {
      await link.run(withdraw, both, [id]);
    },
    live: async () => {
      const entries = asTexts(await link.run(live, both)).map(readWorker);
      return entries.sort((one, other) => (one.id < other.id ? -1 : 1));
    },
  };
}
