import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import type { Pair } from "./index.ts";
import { until } from "./samples.ts";

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const texts = (values: (Uint8Array | null)[]): (string | null)[] =>
  values.map((value) => value && Buffer.from(value).toString());

export function cacheContract(pair: () => Pair): void {
  test("the cache answers in the order asked, null for what it does not have", async () => {
    const { one, other } = pair();
    const entries: [string, Uint8Array][] = [
      ["a", bytes("1")],
      ["b", bytes("")],
      ["ü 日本\u0000}{:", bytes("3")],
    ];
    await one.cache.setMany("cache-order", entries, 60);
    const asked = ["ü 日本\u0000}{:", "nothing", "a", "b", "a"];
    assert.deepEqual(texts(await other.cache.getMany("cache-order", asked)), ["3", null, "1", "", "1"]);
    assert.deepEqual(texts(await other.cache.getMany("cache-elsewhere", asked)), [null, null, null, null, null]);
    assert.deepEqual(await other.cache.getMany("cache-order", []), []);
  });

  test("a value written again replaces the one before", async () => {
    const { one, other } = pair();
    await one.cache.setMany("cache-again", [["k", bytes("old")]], 60);
    await other.cache.setMany("cache-again", [["k", bytes("new")]], 60);
    assert.deepEqual(texts(await one.cache.getMany("cache-again", ["k"])), ["new"]);
  });

  test("a value is gone when its time is over", async () => {
    const { one, other } = pair();
    await one.cache.setMany("cache-ttl", [["k", bytes("v")]], 0.05);
    await until(async () => (await other.cache.getMany("cache-ttl", ["k"]))[0] === null);
    await one.cache.setMany("cache-ttl", [["never", bytes("v")]], 0);
    assert.deepEqual(await one.cache.getMany("cache-ttl", ["never"]), [null]);
  });

  test("dropping an account drops all of it and nothing else", async () => {
    const { one, other } = pair();
    const names = Array.from({ length: 1_200 }, (_, index) => `k${index}`);
    await one.cache.setMany(
      "cache-drop",
      names.map((name) => [name, bytes(name)]),
      60,
    );
    await one.cache.setMany("cache-drop-2", [["k0", bytes("kept")]], 60);
    assert.deepEqual(texts(await other.cache.getMany("cache-drop", names)), names);
    await other.cache.dropAccount("cache-drop");
    assert.ok((await one.cache.getMany("cache-drop", names)).every((value) => value === null));
    assert.deepEqual(texts(await one.cache.getMany("cache-drop-2", ["k0"])), ["kept"]);
  });

  test("large values come back to the last octet", async () => {
    const { one, other } = pair();
    const large = [randomBytes(3_000_000), randomBytes(1_500_000), randomBytes(10)];
    await one.cache.setMany(
      "cache-large",
      large.map((value, index) => [`${index}`, value]),
      60,
    );
    const found = await other.cache.getMany("cache-large", ["0", "1", "2"]);
    for (const [index, value] of large.entries()) assert.ok(value.equals(found[index] ?? Buffer.alloc(0)));
  });

  test("no two keys are taken for each other, whatever they hold", async () => {
    const { one } = pair();
    const keys = fc.uniqueArray(fc.string({ unit: "binary" }), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(keys, async (names) => {
        await one.cache.setMany(
          "cache-keys",
          names.map((name) => [name, bytes(JSON.stringify(name))]),
          60,
        );
        assert.deepEqual(
          texts(await one.cache.getMany("cache-keys", names)),
          names.map((name) => JSON.stringify(name)),
        );
      }),
      { numRuns: 50 },
    );
    await one.cache.setMany("cache-keys", [["\ud800", bytes("lone")]], 60);
    assert.deepEqual(texts(await one.cache.getMany("cache-keys", ["\ud801", "\ufffd"])), [null, null]);
  });
}
