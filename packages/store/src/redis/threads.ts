import { Failure } from "@postern/protocol";
import type { ThreadStore, ThreadWish } from "../store.ts";
import { MOST_SEEDS, readSeeds } from "../threads.ts";
import { keys } from "./keys.ts";
import { type Link, script } from "./link.ts";
import { asIntegers, asTextsOrNull } from "./replies.ts";

/**
 * `threads`: a hash of `highest` and, for each thread, `J` + number (the one that it is part of), `S` + number (its seeds as
 * JSON) and, of one that others are part of, `P` + number (their numbers as JSON). `links`: small hashes, one for each of
 * 4,096 beginnings, which Redis packs tightly.
 * KEYS: the account, its threads, what the names of its links begin with. Each argument is a wish as JSON.
 */
const assign = script(`
  if redis.call('EXISTS', KEYS[1]) == 0 then return {-1} end
  local threads = KEYS[2]
  local function bucket(link) return KEYS[3] .. string.sub(link, 1, 3), string.sub(link, 4) end
  local function threadOf(link)
    local key, field = bucket(link)
    return tonumber(redis.call('HGET', key, field))
  end
  local function put(link, thread)
    local key, field = bucket(link)
    redis.call('HSETNX', key, field, string.format('%d', thread))
  end
  local function field(letter, thread) return letter .. string.format('%d', thread) end
  local function rootOf(thread) return tonumber(redis.call('HGET', threads, field('J', thread))) or thread end
  local function partsOf(root) return cjson.decode(redis.call('HGET', threads, field('P', root)) or '[]') end
  local function join(found)
    local root = rootOf(found[1])
    for _, thread in ipairs(found) do root = math.min(root, rootOf(thread)) end
    local parts = partsOf(root)
    local grown = false
    for _, thread in ipairs(found) do
      local other = rootOf(thread)
      if other ~= root then
        grown = true
        local moved = partsOf(other)
        table.insert(moved, other)
        for _, part in ipairs(moved) do
          redis.call('HSET', threads, field('J', part), string.format('%d', root))
          table.insert(parts, part)
        end
        redis.call('HDEL', threads, field('P', other))
      end
    end
    if grown then redis.call('HSET', threads, field('P', root), cjson.encode(parts)) end
    return root
  end
  local function known(links, most)
    local found, seen = {}, {}
    for _, link in ipairs(links) do
      local thread = threadOf(link)
      if thread and not seen[thread] and #found < most then
        seen[thread] = true
        table.insert(found, thread)
      end
    end
    return found
  end
  local result = {}
  for at = 1, #ARGV do
    local wish = cjson.decode(ARGV[at])
    local own = threadOf(wish.self)
    local links = wish.links
    table.insert(links, 1, wish.self)
    local found = known(links, 100000)
    if #found == 0 then found = known(wish.weak, 1) end
    local root = #found > 0 and join(found) or nil
    local thread = own or root
    if not thread then
      thread = redis.call('HINCRBY', threads, 'highest', 1)
      redis.call('HSET', threads, field('J', thread), string.format('%d', thread), field('S', thread), wish.seeds)
    else
      local seeds = cjson.decode(redis.call('HGET', threads, field('S', thread)) or '[]')
      local has = {}
      for _, seed in ipairs(seeds) do has[seed] = true end
      local more = cjson.decode(wish.seeds)
      local isKnown = false
      for _, seed in ipairs(more) do isKnown = isKnown or has[seed] end
      if #more > 0 and not isKnown and #seeds < ${MOST_SEEDS} then
        table.insert(seeds, more[1])
        redis.call('HSET', threads, field('S', thread), cjson.encode(seeds))
      end
    end
    put(wish.self, thread)
    for _, link in ipairs(wish.keep) do put(link, thread) end
    for _, link in ipairs(wish.weakKeep) do put(link, thread) end
    table.insert(result, thread)
  end
  return result
`);

const find = script(`
  local root = redis.call('HGET', KEYS[1], 'J' .. ARGV[1])
  if not root then return {} end
  local threads = cjson.decode(redis.call('HGET', KEYS[1], 'P' .. root) or '[]')
  table.insert(threads, tonumber(root))
  local result = {}
  for _, thread in ipairs(threads) do
    local number = string.format('%d', thread)
    table.insert(result, number)
    table.insert(result, redis.call('HGET', KEYS[1], 'S' .. number) or '[]')
  end
  return result
`);

/** So many at once, lest others wait for long. */
const AT_ONCE = 25;

export function redisThreads(link: Link): ThreadStore {
  const settled = async (accountId: string, wishes: readonly ThreadWish[]): Promise<(number | null)[]> => {
    const found = wishes.map(async ({ self }) => {
      const [bucket, field] = keys.threadLink(accountId, self);
      return asTextsOrNull(await link.send(bucket, "HMGET", bucket, field))[0] ?? null;
    });
    return (await Promise.all(found)).map((text) => (text === null ? null : Number(text)));
  };

  return {
    assign: async (accountId, wishes) => {
      const threads = await settled(accountId, wishes);
      const missing = wishes.flatMap((wish, index) => (threads[index] === null ? [{ wish, index }] : []));
      for (let at = 0; at < missing.length; at += AT_ONCE) {
        const some = missing.slice(at, at + AT_ONCE);
        const args = some.map(({ wish }) => JSON.stringify({ ...wish, seeds: JSON.stringify(wish.seeds) }));
        const scope: [string, ...string[]] = [
          keys.account(accountId),
          keys.threads(accountId),
          keys.threadLinks(accountId),
        ];
        const given = asIntegers(await link.run(assign, scope, args));
        if (given[0] === -1) throw new Failure("not-found", { detail: "The account is gone" });
        for (const [place, { index }] of some.entries()) threads[index] = given[place] ?? null;
      }
      return threads.map((thread) => thread ?? 0);
    },
    find: async (accountId, thread) => {
      const reply = asTextsOrNull(await link.run(find, [keys.threads(accountId)], [String(thread)]));
      if (reply.length === 0) return null;
      const numbers = reply.flatMap((each, index) => (index % 2 === 0 ? [Number(each)] : []));
      const seeds = reply.flatMap((each, index) => (index % 2 === 1 ? readSeeds(each ?? "[]") : []));
      return { threads: numbers.sort((one, other) => one - other), seeds: [...new Set(seeds)] };
    },
  };
}
