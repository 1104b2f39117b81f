import type { SearchKey } from "../../imap/session.ts";
import { decisive } from "./thresholds.ts";

/**
 * An equal key in a plain form: NOT stands before single keys alone, AND and OR alternate, and what another part implies
 * (A OR (A AND B), A AND (A OR B)) is left out. Dovecot 2.3 answers wrongly where one branch of an OR is contained in
 * another: `OR (SEEN FLAGGED) SEEN` leaves out what is seen and not flagged.
 */
export function simplifyKey(key: SearchKey): SearchKey {
  return merge(pushed(key, false));
}

type Kind = "and" | "or";
type Tree = { kind: Kind; parts: Tree[] } | { leaf: SearchKey; name: string };

/** Negations down to the leaves, by De Morgan's laws. */
function pushed(key: SearchKey, negated: boolean): Tree {
  if ("not" in key) return pushed(key.not, !negated);
  if ("and" in key) return { kind: negated ? "or" : "and", parts: key.and.map((part) => pushed(part, negated)) };
  if ("or" in key) return { kind: negated ? "and" : "or", parts: key.or.map((part) => pushed(part, negated)) };
  const leaf = constant(key, negated) ?? (negated ? { not: key } : key);
  return { leaf, name: JSON.stringify(leaf) };
}

const everything: SearchKey = { all: true };
const nothing: SearchKey = { uids: [] };

/** Everything and nothing are each other's opposite. */
function constant(key: SearchKey, negated: boolean): SearchKey | null {
  if ("all" in key) return negated ? nothing : everything;
  if ("uids" in key && key.uids.length === 0) return negated ? everything : nothing;
  return null;
}

function merge(tree: Tree): SearchKey {
  return written(absorbed(tree));
}

function absorbed(tree: Tree): Tree {
  if ("leaf" in tree) return tree;
  const { kind } = tree;
  const flat = tree.parts.map(absorbed).flatMap((part) => partsIf(part, kind));
  if (flat.some((part) => isConstant(part, kind === "and" ? nothing : everything))) {
    return leafOf(kind === "and" ? nothing : everything);
  }
  const useful = flat.filter((part) => !isConstant(part, kind === "and" ? everything : nothing));
  const parts = withoutImplied(decisiveOf(useful, kind), kind === "and" ? "or" : "and");
  const [only, ...others] = parts;
  if (!only) return leafOf(kind === "and" ? everything : nothing);
  return others.length === 0 ? only : { kind, parts };
}

function decisiveOf(parts: readonly Tree[], kind: Kind): Tree[] {
  const leaves = parts.flatMap((part) => ("leaf" in part ? [part.leaf] : []));
  const kept = new Set(decisive(leaves, kind));
  return parts.filter((part) => !("leaf" in part) || kept.has(part.leaf));
}

/** A AND (A OR B) is A; A OR (A AND B) is A: a part that has all of another's terms, and more, adds nothing. */
function withoutImplied(parts: readonly Tree[], inner: Kind): Tree[] {
  const terms = parts.map((part) => new Set(partsIf(part, inner).map(nameOf)));
  return parts.filter((_, at) => {
    const own = terms[at] ?? new Set();
    return !terms.some(
      (other, index) => index !== at && other.isSubsetOf(own) && (other.size < own.size || index < at),
    );
  });
}

function partsIf(tree: Tree, kind: Kind): Tree[] {
  return "kind" in tree && tree.kind === kind ? tree.parts : [tree];
}

function isConstant(tree: Tree, key: SearchKey): boolean {
  return "leaf" in tree && tree.name === JSON.stringify(key);
}

function leafOf(leaf: SearchKey): Tree {
  return { leaf, name: JSON.stringify(leaf) };
}

function nameOf(tree: Tree): string {
  return "leaf" in tree ? tree.name : `${tree.kind}(${tree.parts.map(nameOf).sort().join()})`;
}

function written(tree: Tree): SearchKey {
  if ("leaf" in tree) return tree.leaf;
  const parts = tree.parts.map(written);
  return tree.kind === "and" ? { and: parts } : halved(parts);
}

/** OR takes two keys: halves keep the nesting shallow. */
function halved(keys: readonly SearchKey[]): SearchKey {
  const [first, second] = keys;
  if (!first) return nothing;
  if (!second) return first;
  const middle = Math.ceil(keys.length / 2);
  return { or: [halved(keys.slice(0, middle)), halved(keys.slice(middle))] };
}
