import { NewerStoreError } from "../newer.ts";
import { keys } from "./keys.ts";
import { type Link, script } from "./link.ts";
import { asText } from "./replies.ts";

/** A step is run again when it was cut off, and may run in two processes at once: it must come to the same then. */
export type RedisMigration = (link: Link) => Promise<void>;

/** Version 1 is the first. Each step brings what is stored from the version that is its index plus 1 to the next one. */
export const redisMigrations: readonly RedisMigration[] = [];

const raise = script(`
  local version = tonumber(redis.call('GET', KEYS[1]) or '0')
  if version < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1]) end
`);

/** Throws `NewerStoreError` where a newer Postern wrote. */
export async function migrateRedis(link: Link, steps: readonly RedisMigration[] = redisMigrations): Promise<void> {
  const known = steps.length + 1;
  const stored = Number(asText(await link.send(keys.version, "GET", keys.version)) ?? known);
  if (stored > known) throw new NewerStoreError(stored, known);
  for (const [place, step] of steps.entries()) {
    if (place + 1 < stored) continue;
    await step(link);
    await link.run(raise, [keys.version], [String(place + 2)]);
  }
  await link.run(raise, [keys.version], [String(known)]);
}
