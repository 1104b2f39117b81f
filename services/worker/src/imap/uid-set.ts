/** Sequence sets (RFC 9051 section 9): `1:4,7`. */

/** A line above 64 KB is refused by Dovecot; half of what RFC 7162 section 4 asks servers to take leaves room for the rest. */
const MAX_SET_LENGTH = 4_000;

/**
 * As few sets as hold all numbers, each short enough for a command line. Sorted, without repetition; empty for none.
 * What cannot be a UID is no message's, and is left out.
 */
export function packSets(numbers: readonly number[], maxLength = MAX_SET_LENGTH): string[] {
  const sets: string[] = [];
  let set = "";
  for (const range of ranges(numbers)) {
    if (set !== "" && set.length + 1 + range.length > maxLength) {
      sets.push(set);
      set = "";
    }
    set = set === "" ? range : `${set},${range}`;
  }
  if (set !== "") sets.push(set);
  return sets;
}

function* ranges(numbers: readonly number[]): Generator<string> {
  const sorted = Uint32Array.from(numbers.filter(isUid)).sort();
  let at = 0;
  while (at < sorted.length) {
    const from = sorted[at] ?? 0;
    let to = from;
    for (at += 1; at < sorted.length && (sorted[at] ?? 0) <= to + 1; at += 1) to = sorted[at] ?? 0;
    yield from === to ? `${from}` : `${from}:${to}`;
  }
}

function isUid(number: number): boolean {
  return Number.isInteger(number) && number >= 1 && number <= 0xffffffff;
}

/** Null where the text is no set of plain numbers, or it would hold more than `most`. In the order written. */
export function unpackSet(text: string, most: number): number[] | null {
  const numbers: number[] = [];
  if (text === "") return numbers;
  for (const range of text.split(",")) {
    const match = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(range);
    if (!match) return null;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    const step = first <= last ? 1 : -1;
    if (!isUid(first) || !isUid(last)) return null;
    if (numbers.length + Math.abs(last - first) + 1 > most) return null;
    for (let number = first; number !== last + step; number += step) numbers.push(number);
  }
  return numbers;
}
