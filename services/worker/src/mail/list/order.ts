import type { MessageSort } from "@postern/protocol";
import type { SortKey } from "../../imap/session.ts";
import type { FactKind, Facts } from "../rows/facts.ts";
import { baseSubject } from "./base-subject.ts";
import type { SortValue } from "./cursor.ts";

/** How a list is sorted, for the server and for merging what several mailboxes give (RFC 5256 section 3). */
export interface Order extends SortKey {
  /** What has to be known of a message to place it. */
  facts: readonly FactKind[];
  valueOf: (facts: Facts) => SortValue;
}

/** As much of a text as is compared: it has to fit into a cursor. */
const COMPARED = 200;

const orders: Record<SortKey["by"], Omit<Order, "by" | "reverse">> = {
  arrival: { facts: ["internalDate"], valueOf: arrival },
  // "If the sent date cannot be determined … the INTERNALDATE for that message is used."
  date: { facts: ["envelope", "internalDate"], valueOf: (facts) => facts.envelope?.date ?? arrival(facts) },
  // "… the mailbox of the first From address."
  from: { facts: ["envelope"], valueOf: ({ envelope }) => folded(localPart(envelope?.from[0]?.address ?? "")) },
  subject: { facts: ["envelope"], valueOf: ({ envelope }) => folded(baseSubject(envelope?.subject ?? "")) },
  size: { facts: ["size"], valueOf: ({ size }) => size ?? 0 },
};

const byName = { receivedAt: "arrival", sentAt: "date", from: "from", subject: "subject", size: "size" } as const;

export function orderOf(sort: MessageSort): Order {
  const reverse = sort.startsWith("-");
  const by = byName[sort.replace("-", "") as keyof typeof byName];
  return { by, reverse, ...orders[by] };
}

/** Ascending, or descending where the order is reversed. 0: a tie, which UIDs decide in ascending order either way. */
export function compareValues({ reverse }: Pick<Order, "reverse">, a: SortValue, b: SortValue): number {
  const ascending = typeof a === "number" && typeof b === "number" ? a - b : compareText(String(a), String(b));
  return reverse ? -ascending : ascending;
}

/** By code points, as UTF-8 octets compare. */
function compareText(a: string, b: string): number {
  const left = [...a];
  const right = [...b];
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const difference = (left[at]?.codePointAt(0) ?? 0) - (right[at]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** Close to i;unicode-casemap (RFC 5051): compatibility decomposition and one case. */
function folded(text: string): string {
  const plain = text
    .slice(0, 2 * COMPARED)
    .toUpperCase()
    .normalize("NFKD");
  return [...plain].slice(0, COMPARED).join("").toWellFormed();
}

function localPart(address: string): string {
  const at = address.lastIndexOf("@");
  return at < 0 ? address : address.slice(0, at);
}

function arrival({ internalDate }: Facts): number {
  return internalDate ?? 0;
}
