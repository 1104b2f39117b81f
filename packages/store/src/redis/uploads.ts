import { Failure } from "@postern/protocol";
import * as z from "zod";
import type { UploadRecord, UploadStore } from "../store.ts";
import { keys } from "./keys.ts";
import { type Link, nowByRedis, script } from "./link.ts";
import { asFields, asInteger, asText } from "./replies.ts";

/** Those that have expired leave the hash here: their pieces have gone by themselves. */
const begin = script(`
  if redis.call('EXISTS', KEYS[2]) == 0 then return -1 end
  ${nowByRedis}
  local held = tonumber(ARGV[3])
  local all = redis.call('HGETALL', KEYS[1])
  for at = 1, #all, 2 do
    local record = cjson.decode(all[at + 1])
    if record.expiresAt <= now then redis.call('HDEL', KEYS[1], all[at]) else held = held + record.size end
  end
  if held > tonumber(ARGV[4]) then return 0 end
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  return 1
`);

const finish = script(`
  local text = redis.call('HGET', KEYS[1], ARGV[1])
  if not text then return 0 end
  redis.call('HSET', KEYS[1], ARGV[1], (string.gsub(text, '"isWhole":false', '"isWhole":true', 1)))
  return 1
`);

const stored = z.object({
  id: z.string(),
  size: z.int(),
  contentType: z.string(),
  filename: z.string().nullable(),
  expiresAt: z.number(),
  isWhole: z.boolean(),
});

export function redisUploads(link: Link): UploadStore {
  return {
    begin: async (accountId, record, mostOctets) => {
      // First, since the text is searched for it.
      const value = JSON.stringify({ isWhole: false, ...record });
      const args = [record.id, value, String(record.size), String(mostOctets)];
      const begun = asInteger(await link.run(begin, [keys.uploads(accountId), keys.account(accountId)], args));
      if (begun < 0) throw new Failure("not-found", { detail: "The account is gone" });
      return begun === 1;
    },
    put: async (accountId, { id, expiresAt }, piece, octets) => {
      const key = keys.uploadPiece(accountId, id, piece);
      const left = Math.max(1, Math.ceil(expiresAt - Date.now()));
      await link.send(
        key,
        "SET",
        key,
        Buffer.from(octets.buffer, octets.byteOffset, octets.length),
        "PX",
        String(left),
      );
    },
    finish: async (accountId, id) => asInteger(await link.run(finish, [keys.uploads(accountId)], [id])) === 1,
    get: async (accountId, id) => {
      const key = keys.uploads(accountId);
      const record = read(asText(await link.send(key, "HGET", key, id)));
      return record && record.expiresAt > Date.now() ? record : null;
    },
    piece: async (accountId, id, piece) => {
      const key = keys.uploadPiece(accountId, id, piece);
      const octets = await link.sendBinary(key, "GET", key);
      return Buffer.isBuffer(octets) ? octets : null;
    },
    remove: (accountId, id) => eraseUpload(link, accountId, id),
  };
}

/** Of an account that goes. */
export async function eraseUploads(link: Link, accountId: string): Promise<void> {
  const key = keys.uploads(accountId);
  for (const [id] of asFields(await link.send(key, "HGETALL", key))) await eraseUpload(link, accountId, id);
}

/** Pieces are numbered without a gap. */
async function eraseUpload(link: Link, accountId: string, id: string): Promise<void> {
  for (let piece = 0; ; piece += 1) {
    const key = keys.uploadPiece(accountId, id, piece);
    if (asInteger(await link.send(key, "DEL", key)) === 0) break;
  }
  const key = keys.uploads(accountId);
  await link.send(key, "HDEL", key, id);
}

function read(text: string | null): UploadRecord | null {
  if (text === null) return null;
  const { isWhole, ...record } = stored.parse(JSON.parse(text));
  return isWhole ? record : null;
}
