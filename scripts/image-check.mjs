// pnpm image-check: builds the images of deploy/Dockerfile and starts the services out of them. Needs root and Debian.
// Base images cannot be fetched everywhere: the base is made of Debian's packages and of the Node that the tools have.
import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { startRedis } from "../test/servers/redis.ts";
import { installPackages } from "./apt.mjs";
import { root, setUp, toolEnvironment } from "./setup.mjs";

const work = mkdtempSync(join(tmpdir(), "postern-image-"));
const BASE = "localhost/postern-base";
/** Where Debian keeps its authorities. Registries may be behind one that only this machine knows. */
const AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt";
const NOBODY = 65_532;
const endings = [];
const secrets = {
  POSTERN_ADMIN_TOKEN: `admin-${randomBytes(16).toString("hex")}`,
  POSTERN_SECRET_KEYS: `check:${randomBytes(32).toString("base64")}`,
};

async function main() {
  setUp();
  installPackages({ buildah: "buildah", mmdebstrap: "mmdebstrap", "redis-server": "redis-server" });
  endings.push(() => rmSync(work, { recursive: true, force: true }));
  makeBase();
  for (const target of ["gateway", "worker", "standalone"]) build(target);
  const [gateway, worker, standalone] = ["gateway", "worker", "standalone"].map(treeOf);
  await answersAlone(standalone);
  await answersApart(gateway, worker);
}

/** Layers are copied whole where the kernel has no overlay to offer. */
function driver() {
  const hasOverlay = /\boverlay$/m.test(readFileSync("/proc/filesystems", "utf8"));
  return process.env.STORAGE_DRIVER ?? (hasOverlay ? "overlay" : "vfs");
}

function buildah(...args) {
  const storage = ["--storage-driver", driver(), "--root", join(work, "storage"), "--runroot", join(work, "run")];
  return command("buildah", [...storage, ...args]);
}

function command(name, args) {
  const { status, stdout, stderr, error } = spawnSync(name, args, {
    cwd: root,
    encoding: "utf8",
    env: toolEnvironment(),
    maxBuffer: 1 << 26,
  });
  if (status !== 0) throw new Error(`${name} ${args.join(" ")}\n${error ?? ""}${stdout}${stderr}`.slice(-8_000));
  return stdout.trim();
}

function makeBase() {
  console.log("base: Debian's essential packages and Node");
  const { VERSION_CODENAME: suite } = Object.fromEntries(
    readFileSync("/etc/os-release", "utf8")
      .split("\n")
      .map((line) => line.split("=")),
  );
  const files = join(work, "base.tar");
  const sources = ["/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"].filter(existsSync).slice(0, 1);
  const packages = "--include=ca-certificates,libatomic1,libstdc++6";
  command("mmdebstrap", ["--quiet", "--variant=essential", packages, suite, files, ...sources]);
  const container = buildah("from", "scratch");
  buildah("add", container, files, "/");
  const local = join(work, "local");
  mkdirSync(join(local, "bin"), { recursive: true });
  cpSync(command("node", ["--print", "process.execPath"]), join(local, "bin/node"));
  cpSync(npmFolder(), join(local, "lib/node_modules/npm"), { recursive: true });
  buildah("copy", container, local, "/usr/local");
  buildah("copy", container, AUTHORITIES, AUTHORITIES);
  command("ln", [
    "-s",
    "../lib/node_modules/npm/bin/npm-cli.js",
    join(buildah("mount", container), "usr/local/bin/npm"),
  ]);
  const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  buildah("config", "--env", path, "--env", `NODE_EXTRA_CA_CERTS=${AUTHORITIES}`, container);
  buildah("commit", "--rm", container, BASE);
}

function npmFolder() {
  return join(command("readlink", ["-f", command("sh", ["-c", "command -v npm"])]), "../..");
}

function build(target) {
  console.log(`image: ${target}`);
  const store = command("pnpm", ["store", "path"]).replace(/\/v\d+$/, "");
  const volumes = [
    [store, "/root/.local/share/pnpm/store"],
    [join(process.env.HOME ?? "/root", ".npmrc"), "/root/.npmrc"],
  ];
  const given = volumes.filter(([from]) => existsSync(from)).flatMap(([from, to]) => ["--volume", `${from}:${to}`]);
  const options = ["--isolation", "chroot", "--layers", "--build-arg", `BASE=${BASE}`, "--target", target, ...given];
  buildah("bud", ...options, "--tag", `localhost/postern-${target}`, "--file", "deploy/Dockerfile", ".");
}

/** The files as a container sees them. */
function treeOf(target) {
  const container = buildah("from", `localhost/postern-${target}`);
  const tree = buildah("mount", container);
  endings.push(() => buildah("umount", container));
  lookAt(target, tree);
  return tree;
}

/** What must not be in an image, and who its process is. */
function lookAt(target, tree) {
  const { OCIv1 } = JSON.parse(buildah("inspect", "--type", "image", `localhost/postern-${target}`));
  const { User, Cmd, Entrypoint } = OCIv1.config;
  same(User, `${NOBODY}:${NOBODY}`, `${target} runs as nobody`);
  same([...Entrypoint, ...Cmd], ["node", `services/${target}/src/main.ts`], `${target} starts its service`);
  same(command("ls", [join(tree, "usr/local/bin")]), "node", `${target} has Node and no tool that installs`);
  const own = ["-name", "node_modules", "-prune", "-o", "-name", "*.test.ts", "-print"];
  same(command("find", [join(tree, "postern"), ...own]), "", `${target} has no tests`);
  same(existsSync(join(tree, "postern/node_modules/typescript")), false, `${target} has no compiler`);
  const writable = command("find", [tree, "-xdev", "(", "-uid", `${NOBODY}`, "-o", "-gid", `${NOBODY}`, ")", "-print"]);
  same(writable, join(tree, "data"), `${target} owns its data and nothing else`);
  console.log(`  ${target}: ${command("du", ["-sm", join(tree, "postern")]).split("\t")[0]} MB beside the base`);
}

async function answersAlone(tree) {
  const { url, stop } = await start("standalone", tree, { ...secrets, POSTERN_DATA_DIR: "/data" });
  await answers(url);
  same(await stop(), 0, "standalone drains and leaves");
}

async function answersApart(gatewayTree, workerTree) {
  const redis = await startRedis();
  endings.push(redis.stop);
  const settings = { ...secrets, POSTERN_REDIS_URL: redis.url };
  const worker = await start("worker", workerTree, settings);
  const gateway = await start("gateway", gatewayTree, settings);
  await answers(gateway.url);
  same(await gateway.stop(), 0, "the gateway drains and leaves");
  same(await worker.stop(), 0, "the worker drains and leaves");
}

/** The root is mounted read-only but for the folders that are volumes, and the process is nobody's. */
const contain = `
set -e
mount --bind "$1" "$1"
for name in data tmp; do mount -t tmpfs -o mode=1777 tmpfs "$1/$name"; done
mount -t proc proc "$1/proc"
mount --bind /dev "$1/dev"
mount -o remount,bind,ro "$1"
tree=$1; shift
exec chroot --userspec=${NOBODY}:${NOBODY} "$tree" "$@"`;

async function start(target, tree, env) {
  const main = `/postern/services/${target}/src/main.ts`;
  const child = spawn("unshare", ["--mount", "sh", "-c", contain, "sh", tree, "/usr/local/bin/node", main], {
    env: { POSTERN_HOST: "127.0.0.1", POSTERN_PORT: "0", NODE_ENV: "production", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => child.once("exit", (code) => resolve(code)));
  endings.push(() => child.kill("SIGKILL"));
  for await (const line of createInterface({ input: child.stdout })) {
    const { msg, url } = JSON.parse(line);
    if (msg !== "listening") continue;
    child.stdout.resume();
    return { url, stop: () => (child.kill("SIGTERM"), ended) };
  }
  throw new Error(`${target} ended with ${await ended}`);
}

async function answers(url) {
  const authorization = `Bearer ${secrets.POSTERN_ADMIN_TOKEN}`;
  for (const path of ["/livez", "/readyz", "/metrics", "/openapi.json", "/docs", "/graphiql", "/v1/accounts"]) {
    const response = await fetch(url + path, { headers: { authorization, connection: "close" } });
    same(response.status, 200, `${path} answers ${await response.text()}`);
  }
  const headers = { authorization, "content-type": "application/json", connection: "close" };
  const body = JSON.stringify({ query: "{ accounts { nodes { id } } }" });
  const answer = await fetch(`${url}/graphql`, { method: "POST", headers, body });
  same((await answer.json()).data, { accounts: { nodes: [] } }, "GraphQL answers");
}

function same(found, wanted, what) {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) throw new Error(`${what}: ${JSON.stringify(found)}`);
}

try {
  await main();
  console.log("✔ images: built, started, answered");
} finally {
  for (const end of endings.reverse()) await end();
}
