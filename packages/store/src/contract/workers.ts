import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pair } from "./index.ts";
import { until } from "./samples.ts";

export function workersContract(pair: () => Pair): void {
  test("a worker lives from its announcement until it withdraws", async () => {
    const { one, other } = pair();
    const [first, second] = [
      { id: "w-1", url: "http://10.0.0.1:8026" },
      { id: "w-2", url: "http://10.0.0.2:8026" },
    ];
    await one.workers.announce(second, 60_000);
    await one.workers.announce({ ...first, url: "http://10.0.0.9:1" }, 60_000);
    await other.workers.announce(first, 60_000);
    assert.deepEqual(await other.workers.live(), [first, second]);
    await other.workers.withdraw("w-1");
    await other.workers.withdraw("w-nobody");
    assert.deepEqual(await one.workers.live(), [second]);
    await one.workers.withdraw("w-2");
    assert.deepEqual(await other.workers.live(), []);
  });

  test("a worker that is not heard of again is gone when its time is over", async () => {
    const { one, other } = pair();
    const entry = { id: "w-3", url: "http://10.0.0.3:8026" };
    await one.workers.announce(entry, 60_000);
    await one.workers.announce(entry, 40);
    await until(async () => (await other.workers.live()).length === 0);
    await one.workers.announce(entry, 60_000);
    assert.deepEqual(await other.workers.live(), [entry]);
    await one.workers.withdraw("w-3");
  });
}
