import { type Call, Failure } from "@postern/protocol";
import type { SearchKey } from "../../imap/session.ts";
import type { OpenMailbox } from "../open-mailbox.ts";
import { attachmentsOf } from "../content/index.ts";
import type { FactStore } from "../rows/fact-store.ts";
import { type FactKind, type Facts, fetchFacts, readFacts } from "../rows/facts.ts";
import { type AnyFilterNode, type FilterNode, type InstantLeaf, type Leaf, within } from "./filter-tree.ts";
import { conjunction, definite, disjunction, doubtful, leavesOf, searchKeyOf } from "./search-key.ts";
import { truthOf } from "./truth.ts";

/** A filter as it is asked of one opened mailbox. */
export interface Query {
  /** Exact when `refine` is null; otherwise it finds more than matches. */
  key: SearchKey;
  /** Those of the UIDs that match indeed, in their order. */
  refine: ((uids: readonly number[]) => Promise<number[]>) | null;
  /** Whether so many more messages may be looked at, or at least some of them. */
  mayScan: (wanted: number) => boolean;
  /** How many messages to ask for at once, when `wanted` are to be found. */
  windowSize: (wanted: number) => number;
}

/** What one request may look at in one mailbox. */
export interface Budget {
  /** Messages whose structure or time is looked at because the server cannot say. */
  messages: number;
}

/** Each of the mailboxes gets enough to go on, so that a list always does. */
export function newBudget(mailboxes: number): Budget {
  return { messages: Math.max(50, Math.floor(5_000 / mailboxes)) };
}

/** Doubtful days with more messages than this are looked at page by page instead of at once. */
const MOST_DOUBTFUL = 2_000;
/** UID ranges that one search key may spell out: they have to fit into a command line. */
const MOST_RANGES = 300;
const WINDOW = 250;

/**
 * What a server cannot answer exactly is made exact here. Instants: whole days are left to the server, and the messages
 * of the days in doubt are looked at, after which the UIDs of those that match take the place of the instant in the key.
 * Attachments, and days that hold too many messages: looked at window by window as the list is read.
 */
export async function makeQuery(
  store: FactStore,
  open: OpenMailbox,
  whole: AnyFilterNode | null,
  budget: Budget,
  call: Call,
): Promise<Query> {
  if (whole === null) return exact({ all: true });
  const filter = within(whole, open.record.key, open.state.uidValidity);
  const known = await resolveInstants(open, filter);
  const resolve = (leaf: Leaf): SearchKey | null => known.get(leaf) ?? null;
  const key = searchKeyOf(filter, resolve);
  const unknown = leavesOf(filter).filter((leaf) => !known.has(leaf));
  if (unknown.length === 0) return exact(key);

  const refine = async (uids: readonly number[]): Promise<number[]> => {
    budget.messages -= uids.length;
    const facts = await readFacts(store, open, uids, [...new Set(unknown.flatMap(factsFor))], call);
    const holds = (leaf: Leaf, uid: number): boolean | null =>
      known.has(leaf) ? null : leafHolds(leaf, facts.get(uid) ?? {});
    const truths = new Map(uids.map((uid) => [uid, facts.has(uid) && truthOf(filter, (leaf) => holds(leaf, uid))]));
    const unsure = uids.filter((uid) => truths.get(uid) === null);
    const sure = new Set(await settle(open, filter, unsure, (leaf) => resolve(leaf) ?? only(leaf, unsure, holds)));
    return uids.filter((uid) => truths.get(uid) ?? sure.has(uid));
  };
  return {
    key,
    refine,
    mayScan: () => budget.messages > 0,
    windowSize: (wanted) => Math.max(1, Math.min(Math.max(wanted, 100), WINDOW, budget.messages)),
  };
}

function exact(key: SearchKey): Query {
  return { key, refine: null, mayScan: () => true, windowSize: (wanted) => wanted };
}

/** Where the leaves alone do not decide, the server does, for these messages. */
async function settle(
  { session }: OpenMailbox,
  filter: FilterNode,
  uids: readonly number[],
  resolve: (leaf: Leaf) => SearchKey,
): Promise<number[]> {
  return uids.length === 0 ? [] : session.search(conjunction([{ uids }, searchKeyOf(filter, resolve)]));
}

function only(leaf: Leaf, uids: readonly number[], holds: (leaf: Leaf, uid: number) => boolean | null): SearchKey {
  return { uids: uids.filter((uid) => holds(leaf, uid) === true) };
}

function factsFor(leaf: Leaf): FactKind[] {
  if ("attachment" in leaf) return ["structure"];
  return leaf.since === "received" ? ["internalDate"] : ["envelope"];
}

function leafHolds(leaf: Leaf, facts: Facts): boolean {
  if ("attachment" in leaf) return facts.structure !== undefined && hasAttachments(facts.structure);
  const at = leaf.since === "received" ? facts.internalDate : facts.envelope?.date;
  return at !== undefined && at !== null && at >= leaf.at;
}

export function hasAttachments(structure: NonNullable<Facts["structure"]>): boolean {
  return attachmentsOf(structure).some(({ inline }) => !inline);
}

/** Exact keys for the instants that few enough messages leave in doubt. */
async function resolveInstants(open: OpenMailbox, filter: FilterNode): Promise<Map<Leaf, SearchKey>> {
  const known = new Map<Leaf, SearchKey>();
  let ranges = MOST_RANGES;
  for (const leaf of leavesOf(filter)) {
    if ("attachment" in leaf) continue;
    const uids = await doubtfulUids(open, filter, leaf);
    if (uids === null) continue;
    const facts = await fetchFacts(open.session, uids, factsFor(leaf));
    const matching = uids.filter((uid) => leafHolds(leaf, facts.get(uid) ?? {}));
    ranges -= rangeCount(matching);
    if (ranges < 0) return known;
    known.set(leaf, disjunction([definite(leaf), { uids: matching }]));
  }
  return known;
}

/** Null: too many. */
async function doubtfulUids({ session }: OpenMailbox, filter: FilterNode, leaf: InstantLeaf): Promise<number[] | null> {
  const window = { from: 1, to: MOST_DOUBTFUL };
  const all = await session.searchWindow(doubtful(leaf), window);
  if (all.total <= MOST_DOUBTFUL) return all.uids;
  const possible = searchKeyOf(filter, () => null);
  const relevant = await session.searchWindow(conjunction([doubtful(leaf), possible]), window);
  return relevant.total <= MOST_DOUBTFUL ? relevant.uids : null;
}

function rangeCount(uids: readonly number[]): number {
  return uids.filter((uid, index) => index === 0 || uid !== (uids[index - 1] ?? 0) + 1).length;
}

/** For what cannot be answered within the bounds of one request. */
export function tooCostly(detail: string): Failure {
  return new Failure("query-too-costly", { detail });
}
