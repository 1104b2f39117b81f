import assert from "node:assert/strict";
import { test } from "node:test";
import type { FaultName } from "./faults.ts";
import { run } from "./run.ts";

const faults: FaultName[] = ["imap-kill", "cut", "bye", "uidvalidity", "cache-flush", "worker-kill"];

test("through faults of several kinds nothing is lost, doubled, mixed up or left behind", {
  timeout: 240_000,
}, async (t) => {
  const { wrong, ledger, injected } = await run({
    seed: 1,
    ops: 400,
    faults,
    rounds: 1,
    accounts: 2,
    actors: 3,
    say: (line) => t.diagnostic(line),
  });
  assert.deepEqual(wrong, []);
  assert.deepEqual([...injected.keys()].toSorted(), faults.toSorted());
  assert.ok(ledger.entries.some(({ outcome }) => outcome === "done"));
});
