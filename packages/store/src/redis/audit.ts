import { readAudit, writeAudit } from "../records.ts";
import type { AuditEntry, AuditLog } from "../store.ts";
import { keys } from "./keys.ts";
import type { Link } from "./link.ts";
import { asStreamEntries } from "./replies.ts";

/** At least so many are kept; Redis trims a stream by whole nodes. */
const KEPT = "100000";
const BATCH = 1_000;

export function redisAudit(link: Link): AuditLog {
  const before = async (id: string | null, count: number): Promise<[id: string, entry: AuditEntry][]> => {
    const end = id === null ? "+" : `(${id}`;
    const reply = await link.send(keys.audit, "XREVRANGE", keys.audit, end, "-", "COUNT", String(count));
    return asStreamEntries(reply).map(([entryId, [, body = ""]]) => [entryId, readAudit(body)]);
  };

  return {
    append: async (entry) => {
      await link.send(keys.audit, "XADD", keys.audit, "MAXLEN", "~", KEPT, "*", "entry", writeAudit(entry));
    },
    list: async ({ limit, subject }) => {
      const found: AuditEntry[] = [];
      let last: string | null = null;
      while (found.length < limit) {
        const batch = await before(last, subject === undefined ? Math.min(BATCH, limit - found.length) : BATCH);
        const wanted = batch
          .map(([, entry]) => entry)
          .filter((entry) => subject === undefined || entry.subject === subject);
        found.push(...wanted.slice(0, limit - found.length));
        last = batch.at(-1)?.[0] ?? null;
        if (last === null) break;
      }
      return found;
    },
  };
}
