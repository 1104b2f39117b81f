// Compares the lockfile with the first safe version of what is known to have been unsafe (advisories.json, kept by hand).
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

/** Versions in a pnpm lockfile that are older than the first safe one: `name@version`. */
export function unsafe(lockfile, firstSafe) {
  const packages = lockfile.slice(lockfile.indexOf("\npackages:"), lockfile.indexOf("\nsnapshots:"));
  const found = [...packages.matchAll(/^ {2}'?((?:@[^/\s']+\/)?[^@\s'/]+)@(\d+\.\d+\.\d+)/gm)];
  return found.flatMap(([, name, version]) => {
    const safe = Object.hasOwn(firstSafe, name) ? firstSafe[name] : undefined;
    return safe !== undefined && isOlder(version, safe) ? [`${name}@${version}`] : [];
  });
}

function isOlder(version, than) {
  const [a, b] = [version, than].map((text) => text.split(".").map(Number));
  const at = a.findIndex((number, index) => number !== b[index]);
  return at >= 0 && a[at] < b[at];
}

function main() {
  const firstSafe = JSON.parse(readFileSync(new URL("advisories.json", import.meta.url), "utf8"));
  const problems = unsafe(readFileSync(new URL("../pnpm-lock.yaml", import.meta.url), "utf8"), firstSafe);
  for (const problem of problems) console.error(`${problem} is known to be unsafe`);
  process.exit(problems.length === 0 ? 0 : 1);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main();
