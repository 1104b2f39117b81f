import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { packSets, unpackSet } from "./uid-set.ts";

test("neighbours become ranges", () => {
  assert.deepEqual(packSets([5, 1, 2, 3, 9, 8, 2]), ["1:3,5,8:9"]);
  assert.deepEqual(packSets([4294967295]), ["4294967295"]);
  assert.deepEqual(packSets([]), []);
});

test("what cannot be a UID is left out, not taken for another one", () => {
  assert.deepEqual(packSets([0, -1, 1.5, Number.NaN, 4294967297, 7]), ["7"]);
});

test("a hundred thousand scattered UIDs go in lines that every server takes", () => {
  const sets = packSets(Array.from({ length: 100_000 }, (_, index) => index * 2 + 1));
  assert.ok(sets.every((set) => set.length <= 4_000));
  assert.equal(sets.flatMap((set) => set.split(",")).length, 100_000);
});

const uid = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 0xffffffff }));

test("sets hold exactly the numbers put into them, in order, within their length", () => {
  fc.assert(
    fc.property(fc.array(uid, { maxLength: 300 }), fc.integer({ min: 30, max: 200 }), (uids, length) => {
      const sets = packSets(uids, length);
      assert.ok(sets.every((set) => set.length <= length));
      const expected = [...new Set(uids)].sort((a, b) => a - b);
      assert.deepEqual(
        sets.flatMap((set) => unpackSet(set, 1_000)),
        expected,
      );
    }),
  );
});

test("a set is read in the order written, whichever way its ranges run", () => {
  assert.deepEqual(unpackSet("9,3:1,5:6", 10), [9, 3, 2, 1, 5, 6]);
  assert.deepEqual(unpackSet("", 10), []);
});

test("a set that names more than it may is refused before it is written out", () => {
  assert.equal(unpackSet("1:4294967295", 1_000), null);
  assert.equal(unpackSet("1:5,6:11", 10), null);
});

test("whatever is no set is refused", () => {
  for (const text of ["*", "1:*", "0", "1:0", "a", "1,,2", ",", "1:2:3", "99999999999", "4294967296"]) {
    assert.equal(unpackSet(text, 1_000), null, text);
  }
  fc.assert(
    fc.property(fc.string(), (text) => {
      const numbers = unpackSet(text, 100);
      assert.ok(numbers === null || numbers.every((number) => Number.isInteger(number) && number > 0));
    }),
  );
});
