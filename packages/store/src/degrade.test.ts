import assert from "node:assert/strict";
import { test } from "node:test";
import { degrade } from "./degrade.ts";
import type { Cache } from "./store.ts";

interface Moody {
  cache: Cache;
  calls: number;
  mood: "well" | "throws" | "silent";
}

/** A cache that has everything, or fails in the way it is told to. */
function moody(): Moody {
  const answer = async <T>(value: T): Promise<T> => {
    self.calls += 1;
    if (self.mood === "throws") throw new Error("broken");
    if (self.mood === "silent") await new Promise(() => undefined);
    return value;
  };
  const self: Moody = {
    calls: 0,
    mood: "well",
    cache: {
      getMany: (_, keys) => answer(keys.map(() => Buffer.from("v"))),
      setMany: () => answer(undefined),
      dropAccount: () => answer(undefined),
    },
  };
  return self;
}

test("a broken cache is a miss, and its errors are told", async () => {
  const broken = moody();
  broken.mood = "throws";
  const errors: unknown[] = [];
  const cache = degrade(broken.cache, { onError: (error) => errors.push(error) });
  assert.deepEqual(await cache.getMany("a", ["x", "y"]), [null, null]);
  await cache.setMany("a", [["x", Buffer.from("v")]], 60);
  await cache.dropAccount("a");
  assert.equal(errors.length, 3);
});

test("a silent cache is a miss", async () => {
  const silent = moody();
  silent.mood = "silent";
  const cache = degrade(silent.cache, { timeoutMs: 5 });
  assert.deepEqual(await cache.getMany("a", ["x"]), [null]);
});

test("after repeated failures the cache is left alone, but an account is still dropped", async () => {
  const broken = moody();
  broken.mood = "throws";
  const cache = degrade(broken.cache, { failures: 3, pauseMs: 3_600_000 });
  for (let asked = 0; asked < 10; asked += 1) await cache.getMany("a", ["x"]);
  assert.equal(broken.calls, 3);
  await cache.dropAccount("a");
  assert.equal(broken.calls, 4);
});

test("a failure now and then does not stop it", async () => {
  const flaky = moody();
  const cache = degrade(flaky.cache, { failures: 2, pauseMs: 3_600_000 });
  for (let asked = 0; asked < 10; asked += 1) {
    flaky.mood = asked % 2 ? "throws" : "well";
    await cache.getMany("a", ["x"]);
  }
  assert.equal(flaky.calls, 10);
});

test("after the pause one call tries it, and when that goes well all do", async () => {
  const broken = moody();
  broken.mood = "throws";
  const cache = degrade(broken.cache, { failures: 1, pauseMs: 20 });
  await cache.getMany("a", ["x"]);
  broken.mood = "well";
  for (;;) {
    const [value] = await cache.getMany("a", ["x"]);
    if (value) break;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(broken.calls, 2);
  assert.deepEqual(await cache.getMany("a", ["x"]), [Buffer.from("v")]);
});
