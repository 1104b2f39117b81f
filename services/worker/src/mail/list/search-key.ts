import type { SearchKey } from "../../imap/session.ts";
import type { FilterNode, InstantLeaf, Leaf } from "./filter-tree.ts";
import { simplifyKey } from "./simplify-key.ts";

/** What stands in a leaf's place: a key that is exact. Null: unknown as yet. */
export type Resolve = (leaf: Leaf) => SearchKey | null;

export function isLeaf(node: FilterNode): node is Leaf {
  return "since" in node || "attachment" in node;
}

export function leavesOf(node: FilterNode): Leaf[] {
  if (isLeaf(node)) return [node];
  if ("key" in node) return [];
  if ("not" in node) return leavesOf(node.not);
  return ("and" in node ? node.and : node.or).flatMap(leavesOf);
}

/**
 * The key that finds everything the filter may hold for: exact where `resolve` knows every leaf, otherwise a superset,
 * in which an unknown leaf counts as true where that admits more (and as false below a `not`).
 */
export function searchKeyOf(node: FilterNode, resolve: Resolve): SearchKey {
  return simplifyKey(keyOf(node, resolve, true));
}

const everything: SearchKey = { all: true };
const nothing: SearchKey = { uids: [] };

function keyOf(node: FilterNode, resolve: Resolve, admitting: boolean): SearchKey {
  if (isLeaf(node)) return resolve(node) ?? (admitting ? bound(node, "above") : bound(node, "below"));
  if ("key" in node) return node.key;
  if ("not" in node) return negated(keyOf(node.not, resolve, !admitting));
  if ("and" in node) return { and: node.and.map((inner) => keyOf(inner, resolve, admitting)) };
  return disjunction(node.or.map((inner) => keyOf(inner, resolve, admitting)));
}

/** What certainly contains the leaf's messages (`above`), or is certainly contained in them (`below`). */
function bound(leaf: Leaf, side: "above" | "below"): SearchKey {
  if ("attachment" in leaf) return side === "above" ? everything : nothing;
  return side === "above" ? possible(leaf) : definite(leaf);
}

export function negated(key: SearchKey): SearchKey {
  return { not: key };
}

export function conjunction(keys: readonly SearchKey[]): SearchKey {
  return simplifyKey({ and: keys });
}

export function disjunction(keys: readonly SearchKey[]): SearchKey {
  const [first, ...others] = keys;
  return first ? others.reduce((left, right) => ({ or: [left, right] }), first) : nothing;
}

const DAY = 86_400_000;

/** Days as the server counts them may be off by one from UTC's either way. */
export function possible(leaf: InstantLeaf): SearchKey {
  return dayKey(leaf, -1);
}

/** To some servers a Date that cannot be read is the epoch: what is no later may have no date at all. */
export function definite(leaf: InstantLeaf): SearchKey {
  return dayKey(leaf.since === "sent" ? { ...leaf, at: Math.max(leaf.at, 0) } : leaf, 2);
}

/** The days in between, whose messages' times have to be looked at. */
export function doubtful(leaf: InstantLeaf): SearchKey {
  return conjunction([possible(leaf), negated(definite(leaf))]);
}

function dayKey({ since, at }: InstantLeaf, days: number): SearchKey {
  const day = new Date(at + days * DAY);
  const year = day.getUTCFullYear();
  // Beyond the years that a date in IMAP can name, nothing or everything lies after it.
  if (!(year >= 1)) return everything;
  if (year > 9999) return nothing;
  return {
    day: since === "received" ? "since" : "sentsince",
    date: { year, month: day.getUTCMonth() + 1, day: day.getUTCDate() },
  };
}
