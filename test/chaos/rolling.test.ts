import assert from "node:assert/strict";
import { test } from "node:test";
import { commonsOf } from "./commons.ts";
import { Ledger } from "./ledger.ts";
import { prepare } from "./prepare.ts";
import { rollAll, startSteady } from "./rolling.ts";
import { World } from "./world.ts";

test("every worker and every gateway is replaced in turn under steady requests, and none of them fails", {
  timeout: 240_000,
}, async (t) => {
  const world = await World.start(["user0", "user1", "user2"]);
  try {
    for (const account of world.accounts) await prepare(world, account, new Ledger(0), commonsOf(account.id, []));
    const steady = startSteady(world, { clients: 12, perSecond: 200 });
    await steady.more(100);
    await rollAll(world, () => steady.more(60));
    await steady.stop();
    t.diagnostic(`${steady.answered} answered, the slowest in ${Math.round(steady.slowestMs)} ms`);
    assert.deepEqual(steady.failed, []);
    await world.stop();
    assert.deepEqual(world.badEnds, []);
  } finally {
    for (const { process } of [...world.gateways, ...world.workers]) process.kill("SIGKILL");
    await world.stopServers();
  }
});
