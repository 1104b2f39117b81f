import { Failure } from "@postern/protocol";
import type { Connection } from "../connection.ts";
import type { MailboxNames } from "../names.ts";
import { bigintOf, type DataResponse, listOf, numberOf, octetsOf, type Value } from "../response.ts";
import { readObjectId } from "../object-id.ts";
import type { Abilities, MailboxStatus } from "../session.ts";

export function statusItems(abilities: Abilities): string {
  return `MESSAGES UNSEEN UIDNEXT UIDVALIDITY${abilities.condstore ? " HIGHESTMODSEQ" : ""}`;
}

/** STATUS (RFC 9051 section 6.3.11). Null: there is no such mailbox. */
export async function status(
  connection: Connection,
  abilities: Abilities,
  names: MailboxNames,
  path: string,
): Promise<MailboxStatus | null> {
  const found = await names.use(path, async (name) => {
    let response: DataResponse | null = null;
    const asOf = Date.now();
    await connection.run({
      name: "STATUS",
      parts: ["STATUS ", name, ` (${statusItems(abilities)})`],
      onData: (data) => {
        if (data.name === "STATUS") response = data;
      },
    });
    return response && readStatus(response, asOf);
  });
  if (found === null)
    throw new Failure("upstream-protocol", { detail: "The mail server answered STATUS with nothing." });
  return found ?? null;
}

/** Null without a count or UIDVALIDITY: nothing could be told from such a status. */
export function readStatus(response: DataResponse, asOf: number): MailboxStatus | null {
  const items = pairs(listOf(response.values[1]));
  const messages = numberOf(items.get("MESSAGES"));
  const uidValidity = numberOf(items.get("UIDVALIDITY"));
  if (messages === null || !uidValidity) return null;
  return {
    messages,
    unseen: numberOf(items.get("UNSEEN")),
    uidNext: numberOf(items.get("UIDNEXT")) || null,
    uidValidity,
    highestModseq: bigintOf(items.get("HIGHESTMODSEQ")) || null,
    mailboxId: readObjectId(octetsOf(listOf(items.get("MAILBOXID"))[0])),
    asOf,
  };
}

function pairs(list: Value[]): Map<string, Value> {
  const items = new Map<string, Value>();
  for (let at = 0; at + 1 < list.length; at += 2) {
    items.set((octetsOf(list[at]) ?? "").toUpperCase(), list[at + 1] ?? null);
  }
  return items;
}
