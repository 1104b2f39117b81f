import { Failure } from "@postern/protocol";
import { readEpoch, readPlace, writeEpoch, writePlace } from "../places.ts";
import type { MessagePlace, PlacesOwner, PlaceStore } from "../store.ts";
import { keys } from "./keys.ts";
import { type Link, type Script, script } from "./link.ts";
import { asTexts, asTextsOrNull } from "./replies.ts";

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

  return {
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
    forget: (owner, places) => write(forget, owner, places.map(writePlace)),
  };
}
