import { unlessFenced } from "../fenced.ts";
import { readAccount, writeAccount, writeStanding } from "../records.ts";
import type { AccountRecord, AccountStore, Cache } from "../store.ts";
import { accountIndex } from "./account-index.ts";
import { fenceArgument, fenced, fenceFor } from "./fence.ts";
import { dropJobs } from "./jobs.ts";
import { keys } from "./keys.ts";
import { type Link, script } from "./link.ts";
import { asInteger, asText, asTextsOrNull } from "./replies.ts";
import { eraseUploads } from "./uploads.ts";
import { dropWebhooks } from "./webhooks.ts";

const create = script(`
  if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
  redis.call('HSET', KEYS[1], 'key', ARGV[1], 'generation', ARGV[2], 'version', ARGV[3], 'body', ARGV[4], 'standing', ARGV[5])
  return 1
`);

const update = script(`
  if redis.call('HGET', KEYS[1], 'version') ~= ARGV[1] then return 0 end
  redis.call('HINCRBY', KEYS[1], 'version', 1)
  redis.call('HSET', KEYS[1], 'generation', ARGV[2], 'body', ARGV[3], 'standing', ARGV[4])
  return 1
`);

const setState = script(`${fenceFor(2)}
  if redis.call('HGET', KEYS[1], 'generation') ~= ARGV[2] then return 0 end
  redis.call('HINCRBY', KEYS[1], 'version', 1)
  redis.call('HSET', KEYS[1], 'standing', ARGV[3])
  return 1
`);

/** All that is kept of an account goes together, so that one made later under the same id inherits nothing. */
const remove = script(`
  local key = redis.call('HGET', KEYS[1], 'key')
  redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12])
  if redis.call('DEL', KEYS[4]) == 1 then
    for start = 0, 4095 do redis.call('DEL', KEYS[5] .. string.format('%03x', start)) end
  end
  for bucket = 0, 1023 do
    redis.call('DEL', KEYS[13] .. 'of:' .. string.format('%d', bucket), KEYS[13] .. 'by:' .. string.format('%d', bucket))
  end
  return key
`);

const release = script(`
  if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
  return 0
`);

export function redisAccounts(link: Link, cache: Cache): AccountStore {
  const index = accountIndex(link);

  const get = async (id: string): Promise<AccountRecord | null> => {
    const account = keys.account(id);
    return read(
      id,
      asTextsOrNull(await link.send(account, "HMGET", account, "key", "generation", "version", "body", "standing")),
    );
  };
  const releaseKey = (key: number, id: string): Promise<unknown> => link.run(release, [keys.accountOfKey(key)], [id]);

  return {
    get,
    create: async (record) => {
      const { id, key, generation, version, body, standing } = writeAccount(record);
      const claim = keys.accountOfKey(key);
      // The key is claimed first: the account never exists without it, and a claim left over is of no account.
      if (asText(await link.send(claim, "SET", claim, id, "NX")) === null) return false;
      await index.add(id);
      const args = [String(key), String(generation), String(version), body, standing];
      if (asInteger(await link.run(create, [keys.account(id)], args)) === 0) {
        await releaseKey(key, id);
        return false;
      }
      await index.add(id);
      return true;
    },
    idOfKey: async (key) => {
      const claim = keys.accountOfKey(key);
      const id = asText(await link.send(claim, "GET", claim));
      if (id === null) return null;
      const account = keys.account(id);
      return asText(await link.send(account, "HGET", account, "key")) === String(key) ? id : null;
    },
    list: (query) => index.list(query, get),
    update: async (record) => {
      const { id, generation, version, body, standing } = writeAccount(record);
      const args = [String(version), String(generation), body, standing];
      return asInteger(await link.run(update, [keys.account(id)], args)) === 1;
    },
    setState: async (id, generation, state, detail, at, epoch) => {
      const standing = writeStanding({ state, stateDetail: detail, stateAt: at });
      const args = [fenceArgument(epoch), String(generation), standing];
      await unlessFenced(fenced(link.run(setState, [keys.account(id), keys.lease(id)], args)));
    },
    remove: async (id) => {
      const kept = [keys.mailboxes(id), keys.lease(id), keys.threads(id), keys.threadLinks(id)];
      const log = [keys.logEnd(id), keys.log(id), keys.seenHeads(id), keys.seenRows(id)];
      const places = [keys.moves(id), keys.arrivals(id), keys.travelled(id), keys.evidence(id)];
      await eraseUploads(link, id);
      const key = asText(await link.run(remove, [keys.account(id), ...kept, ...log, ...places]));
      await dropJobs(link, id);
      await dropWebhooks(link, id);
      // Also when it was gone already: an earlier removal may have been cut off here.
      if (key !== null) await releaseKey(Number(key), id);
      await index.forget(id);
      await cache.dropAccount(id);
      return key !== null;
    },
  };
}

function read(id: string, fields: (string | null)[]): AccountRecord | null {
  const [key, generation, version, body, standing] = fields;
  if (body == null || standing == null) return null;
  return readAccount({
    id,
    key: Number(key),
    generation: Number(generation),
    version: Number(version),
    body,
    standing,
  });
}
