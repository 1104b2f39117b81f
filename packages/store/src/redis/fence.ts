import { Fenced } from "../fenced.ts";
import { ErrorReply } from "redis";

const MARK = "FENCED";

/**
 * The first lines of a script that writes for an account's owner: its first argument is `fenceArgument(epoch)`, and
 * `keys.lease(account)` is its key of this number.
 */
export function fenceFor(key: number): string {
  return `
  if ARGV[1] ~= '' and redis.call('HGET', KEYS[${key}], 'epoch') ~= ARGV[1] then
    return redis.error_reply('${MARK} another epoch')
  end
`;
}

export const fenceArgument = (epoch: number | undefined): string => (epoch === undefined ? "" : String(epoch));

/** Throws `Fenced` where the script was stopped by its fence. */
export async function fenced(reply: Promise<unknown>): Promise<unknown> {
  try {
    return await reply;
  } catch (error) {
    throw error instanceof ErrorReply && error.message.startsWith(MARK) ? new Fenced() : error;
  }
}
