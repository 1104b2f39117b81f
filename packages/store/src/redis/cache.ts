import type { Cache } from "../store.ts";
import type { Argument } from "./client.ts";
import { keys } from "./keys.ts";
import { type Link, script } from "./link.ts";
import { asBuffersOrNull, asTexts } from "./replies.ts";

type Entry = readonly [key: string, value: Uint8Array];

/** A script holds up everybody while it runs, so much is written in several. */
const BATCH_ENTRIES = 200;
const BATCH_BYTES = 2 ** 20;
const DROP_BATCH = 500;

/** The index lives as long as the longest-lived entry in it. */
const put = script(`
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local ttl = tonumber(ARGV[1])
  local expiry = string.format('%d', now + ttl)
  for at = 2, #KEYS do
    redis.call('SET', KEYS[at], ARGV[at], 'PX', ARGV[1])
    redis.call('ZADD', KEYS[1], expiry, KEYS[at])
  end
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%d', now))
  if redis.call('PTTL', KEYS[1]) < ttl then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
`);

const drop = script(`
  for at = 2, #KEYS do
    redis.call('UNLINK', KEYS[at])
    redis.call('ZREM', KEYS[1], KEYS[at])
  end
`);

/** Throws as its storage does: `degrade` makes it the cache of the port. */
export function redisCache(link: Link): Cache {
  return {
    getMany: async (accountId, wanted) => {
      // Two keys that are not well-formed Unicode could be the same once they are UTF-8.
      const sound = wanted.filter((key) => key.isWellFormed()).map((key) => keys.cached(accountId, key));
      const [first] = sound;
      if (first === undefined) return wanted.map(() => null);
      const found = asBuffersOrNull(await link.sendBinary(first, "MGET", ...sound)).values();
      return wanted.map((key) => (key.isWellFormed() ? (found.next().value ?? null) : null));
    },
    setMany: async (accountId, entries, ttlSeconds) => {
      if (!(ttlSeconds > 0)) return;
      const ttl = String(Math.ceil(ttlSeconds * 1000));
      const sound = entries.filter(([key]) => key.isWellFormed());
      for (const batch of batches(sound)) {
        const names = batch.map(([key]) => keys.cached(accountId, key));
        const values: Argument[] = batch.map(([, value]) => asBuffer(value));
        await link.run(put, [keys.cacheIndex(accountId), ...names], [ttl, ...values]);
      }
    },
    dropAccount: async (accountId) => {
      const index = keys.cacheIndex(accountId);
      for (;;) {
        const names = asTexts(await link.send(index, "ZRANGE", index, "0", String(DROP_BATCH - 1)));
        if (names.length === 0) return;
        await link.run(drop, [index, ...names]);
      }
    },
  };
}

function* batches(entries: readonly Entry[]): Generator<Entry[]> {
  let batch: Entry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    if (batch.length > 0 && (batch.length >= BATCH_ENTRIES || bytes + entry[1].length > BATCH_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(entry);
    bytes += entry[1].length;
  }
  if (batch.length > 0) yield batch;
}

function asBuffer(value: Uint8Array): Buffer {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
