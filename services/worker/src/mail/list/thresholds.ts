import type { SearchKey } from "../../imap/session.ts";

/** A key that holds above or below a bound, or its negation. */
interface Threshold {
  /** Those of one family imply one another. */
  family: string;
  bound: number;
  /** Whether a greater bound finds less. */
  rising: boolean;
}

/**
 * Of several bounds of one kind in one AND or OR the one that decides. Dovecot 2.3 takes the wrong one of two that are
 * negated: `NOT SINCE 12-Mar NOT SINCE 14-Mar` finds what came on the 13th.
 */
export function decisive(keys: readonly SearchKey[], kind: "and" | "or"): SearchKey[] {
  const best = new Map<string, { key: SearchKey; threshold: Threshold }>();
  for (const key of keys) {
    const threshold = thresholdOf(key);
    if (!threshold) continue;
    const other = best.get(threshold.family);
    if (!other || decides(threshold, other.threshold, kind)) best.set(threshold.family, { key, threshold });
  }
  return keys.filter((key) => {
    const threshold = thresholdOf(key);
    return !threshold || best.get(threshold.family)?.key === key;
  });
}

/** In an AND the stricter one does, in an OR the more generous one. */
function decides(one: Threshold, other: Threshold, kind: "and" | "or"): boolean {
  const isStricter = one.rising ? one.bound > other.bound : one.bound < other.bound;
  return kind === "and" ? isStricter : !isStricter && one.bound !== other.bound;
}

function thresholdOf(key: SearchKey): Threshold | null {
  if (!("not" in key)) return plain(key);
  const inner = plain(key.not);
  return inner && { ...inner, family: `not ${inner.family}`, rising: !inner.rising };
}

function plain(key: SearchKey): Threshold | null {
  if ("larger" in key) return { family: "larger", bound: key.larger, rising: true };
  if ("smaller" in key) return { family: "smaller", bound: key.smaller, rising: false };
  if (!("day" in key) || !/since|before/.test(key.day)) return null;
  const { year, month, day } = key.date;
  return { family: key.day, bound: (year * 12 + month) * 31 + day, rising: key.day.endsWith("since") };
}
