import { Failure } from "@postern/protocol";
import type { Connection } from "../connection.ts";
import { mailboxName } from "../encode.ts";
import { bigintOf, type DataResponse, listOf, numberOf, octetsOf, type Value } from "../response.ts";
import type { Abilities, MailboxStatus } from "../session.ts";

export function statusItems(abilities: Abilities): string {
  return `MESSAGES UNSEEN UIDNEXT UIDVALIDITY${abilities.condstore ? " HIGHESTMODSEQ" : ""}`;
}

/** STATUS (RFC 9051 section 6.3.11). Null: there is no such mailbox. */
export async function status(
  connection: Connection,
  abilities: Abilities,
  path: string,
): Promise<MailboxStatus | null> {
  let found: MailboxStatus | null = null;
  const asOf = Date.now();
  await connection
    .run({
      name: "STATUS",
      parts: ["STATUS ", mailboxName(path), ` (${statusItems(abilities)})`],
      onData: (response) => {
        if (response.name === "STATUS") found = readStatus(response, asOf);
      },
    })
    .catch(ignoreMissing);
  return found;
}

/** For commands that name a mailbox: that it does not exist is an answer, not a failure. */
export function ignoreMissing(error: unknown): undefined {
  if (isMissing(error)) return undefined;
  throw error;
}

/** Servers without response codes (Courier, old Cyrus) say it in words. */
function isMissing(error: unknown): boolean {
  if (!(error instanceof Failure) || error.upstream === undefined) return false;
  const { status: said, code, text } = error.upstream;
  if (said !== "NO") return false;
  if (code === "NONEXISTENT" || code === "TRYCREATE") return true;
  return code === null && /doesn'?t exist|does not exist|unknown mailbox|no such|not found|nonexist/i.test(text);
}

export function readStatus(response: DataResponse, asOf: number): MailboxStatus {
  const items = pairs(listOf(response.values[1]));
  return {
    messages: numberOf(items.get("MESSAGES")) ?? 0,
    unseen: numberOf(items.get("UNSEEN")),
    uidNext: numberOf(items.get("UIDNEXT")) || null,
    uidValidity: numberOf(items.get("UIDVALIDITY")) ?? 0,
    highestModseq: bigintOf(items.get("HIGHESTMODSEQ")) || null,
    mailboxId: octetsOf(listOf(items.get("MAILBOXID"))[0]),
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
