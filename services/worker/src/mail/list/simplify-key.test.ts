import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { SearchKey } from "../../imap/session.ts";
import { simplifyKey } from "./simplify-key.ts";

const leaf: fc.Arbitrary<SearchKey> = fc.constantFrom(
  { flag: "a" },
  { flag: "b" },
  { flag: "c" },
  { larger: 3 },
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

const worlds = Array.from({ length: 16 }, (_, bits) => (name: string) => (bits & (1 << "abc3".indexOf(name))) !== 0);

function holds(of: SearchKey, is: (name: string) => boolean): boolean {
  if ("all" in of) return true;
  if ("uids" in of) return false;
  if ("and" in of) return of.and.every((each) => holds(each, is));
  if ("or" in of) return of.or.some((each) => holds(each, is));
  if ("not" in of) return !holds(of.not, is);
  return is("flag" in of ? of.flag : "3");
}

describe("a simplified search key", () => {
  it("finds the same", () =>
    fc.assert(
      fc.property(key, (of) => {
        const simple = simplifyKey(of);
        for (const is of worlds) assert.equal(holds(simple, is), holds(of, is));
      }),
      { numRuns: 2000 },
    ));

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
