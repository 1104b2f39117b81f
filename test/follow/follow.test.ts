import { test } from "node:test";
import { runTrial } from "./trial.ts";

const ALL_TAKEN_AWAY = ["NOTIFY", "QRESYNC", "CONDSTORE"];

test("whatever other clients do while those who serve come to harm, each way to follow leads to what the mail servers have", {
  timeout: 240_000,
}, async (t) => {
  const servers = [0, 1, 2, 3].map((count) => ALL_TAKEN_AWAY.slice(0, count));
  for (const kind of ["apart", "together"] as const)
    await t.test(`services ${kind}`, () => runTrial({ kind, servers, seed: 1, rounds: 6 }));
});
