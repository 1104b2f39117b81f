import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BackOff } from "./back-off.ts";

function clocked(random = 1): { clock: { now: number }; backOff: BackOff } {
  const clock = { now: 5_000 };
  const backOff = new BackOff(
    () => clock.now,
    () => random,
  );
  return { clock, backOff };
}

test("nobody has to wait before anything has failed", () => {
  assert.equal(clocked().backOff.rest(), null);
});

test("after each failure in turn the rest is twice as long, up to a minute", () => {
  const { clock, backOff } = clocked();
  const rests = Array.from({ length: 9 }, () => {
    backOff.failed(new Error("away"));
    const ms = backOff.rest()?.ms ?? 0;
    clock.now += ms;
    return ms / 1_000;
  });
  assert.deepEqual(rests, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
});

test("several attempts that fail together count as one, and the last one's reason is told", () => {
  const { backOff } = clocked();
  for (const reason of ["one", "two", "three"]) backOff.failed(new Error(reason));
  assert.equal(backOff.rest()?.ms, 1_000);
  assert.equal(backOff.rest()?.last.message, "three");
});

test("a success ends it, and the next failure begins anew", () => {
  const { clock, backOff } = clocked();
  backOff.failed(new Error("away"));
  clock.now += 1_000;
  backOff.failed(new Error("away"));
  backOff.succeeded();
  assert.equal(backOff.rest(), null);
  assert.equal(backOff.isProbing, false);
  backOff.failed(new Error("away"));
  assert.equal(backOff.rest()?.ms, 1_000);
});

test("when the rest is over one may try, but it is known that it is a trial", () => {
  const { clock, backOff } = clocked();
  backOff.failed(new Error("away"));
  clock.now += 1_000;
  assert.equal(backOff.rest(), null);
  assert.equal(backOff.isProbing, true);
});

test("chance spreads the rests over the second half of the span, however long it fails", () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 1, max: 2_000 }), (random, failures) => {
      const { clock, backOff } = clocked(random);
      for (let failed = 1; failed < failures; failed += 1) {
        backOff.failed(new Error("away"));
        clock.now += backOff.rest()?.ms ?? 0;
      }
      backOff.failed(new Error("away"));
      const span = Math.min(60_000, 1_000 * 2 ** (failures - 1));
      const ms = backOff.rest()?.ms ?? 0;
      assert.ok(ms >= span / 2 && ms <= span);
      assert.ok(Math.abs(ms - (span / 2) * (1 + random)) < 1);
    }),
    { numRuns: 50 },
  );
});
