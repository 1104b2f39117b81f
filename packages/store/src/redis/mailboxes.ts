import { Failure } from "@postern/protocol";
import { readMailbox, writeMailbox } from "../records.ts";
import type { MailboxStore } from "../store.ts";
import { fenceArgument, fenced, fenceFor } from "./fence.ts";
import { keys } from "./keys.ts";
import { type Link, script } from "./link.ts";
import { asFields, asIntegers } from "./replies.ts";

/**
 * One hash an account: `version`, `highest` (the highest key ever given) and the records under their keys.
 * Arguments: the epoch or nothing, the version to compare, how many to add, their bodies, then key and body of each to update.
 */
const apply = script(`${fenceFor(3)}
  if redis.call('EXISTS', KEYS[1]) == 0 then return {-1} end
  local version = tonumber(redis.call('HGET', KEYS[2], 'version') or '0')
  if version ~= tonumber(ARGV[2]) then return {0} end
  local added = tonumber(ARGV[3])
  for at = added + 4, #ARGV, 2 do
    if redis.call('HEXISTS', KEYS[2], ARGV[at]) == 0 then return {-2} end
  end
  local highest = tonumber(redis.call('HGET', KEYS[2], 'highest') or '0')
  for at = 1, added do redis.call('HSET', KEYS[2], string.format('%d', highest + at), ARGV[at + 3]) end
  for at = added + 4, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[at], ARGV[at + 1]) end
  redis.call('HSET', KEYS[2], 'version', string.format('%d', version + 1), 'highest', string.format('%d', highest + added))
  return {1, highest}
`);

export function redisMailboxes(link: Link): MailboxStore {
  return {
    list: async (accountId) => {
      const hash = keys.mailboxes(accountId);
      const fields = new Map(asFields(await link.send(hash, "HGETALL", hash)));
      const version = Number(fields.get("version") ?? 0);
      fields.delete("version");
      fields.delete("highest");
      const records = [...fields].map(([key, body]) => readMailbox(Number(key), body));
      return { version, records: records.sort((one, other) => one.key - other.key) };
    },
    apply: async (accountId, version, { add, update }, epoch) => {
      const updates = update.flatMap((record) => [String(record.key), writeMailbox(record)]);
      const args = [fenceArgument(epoch), String(version), String(add.length), ...add.map(writeMailbox), ...updates];
      const reply = await fenced(
        link.run(apply, [keys.account(accountId), keys.mailboxes(accountId), keys.lease(accountId)], args),
      );
      const [outcome, highest = 0] = asIntegers(reply);
      if (outcome === -1) throw new Failure("not-found", { detail: "The account is gone" });
      if (outcome === -2) throw new RangeError("an update names a mailbox key that was never given");
      if (outcome === 0) return null;
      return { version: version + 1, added: add.map((record, place) => ({ ...record, key: highest + 1 + place })) };
    },
  };
}
