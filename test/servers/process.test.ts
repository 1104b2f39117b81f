import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect, createServer } from "node:net";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { EndedAtOnce, onFreePorts, startDaemon, temporaryFolder } from "./process.ts";

const servers = new URL("index.ts", import.meta.url).href;

/** A process that starts both servers, says where they are, and waits for its end. */
const owner = `
const { startDovecot, startRedis } = await import(${JSON.stringify(servers)});
const [dovecot, redis] = await Promise.all([startDovecot(), startRedis()]);
console.log(JSON.stringify([dovecot.port, redis.port]));
setInterval(() => undefined, 1_000);
`;

test("servers end with the process that started them, even when that is killed", { timeout: 60_000 }, async () => {
  const child = spawn(process.execPath, ["--input-type=module", "--eval", owner], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  const ports = JSON.parse(line) as number[];
  assert.deepEqual(await Promise.all(ports.map(isOpen)), [true, true]);
  child.kill("SIGKILL");
  await once(child, "exit");
  for (const port of ports) while (await isOpen(port)) await new Promise(setImmediate);
});

test("a process that forgets to stop its servers ends all the same", { timeout: 60_000 }, async () => {
  const forgetful = `
    const { startRedis } = await import(${JSON.stringify(servers)});
    console.log((await startRedis()).port);`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", forgetful], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [port] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  assert.deepEqual(await once(child, "exit"), [0, null]);
  while (await isOpen(Number(port))) await new Promise(setImmediate);
});

test("a server takes its folder along", async () => {
  const folder = temporaryFolder("postern-test-");
  const daemon = await startDaemon(["sleep", "600"], folder, async () => true);
  assert.equal(existsSync(folder), true);
  await daemon.stop();
  assert.equal(existsSync(folder), false);
});

test("stopping twice is stopping once", async () => {
  const daemon = await startDaemon(["sleep", "600"], temporaryFolder("postern-test-"), async () => true);
  await Promise.all([daemon.stop(), daemon.stop()]);
  await daemon.stop();
});

test("where another process takes the port first, the next one is tried", async (t) => {
  const squatter = createServer();
  t.after(() => squatter.close());
  const tried: number[] = [];
  await onFreePorts(1, async (port = 0) => {
    tried.push(port);
    if (tried.length > 1) return;
    squatter.listen(port, "127.0.0.1");
    await once(squatter, "listening");
    const { startRedis } = await import("./redis.ts");
    await startRedis({ port });
  });
  assert.equal(tried.length, 2);
});

test("a server that cannot start at all is an error with its own words", async () => {
  const start = (): Promise<unknown> =>
    startDaemon(["sh", "-c", "echo no such luck >&2; exit 3"], temporaryFolder("postern-test-"), async () => false);
  await assert.rejects(onFreePorts(1, start), (error) => {
    assert.ok(error instanceof EndedAtOnce);
    assert.match(error.message, /no such luck/);
    return true;
  });
});

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
