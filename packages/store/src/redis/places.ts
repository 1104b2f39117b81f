import { crc32 } from "node:zlib";
import { Failure } from "@postern/protocol";
import { readEpoch, readPlace, writeEpoch, writePlace } from "../places.ts";
import type { Evidence, MessagePlace, PlacesOwner, PlaceStore } from "../store.ts";
import { keys } from "./keys.ts";
import { type Link, type Script, script } from "./link.ts";
import { asText, asTexts, asTextsOrNull } from "./replies.ts";

/**
 * Keys: the account's record, moves, arrivals, travelled. Arguments: the account's key, then what each script says.
 * Both give births in the order of their arguments, or nothing where the account is gone.
 */

/** `from`, `to` and their mailboxes, for each move. What came to `from` by a move goes on; what did not was born there. */
const move = script(`
  if redis.call('HGET', KEYS[1], 'key') ~= ARGV[1] then return nil end
  local births = {}
  for at = 2, #ARGV, 4 do
    local from, to = ARGV[at], ARGV[at + 1]
    local birth = redis.call('HGET', KEYS[3], from)
    if birth or redis.call('HEXISTS', KEYS[3], to) == 0 then
      local left = redis.call('HGET', KEYS[2], birth or from)
      if left then redis.call('HDEL', KEYS[3], left) end
      redis.call('HSET', KEYS[2], birth or from, to)
      redis.call('HSET', KEYS[3], to, birth or from)
    end
    redis.call('SADD', KEYS[4], 'from ' .. ARGV[at + 2], 'to ' .. ARGV[at + 3])
    table.insert(births, birth or from)
  end
  return births
`);

/**
 * Evidence lies in many small hashes, which Redis packs tightly: `of:N` from birth to handle and, after a space, the count
 * at which the message was seen last, if any; `by:N` from handle to births.
 * A hash that is full loses what it has had for the longest.
 */
const BUCKETS = 1_024;
const evidence = `
  local function make_room(hash, field)
    if redis.call('HLEN', hash) >= 128 and redis.call('HEXISTS', hash, field) == 0 then
      redis.call('HDEL', hash, redis.call('HKEYS', hash)[1])
    end
  end
  local function births_by(hash, handle) return redis.call('HGET', hash, handle) or '' end
  local function note(of, by, birth, handle)
    make_room(of, birth)
    local before = redis.call('HGET', of, birth)
    if not before or string.match(before, '^%S+') ~= handle then redis.call('HSET', of, birth, handle) end
    local births = { birth }
    for other in string.gmatch(births_by(by, handle), '%S+') do
      if other ~= birth and #births < 4 then table.insert(births, other) end
    end
    make_room(by, handle)
    redis.call('HSET', by, handle, table.concat(births, ' '))
  end
`;

/** Keys: the record, then `of` and `by` for each. Arguments: the account's key, whether to note anyway, birth and handle for each. */
const show = script(`${evidence}
  if redis.call('HGET', KEYS[1], 'key') ~= ARGV[1] then return nil end
  local rivals = {}
  for at = 1, (#KEYS - 1) / 2 do
    local of, by, birth, handle = KEYS[2 * at], KEYS[2 * at + 1], ARGV[2 * at + 1], ARGV[2 * at + 2]
    local others = ''
    if redis.call('HEXISTS', of, birth) == 0 then
      others = births_by(by, handle)
      if others == '' or ARGV[2] == 'note' then note(of, by, birth, handle) end
    end
    rivals[at] = others
  end
  return rivals
`);

/** Keys: the record, then `of` and `by` for each. Arguments: the account's key, birth and handle for each. */
const forgetEvidence = script(`${evidence}
  if redis.call('HGET', KEYS[1], 'key') ~= ARGV[1] then return nil end
  for at = 1, (#KEYS - 1) / 2 do
    local of, by, birth, handle = KEYS[2 * at], KEYS[2 * at + 1], ARGV[2 * at], ARGV[2 * at + 1]
    redis.call('HDEL', of, birth)
    local left = {}
    for other in string.gmatch(births_by(by, handle), '%S+') do
      if other ~= birth then table.insert(left, other) end
    end
    if #left == 0 then redis.call('HDEL', by, handle) else redis.call('HSET', by, handle, table.concat(left, ' ')) end
  end
  return 1
`);

/** Keys: the record, then `of` for each. Arguments: the account's key, the count, then each birth. */
const saw = script(`
  if redis.call('HGET', KEYS[1], 'key') ~= ARGV[1] then return nil end
  for at = 2, #KEYS do
    local handle, seen = string.match(redis.call('HGET', KEYS[at], ARGV[at + 1]) or '', '^(%S+) ?(%d*)$')
    if handle and tonumber(ARGV[2]) > (tonumber(seen) or 0) then
      redis.call('HSET', KEYS[at], ARGV[at + 1], handle .. ' ' .. ARGV[2])
    end
  end
  return 1
`);

const bucketOf = (text: string): string => String(crc32(text) % BUCKETS);

/** Places. */
const forget = script(`
  if redis.call('HGET', KEYS[1], 'key') ~= ARGV[1] then return nil end
  local births = {}
  for at = 2, #ARGV do
    local birth = redis.call('HGET', KEYS[3], ARGV[at])
    if birth then
      redis.call('HDEL', KEYS[2], birth)
      redis.call('HDEL', KEYS[3], ARGV[at])
    end
    table.insert(births, birth or ARGV[at])
  end
  return births
`);

export function redisPlaces(link: Link): PlaceStore {
  const look = async (hash: string, wanted: readonly MessagePlace[]): Promise<(MessagePlace | null)[]> => {
    if (wanted.length === 0) return [];
    const found = asTextsOrNull(await link.send(hash, "HMGET", hash, ...wanted.map(writePlace)));
    return found.map((value) => (value === null ? null : readPlace(value)));
  };
  const write = async (which: Script, { id, key }: PlacesOwner, args: readonly string[]): Promise<MessagePlace[]> => {
    const touched: [string, ...string[]] = [keys.account(id), keys.moves(id), keys.arrivals(id), keys.travelled(id)];
    const births = await link.run(which, touched, [String(key), ...args]);
    if (births === null) throw new Failure("not-found", { detail: "The account is gone" });
    return asTexts(births).map(readPlace);
  };

  const evidenceKeys = (id: string, written: readonly (readonly [string, string])[]): [string, ...string[]] => {
    const base = keys.evidence(id);
    const hashes = written.flatMap(([birth, handle]) => [
      `${base}of:${bucketOf(birth)}`,
      `${base}by:${bucketOf(handle)}`,
    ]);
    return [keys.account(id), ...hashes];
  };
  const ofKey = (id: string, birth: string): string => `${keys.evidence(id)}of:${bucketOf(birth)}`;
  /** What is known of births: the handle, and the count. Sent in one turn: one round trip. */
  const known = (id: string, births: readonly MessagePlace[]): Promise<(string[] | null)[]> =>
    Promise.all(
      births.map(writePlace).map(async (birth) => {
        const hash = ofKey(id, birth);
        const value = asText(await link.send(hash, "HGET", hash, birth));
        return value === null ? null : value.split(" ");
      }),
    );
  const handlesOf = async (id: string, births: readonly MessagePlace[]): Promise<(string | null)[]> =>
    (await known(id, births)).map((value) => value?.[0] ?? null);
  const forgetHandles = async (
    { id, key }: PlacesOwner,
    births: readonly MessagePlace[],
    except: readonly string[] = [],
  ): Promise<void> => {
    const handles = await handlesOf(id, births);
    const written = births.flatMap((birth, index): [string, string][] => {
      const handle = handles[index];
      return handle == null || handle === except[index] ? [] : [[writePlace(birth), handle]];
    });
    if (written.length > 0) await link.run(forgetEvidence, evidenceKeys(id, written), [String(key), ...written.flat()]);
  };
  const showAll = async ({ id, key }: PlacesOwner, shown: readonly Evidence[], mode: "show" | "note") => {
    if (shown.length === 0) return [];
    const written = shown.map(({ birth, handle }) => [writePlace(birth), handle] as const);
    const rivals = await link.run(show, evidenceKeys(id, written), [String(key), mode, ...written.flat()]);
    if (rivals === null) throw new Failure("not-found", { detail: "The account is gone" });
    return asTexts(rivals).map((births) => (births === "" ? [] : births.split(" ").map(readPlace)));
  };

  return {
    show: (owner, shown) => showAll(owner, shown, "show"),
    note: async (owner, shown) => {
      const births = shown.map(({ birth }) => birth);
      const handles = shown.map(({ handle }) => handle);
      await forgetHandles(owner, births, handles);
      await showAll(owner, shown, "note");
    },
    handlesOf,
    saw: async ({ id, key }, births, count) => {
      if (births.length === 0) return;
      const written = births.map(writePlace);
      const touched: [string, ...string[]] = [keys.account(id), ...written.map((birth) => ofKey(id, birth))];
      const done = await link.run(saw, touched, [String(key), String(count), ...written]);
      if (done === null) throw new Failure("not-found", { detail: "The account is gone" });
    },
    seenAt: async (id, births) => (await known(id, births)).map((value) => Number(value?.[1] ?? 0)),
    placesOf: (id, births) => look(keys.moves(id), births),
    birthsAt: (id, places) => look(keys.arrivals(id), places),
    travelled: async (id) => {
      const set = keys.travelled(id);
      const members = asTexts(await link.send(set, "SMEMBERS", set));
      const of = (direction: string) =>
        members.flatMap((member) => (member.startsWith(direction) ? [readEpoch(member.slice(direction.length))] : []));
      return { from: of("from "), to: of("to ") };
    },
    move: (owner, moves) =>
      write(
        move,
        owner,
        moves.flatMap(({ from, to }) => [writePlace(from), writePlace(to), writeEpoch(from), writeEpoch(to)]),
      ),
    forget: async (owner, places) => {
      const births = await write(forget, owner, places.map(writePlace));
      await forgetHandles(owner, births);
      return births;
    },
  };
}
