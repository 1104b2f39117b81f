import type { Commons } from "./commons.ts";
import type { Lying } from "./final.ts";
import type { Ledger, Owned, Registered, State } from "./ledger.ts";
import { show } from "./states.ts";

/** What is wrong in the end, each beginning with its kind: lost, doubled, foreign, octets, changed, unexplained. */
export function check(ledger: Ledger, account: string, commons: Commons, lying: readonly Lying[]): string[] {
  const wrong: string[] = [];
  const byMarker = Map.groupBy(lying, ({ marker }) => marker);
  for (const { marker, box, isWhole } of lying)
    if (!isWhole) wrong.push(`octets: ${marker} in ${box} is not as it was written`);
  const owned = ledger.owned.filter((each) => each.account === account);
  const expected = Map.groupBy(owned, ({ marker }) => marker);
  for (const [marker, all] of expected) wrong.push(...compare(marker, all, byMarker.get(marker) ?? []));
  const common = new Set([...commons.shared, ...commons.travelling]);
  for (const [marker, rows] of byMarker)
    if (!expected.has(marker) && !common.has(marker))
      wrong.push(`foreign: ${marker || "something unknown"} is in ${rows.map(({ box }) => box).join(" ")}`);
  for (const marker of common) {
    const rows = byMarker.get(marker) ?? [];
    if (rows.length === 0) wrong.push(`lost: ${marker} is nowhere`);
    if (rows.length > 1) wrong.push(`doubled: ${marker} is in ${rows.map(({ box }) => box).join(" and ")}`);
  }
  return [...wrong, ...explain(ledger, lastReads(commons, byMarker))];
}

/** Of each message and its copies: is there a way in which all answers were true? */
function compare(marker: string, owned: readonly Owned[], rows: readonly Lying[]): string[] {
  const actual = rows.map(show).toSorted().join(", ");
  if (ways(owned).some((way) => way === actual)) return [];
  const least = owned.filter(({ possible }) => !possible.includes(null)).length;
  const most = owned.filter(({ possible }) => possible.some((state) => state !== null)).length;
  const kind = rows.length < least ? "lost" : rows.length > most ? "doubled" : "changed";
  const could = owned.map(({ possible }) => possible.map(show).join(" or ")).join("; ");
  return [`${kind}: ${marker} should be ${could}, and is ${actual === "" ? "nowhere" : actual}`];
}

/** Everything that may lie there, as text. */
function ways(owned: readonly Owned[]): string[] {
  let all: State[][] = [[]];
  for (const { possible } of owned) all = all.flatMap((way) => possible.map((state) => [...way, state]));
  return all.map((way) =>
    way
      .flatMap((state) => (state === null ? [] : show(state)))
      .toSorted()
      .join(", "),
  );
}

function lastReads(commons: Commons, byMarker: ReadonlyMap<string, Lying[]>): Registered[] {
  const last = { began: Number.MAX_VALUE, ended: Number.MAX_VALUE, who: "the end" };
  return [
    ...commons.shared.flatMap((marker) =>
      (byMarker.get(marker) ?? []).flatMap(({ flags }) =>
        commons.flags.map((flag) => ({ register: `${marker} ${flag}`, value: String(flags.includes(flag)), ...last })),
      ),
    ),
    ...commons.travelling.flatMap((marker) =>
      (byMarker.get(marker) ?? []).map(({ box }) => ({ register: `${marker} box`, value: box as string, ...last })),
    ),
  ];
}

/** Reads, and what is there in the end, for which there is no order of the writes. */
export function explain(ledger: Ledger, last: readonly Registered[]): string[] {
  const writes = Map.groupBy(ledger.writes, ({ register }) => register);
  const registers = new Set(last.map(({ register }) => register));
  const reads = [...ledger.reads.filter(({ register }) => registers.has(register)), ...last];
  return reads.flatMap((read) => {
    const all = writes.get(read.register) ?? [];
    if (isExplained(read, all)) return [];
    const near = all.filter(({ began }) => began <= read.ended).slice(-6);
    const story = near.map(({ value, who, began, ended }) => `${who} ${value} ${span({ began, ended })}`).join("; ");
    return [`unexplained: ${read.register} is ${read.value} for ${read.who} ${span(read)} after ${story}`];
  });
}

const span = ({ began, ended }: { began: number; ended: number }): string =>
  `[${Math.round(began)}, ${Math.round(ended)}]`;

/**
 * A read may show a value that was written before it ended, unless another was written for certain after that and
 * before the read began.
 */
export function isExplained(read: Registered, writes: readonly Registered[]): boolean {
  return writes.some(
    (write) =>
      write.value === read.value &&
      write.began <= read.ended &&
      !writes.some((later) => later.value !== read.value && later.began >= write.ended && later.ended <= read.began),
  );
}
