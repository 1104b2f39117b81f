import { parseArgs } from "node:util";
import type { HouseKind } from "../e2e/house.ts";
import { runTrial } from "./trial.ts";

/** The trial at length: `--seeds 1,2,3 --rounds 100 --kinds apart,together`. */

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1" },
    rounds: { type: "string", default: "60" },
    kinds: { type: "string", default: "apart,together" },
  },
});
// Each process that is started is ended with this one.
process.setMaxListeners(0);
const servers = [[], ["NOTIFY"], ["NOTIFY", "QRESYNC"], ["NOTIFY", "QRESYNC", "CONDSTORE"]];
for (const seed of values.seeds.split(",").map(Number))
  for (const kind of values.kinds.split(",") as HouseKind[]) {
    const start = performance.now();
    const say = (text: string): void =>
      console.log(`${((performance.now() - start) / 1_000).toFixed(1)} s, seed ${seed}, ${kind}: ${text}`);
    await runTrial({ kind, servers, seed, rounds: Number(values.rounds), say });
    say("as the mail servers have it");
  }
