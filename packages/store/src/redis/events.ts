import { type Event, Failure, type Position, readPosition } from "@postern/protocol";
import { asEvent, readEvent, writeEvent } from "../records.ts";
import type { EventLog, LogResult, LogSpan, LogStep } from "../store.ts";
import type { Growth } from "./growth.ts";
import { keys } from "./keys.ts";
import { type Argument } from "./client.ts";
import { type Link, script } from "./link.ts";
import { asBuffersOrNull, asFields, asStreamEntries, asTextsOrNull } from "./replies.ts";
import { isWithin } from "../span.ts";
import * as z from "zod";

const KEPT_EVENTS = 100_000;
/** So many more are let stand before the oldest go, since going costs a look at each. */
const SLACK = 500;

/**
 * A stream of events under ids of our own; a hash with the end of the sequence; two with what is kept to compare with.
 * Arguments: epoch, after, raises, begins, kept, slack, channel, account; how many events, heads to set, heads to erase,
 * rows to set, rows to erase; then those, in that order.
 */
const append = script(`
  if redis.call('EXISTS', KEYS[1]) == 0 then return {'gone', '', 0, 0} end
  local fence, epoch, number = unpack(redis.call('HMGET', KEYS[2], 'fence', 'epoch', 'number'))
  fence, epoch, number = tonumber(fence or '0'), tonumber(epoch or '0'), tonumber(number or '0')
  local head = string.format('%d-%d', epoch, number)
  local mine = tonumber(ARGV[1])
  if mine < fence then return {'epoch', head, 0, 0} end
  if ARGV[2] ~= head then return {'after', head, 0, 0} end
  if mine > fence then epoch, number = math.max(epoch + 1, mine), 0
  elseif ARGV[3] == '1' then epoch, number = epoch + 1, 0 end
  if ARGV[4] == '1' then
    number = number + 1
    redis.call('HSET', KEYS[2], 'oldest', string.format('%d-%d', epoch, number))
  end
  local first, at = number + 1, 13
  for _ = 1, tonumber(ARGV[9]) do
    at, number = at + 1, number + 1
    redis.call('XADD', KEYS[3], string.format('%d-%d', epoch, number), 'e', ARGV[at])
  end
  for place = 4, 5 do
    local hash = KEYS[place]
    for _ = 1, tonumber(ARGV[2 * place + 2]) do
      redis.call('HSET', hash, ARGV[at + 1], ARGV[at + 2])
      at = at + 2
    end
    for _ = 1, tonumber(ARGV[2 * place + 3]) do
      at = at + 1
      redis.call('HDEL', hash, ARGV[at])
    end
  end
  redis.call('HSET', KEYS[2], 'fence', string.format('%d', math.max(mine, fence)),
    'epoch', string.format('%d', epoch), 'number', string.format('%d', number))
  local kept = tonumber(ARGV[5])
  local over = redis.call('XLEN', KEYS[3]) - kept
  if over > tonumber(ARGV[6]) then
    local gone = redis.call('XRANGE', KEYS[3], '-', '+', 'COUNT', over)
    redis.call('HSET', KEYS[2], 'oldest', gone[#gone][1])
    redis.call('XTRIM', KEYS[3], 'MAXLEN', '=', kept)
  end
  redis.call('PUBLISH', ARGV[7], ARGV[8])
  return {'taken', string.format('%d-%d', epoch, number), epoch, first}
`);

const reply = z.tuple([z.enum(["gone", "epoch", "after", "taken"]), z.string(), z.number(), z.number()]);

export interface RedisEventsOptions {
  kept?: number;
  slack?: number;
}

export function redisEvents(link: Link, growth: Growth, options: RedisEventsOptions = {}): EventLog {
  const { kept = KEPT_EVENTS, slack = SLACK } = options;

  const spanOf = async (accountId: string): Promise<LogSpan | null> => {
    const key = keys.logEnd(accountId);
    const [epoch, number, oldest] = asTextsOrNull(await link.send(key, "HMGET", key, "epoch", "number", "oldest"));
    return oldest == null ? null : { oldest, head: `${epoch ?? 0}-${number ?? 0}` };
  };

  return {
    append: async (accountId, step) => {
      const places: [string, ...string[]] = [
        keys.account(accountId),
        keys.logEnd(accountId),
        keys.log(accountId),
        keys.seenHeads(accountId),
        keys.seenRows(accountId),
      ];
      const args = argumentsOf(accountId, step, kept, slack);
      const [outcome, head, epoch, first] = reply.parse(await link.run(append, places, args));
      return resultOf(accountId, step, { outcome, head, epoch, first });
    },
    span: spanOf,
    read: async (accountId, { after, limit }) => {
      if (!readPosition(after)) return null;
      const key = keys.log(accountId);
      // In this order: what is trimmed between the two is missed by the first and seen by the second.
      const range = ["XRANGE", key, `(${after}`, "+", "COUNT", String(limit)];
      const [entries, span] = await Promise.all([link.send(key, ...range), spanOf(accountId)]);
      if (!span || !isWithin(span, after)) return null;
      const events = asStreamEntries(entries).map(([id, [, body = ""]]): Event => readEvent(id, body));
      return { head: span.head, events };
    },
    heads: async (accountId) => {
      const [end, heads] = [keys.logEnd(accountId), keys.seenHeads(accountId)];
      // Before and after: what a step wrote in between would not go with the head.
      for (;;) {
        const [before, fields, after] = await Promise.all([
          link.send(end, "HMGET", end, "epoch", "number"),
          link.send(heads, "HGETALL", heads),
          link.send(end, "HMGET", end, "epoch", "number"),
        ]);
        const [one, other] = [asTextsOrNull(before), asTextsOrNull(after)].map(([epoch, number]) => {
          return `${epoch ?? 0}-${number ?? 0}`;
        });
        if (one !== undefined && one === other) return { head: one, heads: new Map(asFields(fields)) };
      }
    },
    rows: async (accountId, wanted) => {
      if (wanted.length === 0) return [];
      const key = keys.seenRows(accountId);
      return asBuffersOrNull(await link.sendBinary(key, "HMGET", key, ...wanted));
    },
    onGrowth: (listener) => growth.listen(listener),
  };
}

function argumentsOf(accountId: string, step: LogStep, kept: number, slack: number): Argument[] {
  const { epoch, after, raises = false, begins = false, events, heads = [], rows = [] } = step;
  const flag = (value: boolean): string => (value ? "1" : "0");
  const [setHeads, noHeads] = parted(heads);
  const [setRows, noRows] = parted(rows);
  const settings = [
    String(epoch),
    after,
    flag(raises),
    flag(begins),
    String(kept),
    String(slack),
    keys.growth,
    accountId,
  ];
  return [
    ...settings,
    ...[events.length, setHeads.length, noHeads.length, setRows.length, noRows.length].map(String),
    ...events.map((made) => writeEvent(accountId, made)),
    ...setHeads.flat(),
    ...noHeads,
    ...setRows.flatMap(([key, value]) => [key, asBuffer(value)]),
    ...noRows,
  ];
}

function parted<T>(entries: readonly (readonly [string, T | null])[]): [set: (readonly [string, T])[], gone: string[]] {
  const set = entries.filter((entry): entry is readonly [string, T] => entry[1] !== null);
  return [set, entries.filter(([, value]) => value === null).map(([key]) => key)];
}

function asBuffer(value: Uint8Array): Buffer {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

interface Reply {
  outcome: "gone" | "epoch" | "after" | "taken";
  head: Position;
  epoch: number;
  first: number;
}

function resultOf(accountId: string, step: LogStep, { outcome, head, epoch, first }: Reply): LogResult {
  if (outcome === "gone") throw new Failure("not-found", { detail: "The account is gone" });
  if (outcome !== "taken") return { taken: false, because: outcome, head };
  return {
    taken: true,
    head,
    events: step.events.map((made, place) => asEvent(`${epoch}-${first + place}`, accountId, made)),
  };
}
