import { Failure, type FlatFilter, type MessageFilter } from "@postern/protocol";
import type { Members } from "../threads/threads.ts";
import type { SearchKey } from "../../imap/session.ts";

/**
 * A filter as a tree of what the server answers exactly (`key`) and what it cannot: instants, for IMAP knows days alone
 * and disregards time zones (RFC 9051 section 6.4.4), and attachments, for which there is no key.
 */
export type FilterNode<Other = never> =
  | { key: SearchKey }
  | { and: readonly FilterNode<Other>[] }
  | { or: readonly FilterNode<Other>[] }
  | { not: FilterNode<Other> }
  | Leaf
  | Other;

/** A filter before it is known in which mailbox it is asked. */
export type AnyFilterNode = FilterNode<ThreadLeaf>;

/** Of this conversation: by mailbox, its UIDVALIDITY and the UIDs of its messages there. */
interface ThreadLeaf {
  members: Members["byMailbox"];
}

export type Leaf = InstantLeaf | { attachment: true };

/** `since`: received or sent at or after `at` (epoch milliseconds). What is before is its complement. */
export interface InstantLeaf {
  since: "received" | "sent";
  at: number;
}

const MAX_DEPTH = 10;
const MAX_KEYS = 200;

/** What the threads have that a filter names, by their ids. */
export type MembersOf = ReadonlyMap<string, Members>;

/** Throws `query-too-costly` for a filter that is too deep or too broad. */
export function parseFilter(filter: MessageFilter, threads: MembersOf): AnyFilterNode {
  const budget = { keys: MAX_KEYS };
  return parse(filter, 1, budget, threads);
}

/** The threads that a filter names. */
export function threadsIn({ threadId, and = [], or = [], not }: MessageFilter, depth = 1): string[] {
  if (depth > MAX_DEPTH) return [];
  const within = [...and, ...or, ...(not ? [not] : [])].flatMap((inner) => threadsIn(inner, depth + 1));
  return [...new Set([...(threadId === undefined ? [] : [threadId]), ...within])];
}

function parse(filter: MessageFilter, depth: number, budget: { keys: number }, threads: MembersOf): AnyFilterNode {
  const { and, or, not, threadId, ...flat } = filter;
  const deeper = (inner: MessageFilter): AnyFilterNode => parse(inner, depth + 1, budget, threads);
  const nodes: AnyFilterNode[] = flatNodes(flat);
  if (threadId !== undefined) nodes.push({ members: threads.get(threadId)?.byMailbox ?? new Map() });
  budget.keys -= Math.max(1, nodes.length);
  if (budget.keys < 0) throw tooCostly(`A filter may hold at most ${MAX_KEYS} keys.`);
  if (depth > MAX_DEPTH) throw tooCostly(`A filter may be nested at most ${MAX_DEPTH} deep.`);
  if (and) nodes.push({ and: and.map(deeper) });
  if (or) nodes.push({ or: or.map(deeper) });
  if (not) nodes.push({ not: deeper(not) });
  return nodes.length === 1 && nodes[0] ? nodes[0] : { and: nodes };
}

function tooCostly(detail: string): Failure {
  return new Failure("query-too-costly", { detail });
}

type Translators = {
  [K in keyof Required<Omit<FlatFilter, "threadId">>]: (value: NonNullable<FlatFilter[K]>) => FilterNode[];
};

const textKey =
  (text: "from" | "to" | "cc" | "bcc" | "subject" | "body" | "text") =>
  (value: string): FilterNode[] => [{ key: { text, value } }];

const flagKey =
  (flag: string) =>
  (wanted: boolean): FilterNode[] => [has(flag, wanted)];

const has = (flag: string, wanted: boolean): FilterNode => (wanted ? { key: { flag } } : { not: { key: { flag } } });

/** Before every time that a Date header can tell. */
const EVER = -8.64e15;

/**
 * Sent before a time is not simply "not since": a message without a Date, or with one that cannot be read, was sent at
 * no known time.
 */
const sentBefore = (at: number): FilterNode => ({
  and: [{ key: { header: "Date", value: "" } }, { since: "sent", at: EVER }, { not: { since: "sent", at } }],
});

const translators: Translators = {
  from: textKey("from"),
  to: textKey("to"),
  cc: textKey("cc"),
  bcc: textKey("bcc"),
  subject: textKey("subject"),
  body: textKey("body"),
  text: textKey("text"),
  header: (headers) => Object.entries(headers).map(([header, value]) => ({ key: { header, value } })),
  messageId: (value) => [{ key: { header: "Message-ID", value: bracketed(value) } }],
  since: (value) => [{ since: "received", at: instant(value) }],
  before: (value) => [{ not: { since: "received", at: instant(value) } }],
  sentSince: (value) => [{ since: "sent", at: instant(value) }],
  sentBefore: (value) => [sentBefore(instant(value))],
  larger: (larger) => [{ key: { larger } }],
  smaller: (smaller) => [{ key: { smaller } }],
  seen: flagKey("\\Seen"),
  flagged: flagKey("\\Flagged"),
  answered: flagKey("\\Answered"),
  draft: flagKey("\\Draft"),
  keyword: (flag) => [has(flag, true)],
  notKeyword: (flag) => [has(flag, false)],
  hasAttachment: (wanted) => [wanted ? { attachment: true } : { not: { attachment: true } }],
};

function flatNodes(flat: Omit<FlatFilter, "threadId">): FilterNode[] {
  return (Object.keys(translators) as (keyof Translators)[]).flatMap((name) => translate(name, flat[name]));
}

function translate<K extends keyof Translators>(name: K, value: FlatFilter[K]): FilterNode[] {
  return value === undefined ? [] : translators[name](value);
}

/** With its brackets, a part of the header's value can only be the whole identifier. */
function bracketed(messageId: string): string {
  return `<${messageId.trim().replace(/^<|>$/g, "")}>`;
}

/** Epoch milliseconds. A date without a time is its first moment in UTC. */
function instant(value: string): number {
  return Date.parse(value);
}

/** The filter as it is in one mailbox: of a thread there are just its messages there. */
export function within(node: AnyFilterNode, mailbox: number, uidValidity: number): FilterNode {
  if ("members" in node) {
    const found = node.members.get(mailbox);
    return { key: { uids: found?.uidValidity === uidValidity ? [...found.members.keys()] : [] } };
  }
  if ("and" in node) return { and: node.and.map((inner) => within(inner, mailbox, uidValidity)) };
  if ("or" in node) return { or: node.or.map((inner) => within(inner, mailbox, uidValidity)) };
  return "not" in node ? { not: within(node.not, mailbox, uidValidity) } : node;
}
