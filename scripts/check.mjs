// Types, lint, format, dead code, fences and known-bad versions, in this order. Needs the right Node.
import { spawnSync } from "node:child_process";

const steps = [
  ["types", "tsc", "--project", "tsconfig.json", "--noEmit"],
  ["lint", "oxlint", "--type-aware", "--deny-warnings", "packages", "services", "test", "scripts"],
  ["format", "biome", "format", "."],
  ["dead code", "knip", "--no-progress"],
  ["fences", process.execPath, "scripts/fences.mjs"],
  ["advisories", process.execPath, "scripts/advisories.mjs"],
];

for (const [name, command, ...args] of steps) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { encoding: "utf8", maxBuffer: 1 << 28 });
  if (status === 0) {
    console.log(`✔ ${name}`);
    continue;
  }
  console.error(`✖ ${name}\n${error ?? ""}${stdout ?? ""}${stderr ?? ""}`);
  process.exit(1);
}
