import { test } from "node:test";
import { runTrial } from "./trial.ts";

const TAKEN_AWAY = ["NOTIFY", "QRESYNC", "CONDSTORE"];

/** A short one of what `pnpm follow` does at length. The seed is one that has all kinds of troubles early. */
test("whatever other clients do while those who serve come to harm, each way to follow leads to what the mail servers have", {
  timeout: 280_000,
}, async (t) => {
  const servers = [0, 1, 2, 3].map((count) => TAKEN_AWAY.slice(0, count));
  await t.test("services apart", () => runTrial({ kind: "apart", servers, seed: 109, rounds: 4 }));
  await t.test("services together", () => runTrial({ kind: "together", servers, seed: 109, rounds: 2 }));
});
