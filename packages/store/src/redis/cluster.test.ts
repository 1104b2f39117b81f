import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type RedisServer, startRedis } from "@postern/test/servers";
import { type Backend, storeContract } from "../contract/index.ts";
import { account } from "../contract/samples.ts";
import { Link } from "./link.ts";
import { asText } from "./replies.ts";
import { openRedisStore } from "./store.ts";
import { parseRedisUrl } from "./url.ts";

/** Three nodes that share the slots: a command whose keys lie in several is refused, as in any cluster. */
storeContract("the store on a Redis Cluster", async (): Promise<Backend> => {
  const nodes = await Promise.all([1, 2, 3].map(() => startRedis({ args: ["--cluster-enabled", "yes"] })));
  const links = nodes.map(({ url }) => new Link(parseRedisUrl(url)));
  await Promise.all(links.map((link) => link.connected(10_000)));
  const bounds = [0, 5461, 10923, 16384];
  for (const [index, link] of links.entries()) {
    await link.send(null, "CLUSTER", "ADDSLOTSRANGE", `${bounds[index]}`, `${(bounds[index + 1] ?? 0) - 1}`);
    await link.send(null, "CLUSTER", "MEET", "127.0.0.1", `${nodes[0]?.port}`);
  }
  for (const link of links) await until(link, ["CLUSTER", "INFO"], /cluster_state:ok[^]*cluster_known_nodes:3/);
  await Promise.all(links.map((link) => link.close()));
  const durableUrl = `redis+cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(",")}`;
  return {
    open: () => openRedisStore({ durableUrl }),
    stop: async () => {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
});

test("behind Sentinels, the store follows the master", { timeout: 60_000 }, async (t) => {
  const [first, second] = [await startedRedis(t), await startedRedis(t)];
  await ask(second, ["REPLICAOF", "127.0.0.1", `${first.port}`], /OK/);
  await ask(second, ["INFO", "replication"], /master_link_status:up/);
  const sentinel = await startSentinel(t, first.port);
  await ask(sentinel, ["SENTINEL", "REPLICAS", "mymaster"], new RegExp(`"${second.port}"`));

  const store = await openRedisStore({ durableUrl: `redis+sentinel://127.0.0.1:${sentinel.port}/mymaster` });
  t.after(() => store.close());
  await store.accounts.create(account("a"));
  await ask(second, ["EXISTS", "postern:{acct:a}:record"], /1/);
  process.kill(first.pid, "SIGKILL");
  await ask(second, ["INFO", "replication"], /role:master/);
  while (!(await store.accounts.get("b").catch(() => null)))
    await store.accounts.create(account("b")).catch(() => false);
  assert.equal((await store.accounts.get("a"))?.id, "a");
  await ask(second, ["EXISTS", "postern:{acct:b}:record"], /1/);
});

async function startedRedis(t: TestContext): Promise<RedisServer> {
  const redis = await startRedis({ args: ["--repl-diskless-sync-delay", "0"] });
  t.after(redis.stop);
  return redis;
}

/** Asks until the answer is as it will be. */
async function ask({ port }: { port: number }, command: string[], answer: RegExp): Promise<void> {
  const link = new Link(parseRedisUrl(`redis://127.0.0.1:${port}`));
  try {
    await link.connected(10_000);
    await until(link, command, answer);
  } finally {
    await link.close();
  }
}

async function until(link: Link, command: string[], answer: RegExp): Promise<void> {
  while (!answer.test(spelled(await link.send(null, ...command).catch(String))))
    await new Promise((resolve) => setTimeout(resolve, 20));
}

const spelled = (reply: unknown): string => (typeof reply === "string" ? (asText(reply) ?? "") : JSON.stringify(reply));

async function startSentinel(t: TestContext, masterPort: number): Promise<{ port: number }> {
  const folder = mkdtempSync(join(tmpdir(), "postern-sentinel-"));
  const port = await freePort();
  const lines = [
    `port ${port}`,
    "bind 127.0.0.1",
    `dir ${folder}`,
    `sentinel monitor mymaster 127.0.0.1 ${masterPort} 1`,
    "sentinel down-after-milliseconds mymaster 300",
    "sentinel failover-timeout mymaster 2000",
  ];
  writeFileSync(join(folder, "sentinel.conf"), lines.join("\n"));
  const child = spawn("redis-server", [join(folder, "sentinel.conf"), "--sentinel"], { stdio: "ignore" });
  t.after(async () => {
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
    rmSync(folder, { recursive: true });
  });
  return { port };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
