import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { rank } from "./route.ts";

const workers = fc
  .uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 8 })
  .map((ids) => ids.map((id) => ({ id, url: `http://${encodeURIComponent(id)}.example.org` })));

test("every gateway ranks the same workers alike, in whatever order it learnt of them", () => {
  fc.assert(
    fc.property(workers, fc.string(), (list, key) => {
      assert.deepEqual(rank([...list].reverse(), key), rank(list, key));
    }),
  );
});

test("when a worker leaves, only its own accounts move", () => {
  fc.assert(
    fc.property(workers, fc.string(), fc.nat(), (list, key, which) => {
      const leaver = list[which % list.length];
      const first = rank(list, key)[0];
      fc.pre(first !== leaver);
      const rest = list.filter((worker) => worker !== leaver);
      assert.equal(rank(rest, key)[0], first);
    }),
  );
});

test("accounts are spread over the workers", () => {
  const list = ["w1", "w2", "w3", "w4"].map((id) => ({ id, url: id }));
  const counts = new Map<string, number>();
  for (let account = 0; account < 4_000; account += 1) {
    const id = rank(list, `account-${account}`)[0]?.id ?? "";
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  for (const { id } of list) assert.ok((counts.get(id) ?? 0) > 800, `${id} has ${counts.get(id)} of 4,000`);
});
