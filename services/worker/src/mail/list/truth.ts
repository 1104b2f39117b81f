import type { FilterNode, Leaf } from "./filter-tree.ts";
import { isLeaf, leavesOf } from "./search-key.ts";

/**
 * Whether the filter holds for a message that the server has found by the filter's own search key, as far as the leaves
 * tell. Null: it depends on what only the server knows. `holds` answers null for a leaf that the server has decided.
 */
export function truthOf(filter: FilterNode, holds: (leaf: Leaf) => boolean | null): boolean | null {
  // What stands at the top and is exact in the key has been looked at by the server: it holds for what was found.
  if ("and" in filter) return every(filter.and.map((node) => truthOf(node, holds)));
  return leavesOf(filter).every((leaf) => holds(leaf) === null) ? true : inner(filter, holds);
}

function inner(node: FilterNode, holds: (leaf: Leaf) => boolean | null): boolean | null {
  if (isLeaf(node)) return holds(node);
  if ("key" in node) return null;
  if ("not" in node) return opposite(inner(node.not, holds));
  if ("and" in node) return every(node.and.map((part) => inner(part, holds)));
  return opposite(every(node.or.map((part) => opposite(inner(part, holds)))));
}

/** Kleene's conjunction. */
function every(truths: readonly (boolean | null)[]): boolean | null {
  if (truths.includes(false)) return false;
  return truths.includes(null) ? null : true;
}

function opposite(truth: boolean | null): boolean | null {
  return truth === null ? null : !truth;
}
