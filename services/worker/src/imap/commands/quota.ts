import type { Connection } from "../connection.ts";
import type { MailboxNames } from "../names.ts";
import { decodeWords } from "../../mail/content/index.ts";
import { type DataResponse, listOf, numberOf, octetsOf } from "../response.ts";

export interface QuotaLine {
  root: string;
  resource: string;
  used: number;
  limit: number;
}

/** GETQUOTAROOT (RFC 9208 section 4.1.2): every root that counts the mailbox. */
export async function quota(connection: Connection, names: MailboxNames, path: string): Promise<QuotaLine[]> {
  const lines: QuotaLine[] = [];
  await names.use(path, async (name) => {
    await connection.run({
      name: "GETQUOTAROOT",
      parts: ["GETQUOTAROOT ", name],
      onData: (response) => {
        if (response.name === "QUOTA") lines.push(...readQuota(response));
      },
    });
  });
  return lines;
}

function readQuota({ values }: DataResponse): QuotaLine[] {
  const root = decodeWords(octetsOf(values[0]) ?? "");
  const triples = listOf(values[1]);
  const lines: QuotaLine[] = [];
  for (let at = 0; at + 2 < triples.length; at += 3) {
    const used = numberOf(triples[at + 1]);
    const limit = numberOf(triples[at + 2]);
    if (used === null || limit === null) continue;
    lines.push({ root, resource: (octetsOf(triples[at]) ?? "").toUpperCase(), used, limit });
  }
  return lines;
}
