import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type FaultName, faultNames } from "./faults.ts";
import { type Result, run } from "./run.ts";

/** `pnpm chaos -- --seed 7 --ops 2000 --faults cut,worker-kill`; without `--faults` all of them, `none` for none. */
const { values } = parseArgs({
  args: process.argv.slice(2).filter((arg) => arg !== "--"),
  options: {
    seed: { type: "string", default: "1" },
    ops: { type: "string", default: "2000" },
    faults: { type: "string", default: "all" },
    rounds: { type: "string", default: "1" },
    accounts: { type: "string", default: "4" },
    actors: { type: "string", default: "3" },
    history: { type: "string" },
  },
});

const chosen = readFaults(values.faults);
const result = await run({
  seed: Number(values.seed),
  ops: Number(values.ops),
  faults: chosen,
  rounds: Number(values.rounds),
  accounts: Number(values.accounts),
  actors: Number(values.actors),
  say: (line) => process.stdout.write(`${line}\n`),
});
if (values.history !== undefined)
  writeFileSync(values.history, result.ledger.entries.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
report(result);
process.exit(result.wrong.length === 0 ? 0 : 1);

function readFaults(text: string): FaultName[] {
  if (text === "all") return faultNames;
  if (text === "none") return [];
  const names = text.split(",");
  const unknown = names.filter((name) => !faultNames.some((known) => known === name));
  if (unknown.length > 0)
    throw new Error(`There is no fault ${unknown.join(", ")}. There are ${faultNames.join(", ")}.`);
  return names as FaultName[];
}

function report({ ledger, wrong, injected, seconds }: Result): void {
  const count = (outcome: string): number => ledger.entries.filter((entry) => entry.outcome === outcome).length;
  const kinds = [
    "lost",
    "doubled",
    "foreign",
    "octets",
    "stale",
    "changed",
    "unexplained",
    "view",
    "leaked",
    "failure",
  ];
  const lines = [
    `seed ${values.seed}, ${ledger.entries.length} operations in ${seconds.toFixed(1)} s, faults: ${[...injected].map(([name, times]) => `${times} ${name}`).join(", ") || "none"}`,
    `writes: ${count("done")} done, ${count("none")} not done, ${count("unknown")} unknown; reads: ${count("read")}; slowest answer ${Math.round(ledger.slowestMs)} ms`,
    `answers: ${[...ledger.answers].map(([answer, times]) => `${times} × ${answer}`).join(", ")}`,
    kinds.map((kind) => `${wrong.filter((each) => each.startsWith(kind)).length} ${kind}`).join(", "),
    ...wrong.slice(0, 30),
    ...(wrong.length > 30 ? [`… and ${wrong.length - 30} more`] : []),
    wrong.length === 0 ? "All is as it was answered." : `${wrong.length} things are wrong.`,
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}
