import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { SearchKey } from "../../imap/session.ts";
import { simplifyKey } from "./simplify-key.ts";

const leaf: fc.Arbitrary<SearchKey> = fc.constantFrom(
  { flag: "a" },
  { flag: "b" },
  { flag: "c" },
  { larger: 1 },
  { larger: 3 },
  { smaller: 2 },
  { smaller: 4 },
  { day: "since", date: { year: 2025, month: 12, day: 31 } },
  { day: "since", date: { year: 2026, month: 1, day: 1 } },
  { day: "before", date: { year: 2026, month: 1, day: 2 } },
  { all: true },
  { uids: [] },
);
const { key } = fc.letrec<{ key: SearchKey }>((tie) => ({
  key: fc.oneof(
    { maxDepth: 5 },
    leaf,
    fc.array(tie("key"), { maxLength: 3 }).map((and) => ({ and })),
    fc.tuple(tie("key"), tie("key")).map((or) => ({ or })),
    tie("key").map((not) => ({ not })),
  ),
}));

/** A message, as far as the keys above tell messages apart. */
interface World {
  flags: ReadonlySet<string>;
  size: number;
  /** Of the year 2026; 0 is the last of 2025. */
  day: number;
}

const worlds: World[] = [0, 1, 2, 3, 4, 5, 6, 7].flatMap((bits) =>
  [1, 2, 3, 4].flatMap((size) =>
    [-1, 0, 1, 2].map((day) => ({ flags: new Set(["a", "b", "c"].filter((_, at) => bits & (1 << at))), size, day })),
  ),
);

function holds(of: SearchKey, world: World): boolean {
  if ("all" in of) return true;
  if ("uids" in of) return false;
  if ("and" in of) return of.and.every((each) => holds(each, world));
  if ("or" in of) return of.or.some((each) => holds(each, world));
  if ("not" in of) return !holds(of.not, world);
  if ("larger" in of) return world.size > of.larger;
  if ("smaller" in of) return world.size < of.smaller;
  if ("flag" in of) return world.flags.has(of.flag);
  assert.ok("day" in of);
  const day = of.date.year === 2025 ? 0 : of.date.day;
  return of.day === "since" ? world.day >= day : world.day < day;
}

describe("a simplified search key", () => {
  it("finds the same", () =>
    fc.assert(
      fc.property(key, (of) => {
        const simple = simplifyKey(of);
        for (const world of worlds) assert.equal(holds(simple, world), holds(of, world));
      }),
      { numRuns: 2000 },
    ));

  it("keeps the one bound that decides", () => {
    const [early, late] = [12, 14].map((day): SearchKey => ({ day: "since", date: { year: 2026, month: 3, day } }));
    assert.ok(early && late);
    assert.deepEqual(simplifyKey({ and: [{ not: late }, { not: early }] }), { not: early });
    assert.deepEqual(simplifyKey({ and: [early, late] }), late);
    assert.deepEqual(simplifyKey({ or: [early, late] }), early);
    assert.deepEqual(simplifyKey({ not: { and: [early, late] } }), { not: late });
  });

  it("says nothing twice", () => {
    const [a, b]: SearchKey[] = [{ flag: "a" }, { flag: "b" }];
    assert.ok(a && b);
    assert.deepEqual(simplifyKey({ or: [{ and: [a, b] }, b] }), b);
    assert.deepEqual(simplifyKey({ not: { and: [{ and: [a, b] }, { and: [b, a] }] } }), {
      or: [{ not: a }, { not: b }],
    });
    assert.deepEqual(simplifyKey({ and: [a, { or: [b, a] }, { not: { not: a } }] }), a);
  });
});
