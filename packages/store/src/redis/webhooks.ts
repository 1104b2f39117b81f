import { Failure } from "@postern/protocol";
import type { AccountStore, WebhookStore } from "../store.ts";
import {
  KEPT_DELIVERIES,
  readCursor,
  readDelivery,
  readWebhook,
  writeCursor,
  writeDelivery,
  writeWebhook,
} from "../webhooks.ts";
import { keys } from "./keys.ts";
import { type Link, script } from "./link.ts";
import { asFields, asInteger, asText, asTexts } from "./replies.ts";

/** Values are `version body`, so that scripts compare without reading JSON. */
const create = script(`
  if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
  return 1
`);

const update = script(`
  local present = redis.call('HGET', KEYS[1], ARGV[1])
  if not present or string.match(present, '^%d+') ~= ARGV[2] then return 0 end
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
  return 1
`);

/** Arguments from the given one on: id, entry, how many are kept. */
const note = (list: string, at: number): string => `
  for place, entry in ipairs(redis.call('LRANGE', ${list}, 0, -1)) do
    if string.match(entry, '^%S+') == ARGV[${at}] then
      redis.call('LREM', ${list}, 1, entry)
      break
    end
  end
  redis.call('LPUSH', ${list}, ARGV[${at + 1}])
  redis.call('LTRIM', ${list}, 0, ARGV[${at + 2}] - 1)
`;

const putCursor = script(`
  if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
  local present = redis.call('HGET', KEYS[2], ARGV[1])
  local version = present and string.match(present, '^%d+') or '0'
  if version ~= ARGV[2] then return 0 end
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
  if #ARGV > 3 then ${note("KEYS[3]", 4)} end
  return 1
`);

const noteDelivery = script(`
  if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
  ${note("KEYS[2]", 2)}
  return 1
`);

/** Of an account that is removed. */
const drop = script(`
  for _, id in ipairs(redis.call('HKEYS', KEYS[1])) do redis.call('DEL', ARGV[1] .. id) end
  redis.call('DEL', KEYS[1], KEYS[2])
`);

export async function dropWebhooks(link: Link, account: string): Promise<void> {
  await link.run(drop, [keys.webhookCursors(account), keys.webhooks(account)], [keys.webhookDeliveries(account)]);
  await link.send(keys.webhookAccounts, "SREM", keys.webhookAccounts, account);
}

const PAGE = 100;

export function redisWebhooks(link: Link, accounts: Pick<AccountStore, "list">): WebhookStore {
  const dropCursor = async (account: string, webhook: string): Promise<void> => {
    const [cursors, deliveries] = [keys.webhookCursors(account), keys.webhookDeliveries(account) + webhook];
    await Promise.all([link.send(cursors, "HDEL", cursors, webhook), link.send(deliveries, "DEL", deliveries)]);
  };
  const dropCursorEverywhere = async (webhook: string): Promise<void> => {
    let after: string | undefined;
    do {
      const page = await accounts.list({ after, limit: PAGE });
      await Promise.all(page.map(({ id }) => dropCursor(id, webhook)));
      after = page.at(-1)?.id;
    } while (after !== undefined);
  };

  return {
    create: async (record) => {
      const { account, id, version } = record;
      const [key, value] = [keys.webhooks(account), `${version} ${writeWebhook(record)}`];
      if (account === null) {
        await link.send(key, "HSET", key, id, value);
        return;
      }
      // It lies in another slot than the webhooks: what it holds too much is found by who looks for them.
      await link.send(keys.webhookAccounts, "SADD", keys.webhookAccounts, account);
      if (asInteger(await link.run(create, [keys.account(account), key], [id, value])) === 1) return;
      throw new Failure("not-found", { detail: "The account is gone" });
    },
    get: async (account, id) => {
      const key = keys.webhooks(account);
      const value = asText(await link.send(key, "HGET", key, id));
      return value === null ? null : readWebhook(bodyOf(value));
    },
    list: async (account) => {
      const key = keys.webhooks(account);
      const records = asFields(await link.send(key, "HGETALL", key)).map(([, value]) => readWebhook(bodyOf(value)));
      return records.sort((one, other) => (one.id < other.id ? -1 : 1));
    },
    update: async (record) => {
      const { account, id, version } = record;
      const value = `${version + 1} ${writeWebhook({ ...record, version: version + 1 })}`;
      return asInteger(await link.run(update, [keys.webhooks(account)], [id, String(version), value])) === 1;
    },
    remove: async (account, id) => {
      const key = keys.webhooks(account);
      const wasThere = asInteger(await link.send(key, "HDEL", key, id)) === 1;
      await (account === null ? dropCursorEverywhere(id) : dropCursor(account, id));
      return wasThere;
    },
    accounts: async () => asTexts(await link.send(keys.webhookAccounts, "SMEMBERS", keys.webhookAccounts)).sort(),
    cursor: async (account, webhook) => {
      const key = keys.webhookCursors(account);
      const value = asText(await link.send(key, "HGET", key, webhook));
      return value === null ? null : readCursor(bodyOf(value));
    },
    putCursor: async (account, cursor, delivery) => {
      const { webhook, version } = cursor;
      const value = `${version + 1} ${writeCursor({ ...cursor, version: version + 1 })}`;
      const told = delivery ? [delivery.id, `${delivery.id} ${writeDelivery(delivery)}`, String(KEPT_DELIVERIES)] : [];
      const places: [string, string, string] = [
        keys.account(account),
        keys.webhookCursors(account),
        keys.webhookDeliveries(account) + webhook,
      ];
      return asInteger(await link.run(putCursor, places, [webhook, String(version), value, ...told])) === 1;
    },
    deliveries: async (account, webhook) => {
      const key = keys.webhookDeliveries(account) + webhook;
      return asTexts(await link.send(key, "LRANGE", key, "0", "-1")).map((entry) => readDelivery(bodyOf(entry)));
    },
    noteDelivery: async (account, webhook, delivery) => {
      const places: [string, string] = [keys.webhookCursors(account), keys.webhookDeliveries(account) + webhook];
      const entry = `${delivery.id} ${writeDelivery(delivery)}`;
      await link.run(noteDelivery, places, [webhook, delivery.id, entry, String(KEPT_DELIVERIES)]);
    },
  };
}

function bodyOf(value: string): string {
  return value.slice(value.indexOf(" ") + 1);
}
