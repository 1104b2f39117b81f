// Sets up everything that Postern needs beyond Node 20 and npm. Plain JavaScript: it runs on the Node that is there.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
const tools = join(root, ".tools");
const bin = join(tools, "node_modules", ".bin");
/** The Node and pnpm that Postern is run with, whatever the machine has. */
const versions = { node: "26.10.0", pnpm: "12.21.0" };

/** The environment in which the right Node and the workspace's programs come first. */
export function toolEnvironment() {
  const path = [bin, join(root, "node_modules", ".bin"), process.env.PATH].join(":");
  return { ...process.env, PATH: path };
}

/** Runs a command in the project's folder with the right Node; its exit code. */
export function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: "inherit",
    env: toolEnvironment(),
    ...options,
  });
  if (error) throw error;
  return status ?? 1;
}

/** Quick when nothing has changed since the last time. */
export function setUp() {
  if (isDone(join(tools, "stamp"), toolsFingerprint())) return;
  installTools();
  must(run("pnpm", ["install", "--frozen-lockfile"]), "installing the dependencies");
  writeFileSync(join(tools, "stamp"), toolsFingerprint());
}

function installTools() {
  mkdirSync(tools, { recursive: true });
  // `node` needs its install script, which puts the binary of this platform in place.
  const manifest = { name: "postern-tools", private: true, dependencies: versions, allowScripts: { node: true } };
  writeFileSync(join(tools, "package.json"), JSON.stringify(manifest, null, 2));
  const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
  must(run("npm", ["install", ...quiet], { cwd: tools, env: process.env }), "installing Node and pnpm");
  const { stdout } = spawnSync(join(bin, "node"), ["--version"], { encoding: "utf8" });
  if (stdout?.trim() !== `v${versions.node}`) throw new Error(`Node ${versions.node} could not be installed by npm`);
}

function toolsFingerprint() {
  const lock = readFileSync(join(root, "pnpm-lock.yaml"));
  return createHash("sha256").update(lock).update(JSON.stringify(versions)).update(process.arch).digest("hex");
}

function isDone(stamp, fingerprint) {
  const isInstalled = existsSync(join(root, "node_modules", ".modules.yaml"));
  return isInstalled && existsSync(stamp) && readFileSync(stamp, "utf8") === fingerprint;
}

/** Ends the process when a step failed. */
export function must(status, step) {
  if (status === 0) return;
  console.error(`\nPostern: ${step} failed.`);
  process.exit(status);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) setUp();
