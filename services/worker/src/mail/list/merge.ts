import type { PlaceInMailbox, SortedCursor } from "./cursor.ts";
import type { Span } from "./newest-first.ts";
import { compareValues, type Order } from "./order.ts";
import { ANCHORS, type Strand, type StrandEntry } from "./strand.ts";

export interface MergedItem {
  mailbox: number;
  uid: number;
  cursor: SortedCursor;
}

export interface Merged {
  items: MergedItem[];
  hasNext: boolean;
  hasPrevious: boolean;
  /** Null where a mailbox's is not known. */
  total: number | null;
  /** From where the list goes on; null for an empty page that ends the list. */
  end: SortedCursor | null;
}

/**
 * One page out of what several mailboxes have to give. Pure. Each strand keeps the order its server gave it; among
 * strands the sort values decide, and the mailbox where they tie. A strand that was not read to its end and has no more
 * entries stops the page: what comes next in it might belong before what the others have.
 */
export function merge(strands: readonly Strand[], order: Pick<Order, "reverse">, { limit, direction }: Span): Merged {
  const forward = direction === "forward";
  const { steps, stopped } = pick(strands, order, limit, forward);
  const isMore = stopped || strands.some((strand, at) => leftOver(strand, steps, at));
  const isBehind = strands.some(({ behind }) => behind);
  const { items, end } = walk(strands, forward ? steps : steps.toReversed(), forward);
  return {
    items,
    hasNext: forward ? isMore : isBehind,
    hasPrevious: forward ? isBehind : isMore,
    total: strands.reduce<number | null>((sum, { total }) => (sum === null || total === null ? null : sum + total), 0),
    end,
  };
}

/** One entry of one strand, by their indexes. */
interface Step {
  strand: number;
  entry: StrandEntry;
}

/** Entries in the direction of reading, as many as make `limit` matches. */
function pick(
  strands: readonly Strand[],
  order: Pick<Order, "reverse">,
  limit: number,
  forward: boolean,
): { steps: Step[]; stopped: boolean } {
  const steps: Step[] = [];
  const taken = strands.map(() => 0);
  let matches = 0;
  while (matches < limit) {
    const heads = strands.flatMap((strand, at): Step[] => {
      const entry = entryAt(strand, taken[at] ?? 0, forward);
      return entry ? [{ strand: at, entry }] : [];
    });
    const ranDry = strands.some(({ entries, ended }, at) => !ended && (taken[at] ?? 0) >= entries.length);
    const next = ranDry ? undefined : first(strands, heads, order, forward);
    if (!next) return { steps, stopped: ranDry };
    steps.push(next);
    taken[next.strand] = (taken[next.strand] ?? 0) + 1;
    if (next.entry.matches) matches += 1;
  }
  return { steps, stopped: false };
}

function entryAt({ entries }: Strand, taken: number, forward: boolean): StrandEntry | undefined {
  return forward ? entries[taken] : entries[entries.length - 1 - taken];
}

function first(
  strands: readonly Strand[],
  heads: readonly Step[],
  order: Pick<Order, "reverse">,
  forward: boolean,
): Step | undefined {
  const [start, ...others] = heads;
  return others.reduce<Step | undefined>((best, head) => {
    if (!best) return head;
    const difference =
      compareValues(order, head.entry.value, best.entry.value) ||
      (strands[head.strand]?.mailbox ?? 0) - (strands[best.strand]?.mailbox ?? 0);
    return (forward ? difference < 0 : difference > 0) ? head : best;
  }, start);
}

/** Whether a strand has, or may have, anything for the list that was not taken. */
function leftOver({ entries, ended }: Strand, steps: readonly Step[], at: number): boolean {
  const taken = new Set(steps.flatMap(({ strand, entry }) => (strand === at ? [entry] : [])));
  return !ended || entries.some((entry) => entry.matches && !taken.has(entry));
}

/** In the list's order: the items, each with the cursor just after it. */
function walk(
  strands: readonly Strand[],
  steps: readonly Step[],
  forward: boolean,
): { items: MergedItem[]; end: SortedCursor | null } {
  const passed = strands.map(({ entries }, at) =>
    forward ? 0 : entries.length - steps.reduce((count, { strand }) => count + Number(strand === at), 0),
  );
  const items: MergedItem[] = [];
  let end: SortedCursor | null = null;
  for (const [index, { strand: at, entry }] of steps.entries()) {
    passed[at] = (passed[at] ?? 0) + 1;
    if (!entry.matches && index < steps.length - 1) continue;
    const mailbox = strands[at]?.mailbox ?? 0;
    const places = strands.flatMap((strand, each) => placeIn(strand, passed[each] ?? 0));
    end = { order: "sorted", last: { mailbox, uid: entry.uid, value: entry.value }, places };
    if (entry.matches) items.push({ mailbox, uid: entry.uid, cursor: end });
  }
  return { items, end };
}

function placeIn({ mailbox, uidValidity, before, lead, entries }: Strand, passed: number): PlaceInMailbox[] {
  const rank = before + passed;
  if (rank === 0) return [];
  const anchors = [...lead, ...entries.slice(Math.max(0, passed - ANCHORS), passed).map(({ uid }) => uid)];
  return [{ mailbox, uidValidity, rank, anchors: anchors.slice(-ANCHORS) }];
}
