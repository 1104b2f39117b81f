import { bigintOf, type DataResponse, listOf, octetsOf, uidOf, type Value } from "./response.ts";
import type { MailboxNews } from "./session.ts";

/** Hands on what an untagged response says about the selected mailbox; how many messages there are then. */
export function tellNews(response: DataResponse, exists: number, news: MailboxNews | null): number {
  const number = response.number ?? 0;
  switch (response.name) {
    case "EXISTS":
      news?.exists(number);
      return number;
    case "EXPUNGE":
      news?.expunged(number);
      return Math.max(0, exists - 1);
    case "VANISHED":
      return Math.max(0, exists - tellVanished(response.values, news));
    case "FETCH":
      if (news) tellFetched(number, listOf(response.values[0]), news);
      return exists;
    default:
      return exists;
  }
}

/**
 * RFC 7162 section 3.2.10. How many are gone that the server had told of; those that were gone before the mailbox was
 * opened (EARLIER) were never counted.
 */
function tellVanished(values: Value[], news: MailboxNews | null): number {
  const { earlier, set } = vanishedIn(values);
  let count = 0;
  for (const range of set.split(",")) {
    const [one, other = one] = range.split(":").map(uidOf);
    if (!one || !other) continue;
    const [from, to] = one <= other ? [one, other] : [other, one];
    news?.vanished(from, to, earlier);
    count += to - from + 1;
  }
  return earlier ? 0 : count;
}

export function vanishedIn(values: Value[]): { earlier: boolean; set: string } {
  const [first] = values;
  const earlier = Array.isArray(first) && octetsOf(first[0])?.toUpperCase() === "EARLIER";
  return { earlier, set: octetsOf(values[earlier ? 1 : 0]) ?? "" };
}

function tellFetched(sequence: number, values: Value[], news: MailboxNews): void {
  let uid: number | null = null;
  let flags: string[] | null = null;
  let modseq: bigint | null = null;
  for (let at = 0; at + 1 < values.length; at += 2) {
    const name = values[at];
    if (typeof name !== "string") continue;
    if (name === "FLAGS") flags = flagsOf(values[at + 1]);
    else if (name === "UID") uid = uidOf(values[at + 1]);
    else if (name === "MODSEQ") modseq = bigintOf(listOf(values[at + 1])[0]);
  }
  if (flags) news.flags(sequence, uid, flags, modseq);
}

/** `\Recent` is of a session, not of the message, and left out. */
function flagsOf(value: Value | undefined): string[] {
  const flags: string[] = [];
  for (const each of listOf(value)) {
    if (typeof each === "string" && each.toLowerCase() !== "\\recent") flags.push(each);
  }
  return flags;
}
