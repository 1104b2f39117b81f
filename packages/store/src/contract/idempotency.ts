import assert from "node:assert/strict";
import { test } from "node:test";
import type { IdempotencyRecord } from "../store.ts";
import type { Pair } from "./index.ts";
import { until } from "./samples.ts";

const DAY_MS = 86_400_000;
const running = (changes: Partial<IdempotencyRecord> = {}): IdempotencyRecord => ({
  version: 1,
  fingerprint: null,
  leaseUntil: 5,
  answer: null,
  ...changes,
});

export function idempotencyContract(pair: () => Pair): void {
  test("a key that was used is told with what is known of it, to whoever uses it again", async () => {
    const { one, other } = pair();
    assert.equal(await one.idempotency.begin("admin", "key 1 é", running(), DAY_MS), null);
    assert.deepEqual(await other.idempotency.begin("admin", "key 1 é", running({ leaseUntil: 9 }), DAY_MS), running());
    assert.equal(await other.idempotency.begin("tok_1", "key 1 é", running(), DAY_MS), null);
    const answer = { status: 201, headers: { location: "/v1/x" }, body: '{"id":"é\u0000"}' };
    const answered = running({ fingerprint: "abc", answer });
    assert.equal(await other.idempotency.update("admin", "key 1 é", answered, DAY_MS), true);
    assert.deepEqual(await one.idempotency.begin("admin", "key 1 é", running(), DAY_MS), { ...answered, version: 2 });
  });

  test("of many who begin with the same key at once, one does", async () => {
    const { one, other } = pair();
    const begun = await Promise.all(
      [one, other, one, other].map((store) => store.idempotency.begin("admin", "race", running(), DAY_MS)),
    );
    assert.equal(begun.filter((known) => known === null).length, 1);
  });

  test("who knows an older version of it changes and removes nothing", async () => {
    const { one, other } = pair();
    await one.idempotency.begin("admin", "cas", running(), DAY_MS);
    assert.equal(await one.idempotency.update("admin", "cas", running({ leaseUntil: 6 }), DAY_MS), true);
    assert.equal(await other.idempotency.update("admin", "cas", running({ leaseUntil: 7 }), DAY_MS), false);
    await other.idempotency.remove("admin", "cas", 1);
    assert.equal((await other.idempotency.begin("admin", "cas", running(), DAY_MS))?.leaseUntil, 6);
    await one.idempotency.remove("admin", "cas", 2);
    assert.equal(await other.idempotency.begin("admin", "cas", running(), DAY_MS), null);
    assert.equal(await one.idempotency.update("admin", "never", running(), DAY_MS), false);
  });

  test("a key is free again after its time", async () => {
    const { one, other } = pair();
    await one.idempotency.begin("admin", "short", running(), 20);
    await until(async () => (await other.idempotency.begin("admin", "short", running(), 20)) === null);
  });
}
