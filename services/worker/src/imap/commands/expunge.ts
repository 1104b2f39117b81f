import type { Connection } from "../connection.ts";
import { packSets } from "../uid-set.ts";

/** UID EXPUNGE (RFC 4315 section 2.1): of these alone, and of these only what is marked `\Deleted`. */
export async function uidExpunge(connection: Connection, uids: readonly number[]): Promise<void> {
  for (const set of packSets(uids)) {
    await connection.run({ name: "EXPUNGE", parts: [`UID EXPUNGE ${set}`], changes: true });
  }
}

/** EXPUNGE (RFC 9051 section 6.4.3): of everything that is marked `\Deleted`, by whomever. */
export async function expunge(connection: Connection): Promise<void> {
  await connection.run({ name: "EXPUNGE", parts: ["EXPUNGE"], changes: true });
}
