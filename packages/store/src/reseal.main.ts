/**
 * Seals all secrets anew with the first key of the ring: run it after a new key was put in front, before the old one is
 * taken away. Reads the environment that the services read; prints one line, and exits with 1 where something is left.
 */
import { readFileSync } from "node:fs";
import { openStore } from "./open.ts";
import { reseal } from "./reseal.ts";
import { KeyRing } from "./seal.ts";
import type { Store } from "./store.ts";

function variable(name: string): string | undefined {
  const file = process.env[`POSTERN_${name}_FILE`];
  return process.env[`POSTERN_${name}`] || (file ? readFileSync(file, "utf8").trim() : undefined);
}

async function run(): Promise<boolean> {
  const keys = variable("SECRET_KEYS");
  if (keys === undefined) throw new Error("POSTERN_SECRET_KEYS is not set");
  const ring = KeyRing.parse(keys);
  const store: Store = await openStore({ dataDir: variable("DATA_DIR") ?? "./data", redisUrl: variable("REDIS_URL") });
  try {
    const { accounts, resealed, unreadable } = await reseal(store, ring);
    console.log(`${accounts} accounts, ${resealed} sealed anew, ${unreadable.length} that no key opens`);
    for (const id of unreadable) console.error(`no key opens the secrets of account ${id}`);
    return unreadable.length === 0;
  } finally {
    await store.close();
  }
}

try {
  process.exitCode = (await run()) ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : "cannot seal anew");
  process.exitCode = 1;
}
