// Runs the tests: all, or those whose path contains one of the arguments. Needs the right Node.
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";

const wanted = process.argv.slice(2);
const all = globSync("{packages,services,scripts,test}/**/*.test.{ts,mjs}", {
  exclude: (name) => name.includes("node_modules"),
});
const files = all.filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part))).sort();
const options = ["--test", "--test-reporter=spec", "--test-concurrency=2", "--test-timeout=300000"];
const { status } = spawnSync(process.execPath, [...options, ...files], { stdio: "inherit" });
process.exit(status ?? 1);
