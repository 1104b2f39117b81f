import { Failure } from "@postern/protocol";
import { readWorker, writeWorker } from "../records.ts";
import type { Claim, LeaseStore, WorkerEntry } from "../store.ts";
import { keys } from "./keys.ts";
import { type Link, nowByRedis, script } from "./link.ts";
import { asInteger, asText, asTextsOrNull } from "./replies.ts";

/**
 * A lease lies with its account, the holders with the workers: in a cluster these are two slots. What is read of one is
 * compared when the other is written: a lease is taken from a holder only by its name, and a holder that was seen to be
 * over is taken out and never comes back.
 */
const holders: [string, string] = [keys.holders, keys.holderExpiry];

const begin = script(`${nowByRedis}
  if ARGV[4] == 'alone' then redis.call('DEL', KEYS[1], KEYS[2]) end
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  redis.call('ZADD', KEYS[2], string.format('%d', now + ARGV[3]), ARGV[1])
`);

/** Takes out a few others whose time is over, lest those that nobody asks for stay for ever. */
const renew = script(`${nowByRedis}
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', string.format('%d', now), 'LIMIT', 0, 100)) do
    redis.call('HDEL', KEYS[1], id)
    redis.call('ZREM', KEYS[2], id)
  end
  if not redis.call('ZSCORE', KEYS[2], ARGV[1]) then return 0 end
  redis.call('ZADD', KEYS[2], string.format('%d', now + ARGV[2]), ARGV[1])
  return 1
`);

const end = script(`
  redis.call('HDEL', KEYS[1], ARGV[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
`);

/** The worker of a holder, or nothing where its time is over: from then on it is. */
const standing = script(`${nowByRedis}
  local score = redis.call('ZSCORE', KEYS[2], ARGV[1])
  if score and tonumber(score) > now then return redis.call('HGET', KEYS[1], ARGV[1]) end
  redis.call('HDEL', KEYS[1], ARGV[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
  return false
`);

/** Takes it where it is nobody's or the second's. An account that was removed and made anew does not begin again at 1. */
const take = script(`${nowByRedis}
  if redis.call('EXISTS', KEYS[1]) == 0 then return {'gone'} end
  local holder = redis.call('HGET', KEYS[2], 'holder')
  local epoch = redis.call('HGET', KEYS[2], 'epoch')
  if holder == ARGV[1] then return {'held', epoch} end
  if holder and holder ~= ARGV[2] then return {'other', holder} end
  epoch = string.format('%d', math.max(tonumber(epoch or '0') + 1, now))
  redis.call('HSET', KEYS[2], 'holder', ARGV[1], 'epoch', epoch)
  return {'held', epoch}
`);

const release = script(`
  if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] then return 0 end
  redis.call('HDEL', KEYS[1], 'holder')
  return redis.call('HINCRBY', KEYS[1], 'epoch', 1)
`);

/** Leases change hands rarely: whoever finds another one each time is in trouble of another kind. */
const ATTEMPTS = 5;

export function redisLeases(link: Link): LeaseStore {
  const workerOf = async (holderId: string): Promise<WorkerEntry | null> => {
    const worker = asText(await link.run(standing, holders, [holderId]));
    return worker === null ? null : readWorker(worker);
  };

  const claim = async (accountId: string, holderId: string): Promise<Claim> => {
    let over = "";
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const keysOfIt: [string, string] = [keys.account(accountId), keys.lease(accountId)];
      const [outcome, value = null] = asTextsOrNull(await link.run(take, keysOfIt, [holderId, over]));
      if (outcome === "gone") throw new Failure("not-found", { detail: "There is no such account." });
      if (outcome === "held") return { held: true, epoch: Number(value) };
      const owner = await workerOf(value ?? "");
      if (owner) return { held: false, owner };
      over = value ?? "";
    }
    throw new Failure("unavailable", { detail: "The account keeps changing hands.", retryAfter: 1 });
  };

  return {
    begin: async ({ id, worker }, ttlMs, alone = false) => {
      await link.run(begin, holders, [id, writeWorker(worker), String(Math.ceil(ttlMs)), alone ? "alone" : ""]);
    },
    renew: async (holderId, ttlMs) =>
      asInteger(await link.run(renew, holders, [holderId, String(Math.ceil(ttlMs))])) === 1,
    end: async (holderId) => {
      await link.run(end, holders, [holderId]);
    },
    claim,
    release: async (accountId, holderId) => {
      await link.run(release, [keys.lease(accountId)], [holderId]);
    },
    ownerOf: async (accountId) => {
      const lease = keys.lease(accountId);
      const [holder = null, epoch = null] = asTextsOrNull(await link.send(lease, "HMGET", lease, "holder", "epoch"));
      const owner = holder === null ? null : await workerOf(holder);
      return owner && { owner, epoch: Number(epoch) };
    },
  };
}
