import type { Connection } from "../connection.ts";
import { mailboxName } from "../encode.ts";
import { decodeWords } from "../words.ts";
import { listOf, numberOf, octetsOf } from "../response.ts";

export interface QuotaLine {
  root: string;
  resource: string;
  used: number;
  limit: number;
}

/** GETQUOTAROOT (RFC 9208 section 4.1.2): every root that counts the mailbox. */
export async function quota(connection: Connection, path: string): Promise<QuotaLine[]> {
  const lines: QuotaLine[] = [];
  await connection.run({
    name: "GETQUOTAROOT",
    parts: ["GETQUOTAROOT ", mailboxName(path)],
    onData: (response) => {
      if (response.name !== "QUOTA") return;
      const root = decodeWords(octetsOf(response.values[0]) ?? "");
      const triples = listOf(response.values[1]);
      for (let at = 0; at + 2 < triples.length; at += 3) {
        const used = numberOf(triples[at + 1]);
        const limit = numberOf(triples[at + 2]);
        if (used === null || limit === null) continue;
        lines.push({ root, resource: (octetsOf(triples[at]) ?? "").toUpperCase(), used, limit });
      }
    },
  });
  return lines;
}
