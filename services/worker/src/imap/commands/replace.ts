import type { Connection } from "../connection.ts";
import type { Part } from "../encode.ts";
import type { MailboxNames } from "../names.ts";
import type { StatusResponse } from "../response.ts";
import type { Appended, AppendItems } from "../session.ts";
import { appendedUids, writtenDate } from "./append.ts";

/**
 * UID REPLACE (RFC 8508) of a message of the selected mailbox, in that mailbox: the new one is there and the old one gone,
 * or nothing has changed. Null: there is no such mailbox.
 */
export async function replace(
  connection: Connection,
  names: MailboxNames,
  path: string,
  uid: number,
  { flags, internalDate, size, octets }: AppendItems,
): Promise<Appended | null> {
  const rest = ` (${flags.join(" ")})${writtenDate(internalDate)} `;
  const head = (name: Part): Part[] => [`UID REPLACE ${uid} `, name, rest];
  const done = await names.use(path, async (name) => {
    let told: StatusResponse | null = null;
    const tagged = await connection.run({
      name: "REPLACE",
      parts: [...head(name), { size, octets: octets() }],
      changes: true,
      // Section 3.4: the new UID comes before the answer, with the EXPUNGE of the old message after it.
      onStatus: (response) => {
        if (response.code === "APPENDUID") told = response;
      },
    });
    return told ?? tagged;
  });
  if (!done) return null;
  const { uidValidity, uids } = appendedUids(done, 1);
  return uidValidity === null ? { uidValidity, uid: null } : { uidValidity, uid: uids[0] ?? 0 };
}
