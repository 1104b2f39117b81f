import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { type HouseKind, startHouse } from "../e2e/house.ts";
import { downloads } from "./downloads.ts";
import { Freshness } from "./freshness.ts";
import { lists } from "./lists.ts";
import type { Rate } from "./load.ts";
import { messages } from "./messages.ts";
import { print, type Row } from "./rows.ts";
import { enter, type Setting, startWorld } from "./setting.ts";

/** Compares Postern, in one run and as ratios, with what one would write oneself, and with ImapFlow without HTTP. */

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "8" },
    clients: { type: "string", default: "32" },
    /** Of `lists`, `messages`, `downloads`, `freshness`, with commas. */
    only: { type: "string", default: "lists,messages,downloads,freshness" },
    kinds: { type: "string", default: "together,apart" },
    checks: { type: "string", default: "10000" },
  },
});
const seconds = Number(values.seconds);
const clients = Number(values.clients);
const parts = new Set(values.only.split(","));

const world = await startWorld();
let inOneProcess: Rate | null = null;
let isFresh = true;
for (const kind of values.kinds.split(",") as HouseKind[]) {
  const house = await startHouse(kind);
  const setting = await enter(world, house, { seconds, clients });
  const freshness = parts.has("freshness") ? await Freshness.begin(setting) : null;
  const before = loadavg()[0] ?? 0;
  print(
    `Services ${kind}; ${cpus().length} cores, load before ${before.toFixed(1)}, Node ${process.versions.node}; ${clients} clients, ${seconds} s each`,
    await measure(setting),
  );
  if (freshness) await check(freshness);
  await setting.leave();
  await house.stop();
}
await world.stop();
process.exitCode = isFresh ? 0 : 1;

async function measure(setting: Setting): Promise<Row[]> {
  const rows: Row[] = [];
  if (parts.has("lists")) {
    const measured = await lists(setting, inOneProcess);
    inOneProcess ??= measured.list;
    rows.push(...measured.rows);
  }
  if (parts.has("messages")) rows.push(...(await messages(setting)));
  if (parts.has("downloads")) rows.push(...(await downloads(setting)));
  return rows;
}

async function check(freshness: Freshness): Promise<void> {
  await freshness.finish(Number(values.checks));
  console.log(
    `\nFreshness: ${freshness.checks} lists after a change by another client, ${freshness.failures.length} did not show it`,
  );
  for (const failure of freshness.failures.slice(0, 5)) console.log(failure);
  if (freshness.failures.length > 0) isFresh = false;
}
