import { parseArgs } from "node:util";
import { commonsOf } from "./commons.ts";
import { Ledger } from "./ledger.ts";
import { prepare } from "./prepare.ts";
import { rollAll, startSteady } from "./rolling.ts";
import { World } from "./world.ts";

/** `node test/chaos/rolling.main.ts --per-second 200 --between 2000`: everything is replaced while so many ask. */
const { values } = parseArgs({
  options: {
    "per-second": { type: "string", default: "200" },
    clients: { type: "string", default: "24" },
    between: { type: "string", default: "2000" },
  },
});

const world = await World.start(["user0", "user1", "user2", "user3"]);
for (const account of world.accounts) await prepare(world, account, new Ledger(0), commonsOf(account.id, []));
const began = performance.now();
const steady = startSteady(world, { clients: Number(values.clients), perSecond: Number(values["per-second"]) });
await rollAll(world, () => steady.more(Number(values.between)));
await steady.stop();
const seconds = (performance.now() - began) / 1_000;
const lines = [
  `${steady.answered} requests in ${seconds.toFixed(1)} s, ${(steady.answered / seconds).toFixed(0)} a second, the slowest took ${Math.round(steady.slowestMs)} ms`,
  `${steady.failed.length} failed`,
  ...steady.failed.slice(0, 10),
];
process.stdout.write(`${lines.join("\n")}\n`);
await world.stop();
await world.stopServers();
process.exit(steady.failed.length === 0 ? 0 : 1);
