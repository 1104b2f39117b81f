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

/**
 * MAILBOXID (RFC 8474 section 4.1), asked for alone: there are servers that answer with octets of something else where it
 * is asked for beside other items. Null: the server does not tell.
 */
export async function mailboxIdOf(connection: Connection, names: MailboxNames, path: string): Promise<string | null> {
  const found = await names.use(path, async (name) => {
    let id: string | null = null;
    await connection.run({
      name: "STATUS",
      parts: ["STATUS ", name, " (MAILBOXID)"],
      onData: (data) => {
        if (data.name === "STATUS") id = readObjectId(octetsOf(listOf(itemsOf(listOf(data.values[1])).MAILBOXID)[0]));
      },
    });
    return { id };
  });
  return found?.id ?? null;
}

/** Null without a count or UIDVALIDITY: nothing could be told from such a status. */
export function readStatus(response: DataResponse, asOf: number): MailboxStatus | null {
  const told = itemsOf(listOf(response.values[1]));
  const messages = numberOf(told.MESSAGES);
  const uidValidity = numberOf(told.UIDVALIDITY);
  if (messages === null || !uidValidity) return null;
  return {
    messages,
    unseen: numberOf(told.UNSEEN),
    uidNext: numberOf(told.UIDNEXT) || null,
    uidValidity,
    highestModseq: bigintOf(told.HIGHESTMODSEQ) || null,
    mailboxId: readObjectId(octetsOf(listOf(told.MAILBOXID)[0])),
    asOf,
  };
}

const known = ["MESSAGES", "UNSEEN", "UIDNEXT", "UIDVALIDITY", "HIGHESTMODSEQ", "MAILBOXID"] as const;
type Items = Partial<Record<(typeof known)[number], Value>>;

/** Names may come in any case (RFC 9051 section 9); nearly all servers write them as they were asked for. */
function itemsOf(list: Value[]): Items {
  const items: Items = {};
  for (let at = 0; at + 1 < list.length; at += 2) {
    const written = octetsOf(list[at]) ?? "";
    const name = known.find((each) => each === written) ?? known.find((each) => each === written.toUpperCase());
    if (name) items[name] = list[at + 1] ?? null;
  }
  return items;
}
