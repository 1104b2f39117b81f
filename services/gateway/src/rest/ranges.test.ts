import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { rangeIn } from "./ranges.ts";

const place = fc.nat({ max: 999_999_999_999_999 });
const unit = fc.constantFrom("bytes", "Bytes", "BYTES");

test("a range between two octets is read as it is written", () => {
  fc.assert(
    fc.property(unit, place, place, (name, one, other) => {
      const [first, last] = one < other ? [one, other] : [other, one];
      assert.deepEqual(rangeIn(`${name}=${first}-${last}`), { first, last });
    }),
  );
});

test("a range without an end, and one of the last octets, are read as they are written", () => {
  fc.assert(
    fc.property(unit, place, (name, octets) => {
      assert.deepEqual(rangeIn(`${name}=${octets}-`), { first: octets });
      assert.deepEqual(rangeIn(`${name}=-${octets}`), octets === 0 ? null : { suffix: octets });
    }),
  );
});

test("a range that ends before it begins is ignored", () => {
  fc.assert(
    fc.property(place, fc.integer({ min: 1, max: 1_000 }), (last, more) =>
      assert.equal(rangeIn(`bytes=${last + more}-${last}`), null),
    ),
  );
});

test("several ranges, other units and what is no range are ignored", () => {
  for (const field of ["bytes=0-1,3-4", "bytes=0-1, -1", "lines=1-2", "bytes=-", "bytes=a-b", "bytes 0-1", "", "bytes"])
    assert.equal(rangeIn(field), null, field);
  assert.equal(rangeIn(undefined), null);
});

test("whatever is sent is a range of whole octets or none", () => {
  const near = fc.string({ unit: fc.constantFrom(..."bytes=-0123456789, .e+"), maxLength: 60 });
  fc.assert(
    fc.property(
      near.map((text) => `bytes=${text}`),
      (field) => {
        const range = rangeIn(field);
        for (const number of Object.values(range ?? {}))
          assert.ok(number !== undefined && Number.isSafeInteger(number) && number >= 0, field);
      },
    ),
  );
});
