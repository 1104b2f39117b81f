import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FactStore, keysOf } from "./fact-store.ts";
import { Known } from "./known.ts";

const facts = fc.record(
  { size: fc.nat(), internalDate: fc.option(fc.integer()), snippet: fc.option(fc.string({ unit: "grapheme" })) },
  { noNullPrototype: true },
);

test("what is packed is unpacked as it was, fields that were made included", () => {
  fc.assert(
    fc.property(facts, fc.string({ unit: "grapheme" }), (given, subject) => {
      const known = new Known(given);
      known.field("subject", () => subject);
      const back = Known.unpack(known.pack());
      assert.ok(back);
      assert.equal(
        back.field("subject", () => assert.fail("made again")),
        JSON.stringify(subject),
      );
      assert.ok(back.has("size") && !back.has("structure"));
      assert.deepEqual(back.facts, given);
      assert.deepEqual(Known.unpack(back.with({ size: 5 }).pack())?.facts, { ...given, size: 5 });
    }),
  );
});

test("octets that were changed or cut are a miss", () => {
  const octets = new Known({ size: 7, snippet: "Grüße" }).pack();
  for (let at = 0; at < octets.length; at += 1) {
    const changed = Uint8Array.from(octets);
    changed[at] = (changed[at] ?? 0) ^ 0x20;
    assert.equal(Known.unpack(changed), null);
    assert.equal(Known.unpack(octets.subarray(0, at)), null);
  }
});

test("memory is bounded, and what was asked for last stays", async () => {
  const written = new Map<string, Uint8Array>();
  const store = new FactStore(
    {
      getMany: async (_, keys) => keys.map((key) => written.get(key) ?? null),
      setMany: async (_, entries) => {
        for (const [key, value] of entries) written.set(key, value);
      },
      dropAccount: async () => undefined,
    },
    50_000,
  );
  const place = { account: { id: "a", key: 1 }, record: { key: 2 }, state: { uidValidity: 3 } };
  for (let uid = 1; uid <= 50; uid += 1) {
    store.keep(place, [[uid, new Known({ size: uid })]]);
    assert.equal(store.atHand(place, [1]).size, 1);
  }
  assert.equal(store.atHand(place, [2]).size, 0);
  await store.flush();
  assert.equal((await store.recall(place, [2])).get(2)?.facts.size, 2);
  const [key = ""] = keysOf(place, [3]);
  written.set(key, new Uint8Array([1, 2, 3]));
  assert.equal((await store.recall(place, [3])).size, 0);
});
