import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { startRedis } from "./redis.ts";

test("a Redis of one's own answers, and its process id is told", async (t) => {
  const redis = await startRedis();
  t.after(redis.stop);
  const socket = connect(redis.port, "127.0.0.1");
  t.after(() => socket.destroy());
  socket.write("PING\r\n");
  assert.equal(String((await once(socket, "data"))[0]), "+PONG\r\n");
  assert.equal(process.kill(redis.pid, 0), true);
});

test("a Redis that is frozen goes on when thawed", { timeout: 60_000 }, async (t) => {
  const redis = await startRedis();
  t.after(redis.stop);
  const socket = connect(redis.port, "127.0.0.1");
  t.after(() => socket.destroy());
  await once(socket, "connect");
  process.kill(redis.pid, "SIGSTOP");
  socket.write("PING\r\n");
  process.kill(redis.pid, "SIGCONT");
  assert.equal(String((await once(socket, "data"))[0]), "+PONG\r\n");
});

test("a Redis that is frozen can still be stopped", { timeout: 60_000 }, async () => {
  const redis = await startRedis();
  process.kill(redis.pid, "SIGSTOP");
  await redis.stop();
  assert.throws(() => process.kill(redis.pid, 0), { code: "ESRCH" });
});

test("two of them know nothing of each other, and nodes of a cluster start on any port", async (t) => {
  const several = await Promise.all([1, 2, 3, 4].map(() => startRedis({ args: ["--cluster-enabled", "yes"] })));
  for (const redis of several) t.after(redis.stop);
  assert.equal(new Set(several.map(({ port }) => port)).size, 4);
  for (const { port } of several) assert.ok(port + 10_000 <= 65_535);
});
