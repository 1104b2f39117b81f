import { Failure } from "@postern/protocol";
import * as z from "zod";
import { JOB_KEPT_MS, readJob, writeJob } from "../jobs.ts";
import type { JobStore } from "../store.ts";
import { keys } from "./keys.ts";
import { type Link, script } from "./link.ts";
import { asInteger, asText, asTexts, asTextsOrNull } from "./replies.ts";

/**
 * One hash a job: `version`, `head`, `parts`, and each part and its result under their numbers. A sorted set has an account's
 * jobs by the time until which they are kept. Arguments: what names of jobs' hashes begin with, id, now, until, version,
 * head, then the parts.
 */
const create = script(`
  if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[3], 'LIMIT', 0, 100)) do
    redis.call('DEL', ARGV[1] .. id)
    redis.call('ZREM', KEYS[2], id)
  end
  redis.call('ZADD', KEYS[2], ARGV[4], ARGV[2])
  redis.call('HSET', KEYS[3], 'version', ARGV[5], 'head', ARGV[6], 'parts', #ARGV - 6)
  for at = 7, #ARGV do redis.call('HSET', KEYS[3], string.format('part:%d', at - 7), ARGV[at]) end
  return 1
`);

const update = script(`
  if redis.call('HGET', KEYS[2], 'version') ~= ARGV[2] then return 0 end
  redis.call('HSET', KEYS[2], 'version', ARGV[3], 'head', ARGV[4])
  redis.call('ZADD', KEYS[1], ARGV[5], ARGV[1])
  if #ARGV > 5 then redis.call('HSET', KEYS[2], 'result:' .. ARGV[6], ARGV[7]) end
  return 1
`);

/** Of an account that is removed. */
const drop = script(`
  for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do redis.call('DEL', ARGV[1] .. id) end
  redis.call('DEL', KEYS[1])
`);

export async function dropJobs(link: Link, accountId: string): Promise<void> {
  await link.run(drop, [keys.jobs(accountId)], [keys.jobPrefix(accountId)]);
}

const named = z.tuple([z.string(), z.string()]);

export function redisJobs(link: Link): JobStore {
  const jobKey = (accountId: string, id: string): string => keys.jobPrefix(accountId) + id;
  const entry = (accountId: string, id: string): string => JSON.stringify([accountId, id]);
  // It lies in another slot than the jobs: what it holds too much is found by who looks for the job.
  const note = async (command: "SADD" | "SREM", accountId: string, id: string): Promise<void> => {
    await link.send(keys.openJobs, command, keys.openJobs, entry(accountId, id));
  };

  return {
    create: async (accountId, record, parts) => {
      await note("SADD", accountId, record.id);
      const until = String(record.updatedAt + JOB_KEPT_MS);
      const head = [record.id, String(Date.now()), until, String(record.version), writeJob(record)];
      const into: [string, string, string] = [
        keys.account(accountId),
        keys.jobs(accountId),
        jobKey(accountId, record.id),
      ];
      const made = asInteger(await link.run(create, into, [keys.jobPrefix(accountId), ...head, ...parts]));
      if (made === 1) return;
      await note("SREM", accountId, record.id);
      throw new Failure("not-found", { detail: "The account is gone" });
    },
    get: async (accountId, id) => {
      const key = jobKey(accountId, id);
      const head = asText(await link.send(key, "HGET", key, "head"));
      if (head === null) await note("SREM", accountId, id);
      return head === null ? null : readJob(head);
    },
    part: async (accountId, id, number) => {
      const key = jobKey(accountId, id);
      return asText(await link.send(key, "HGET", key, `part:${number}`));
    },
    results: async (accountId, id) => {
      const key = jobKey(accountId, id);
      const parts = Number(asText(await link.send(key, "HGET", key, "parts")) ?? 0);
      if (parts === 0) return [];
      const fields = Array.from({ length: parts }, (_, number) => `result:${number}`);
      const texts = asTextsOrNull(await link.send(key, "HMGET", key, ...fields));
      return texts.filter((text) => text !== null);
    },
    update: async (accountId, record, result) => {
      const { id, version, updatedAt, state } = record;
      const next = { ...record, version: version + 1 };
      const args = [id, String(version), String(version + 1), writeJob(next), String(updatedAt + JOB_KEPT_MS)];
      const told = result ? [String(result.part), result.text] : [];
      const where: [string, string] = [keys.jobs(accountId), jobKey(accountId, id)];
      const isWritten = asInteger(await link.run(update, where, [...args, ...told])) === 1;
      if (isWritten && state !== "running") await note("SREM", accountId, id);
      return isWritten;
    },
    open: async () => {
      const entries = asTexts(await link.send(keys.openJobs, "SMEMBERS", keys.openJobs));
      return entries
        .sort()
        .map((text) => named.parse(JSON.parse(text)))
        .map(([account, id]) => ({ account, id }));
    },
  };
}
