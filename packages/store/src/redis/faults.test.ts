import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { isFailure } from "@postern/protocol";
import { type RedisServer, startRedis } from "@postern/test/servers";
import { account, auditEntry, holder, mailbox, token } from "../contract/samples.ts";
import { NewerStoreError } from "../newer.ts";
import type { Store } from "../store.ts";
import { keys } from "./keys.ts";
import { Link } from "./link.ts";
import { type RedisStoreOptions, openRedisStore } from "./store.ts";
import { parseRedisUrl } from "./url.ts";
import { migrateRedis } from "./version.ts";

const unavailable = (error: unknown): boolean => isFailure(error, "unavailable") && error.retryAfter === 1;

async function started(t: TestContext, args: string[] = [], port?: number): Promise<RedisServer> {
  const redis = await startRedis({ args, ...(port !== undefined && { port }) });
  t.after(redis.stop);
  return redis;
}

async function opened(t: TestContext, options: RedisStoreOptions): Promise<Store> {
  const store = await openRedisStore(options);
  t.after(() => store.close());
  return store;
}

function linked(t: TestContext, url: string): Link {
  const link = new Link(parseRedisUrl(url));
  t.after(() => link.close());
  return link;
}

/** Every port but the cache. */
const calls: [name: string, (store: Store) => Promise<unknown>][] = [
  ["ping", (store) => store.ping()],
  ["accounts.create", (store) => store.accounts.create(account("b"))],
  ["accounts.get", (store) => store.accounts.get("a")],
  ["accounts.idOfKey", (store) => store.accounts.idOfKey(1)],
  ["accounts.list", (store) => store.accounts.list({ limit: 10 })],
  ["accounts.update", (store) => store.accounts.update(account("a"))],
  ["accounts.setState", (store) => store.accounts.setState("a", 1, "connected", null, 1)],
  ["accounts.remove", (store) => store.accounts.remove("a")],
  ["tokens.create", (store) => store.tokens.create(token("tok_a"))],
  ["tokens.get", (store) => store.tokens.get("tok_a")],
  ["tokens.list", (store) => store.tokens.list({ limit: 10 })],
  ["tokens.remove", (store) => store.tokens.remove("tok_a")],
  ["mailboxes.list", (store) => store.mailboxes.list("a")],
  ["mailboxes.apply", (store) => store.mailboxes.apply("a", 0, { add: [mailbox("A")], update: [] })],
  ["audit.append", (store) => store.audit.append(auditEntry("a"))],
  ["audit.list", (store) => store.audit.list({ limit: 10 })],
  ["workers.announce", (store) => store.workers.announce({ id: "w", url: "http://10.0.0.1" }, 1_000)],
  ["workers.withdraw", (store) => store.workers.withdraw("w")],
  ["workers.live", (store) => store.workers.live()],
  ["leases.begin", (store) => store.leases.begin(holder("h"), 1_000)],
  ["leases.renew", (store) => store.leases.renew("h", 1_000)],
  ["leases.end", (store) => store.leases.end("h")],
  ["leases.claim", (store) => store.leases.claim("a", "h")],
  ["leases.release", (store) => store.leases.release("a", "h")],
  ["leases.ownerOf", (store) => store.leases.ownerOf("a")],
];

async function assertAway(store: Store): Promise<void> {
  await Promise.all(calls.map(([name, call]) => assert.rejects(call(store), unavailable, name)));
  assert.deepEqual(await store.cache.getMany("a", ["k"]), [null]);
  await store.cache.setMany("a", [["k", Buffer.from("v")]], 60);
}

/** The store comes back by itself; until then it says `unavailable`. */
async function returns(store: Store): Promise<void> {
  for (;;) {
    try {
      return await store.ping();
    } catch (error) {
      assert.ok(unavailable(error));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

test("a Redis that dies is unavailable for every port and a miss for the cache, and works again when it is back", async (t) => {
  const redis = await started(t);
  const store = await opened(t, { durableUrl: redis.url });
  await store.accounts.create(account("a"));
  process.kill(redis.pid, "SIGKILL");
  await redis.stop();
  await assertAway(store);
  await started(t, [], redis.port);
  await returns(store);
  assert.equal(await store.accounts.get("a"), null);
  assert.equal(await store.accounts.create(account("a")), true);
});

test("a Redis that freezes is unavailable and a miss, at once after the first time-out, and works again when it thaws", async (t) => {
  const redis = await started(t);
  const store = await opened(t, { durableUrl: redis.url });
  await store.accounts.create(account("a"));
  process.kill(redis.pid, "SIGSTOP");
  try {
    await assertAway(store);
    // Nothing waits any more: many calls fail in the time of none.
    await Promise.all(Array.from({ length: 1_000 }, () => assert.rejects(store.accounts.get("a"), unavailable)));
  } finally {
    process.kill(redis.pid, "SIGCONT");
  }
  await returns(store);
  assert.equal((await store.accounts.get("a"))?.id, "a");
});

test("a Redis that is not there at the start is waited for, for a bounded time, and named without its password", async () => {
  const redis = await startRedis();
  await redis.stop();
  const durableUrl = redis.url.replace("//", "//user:canary@");
  await assert.rejects(
    openRedisStore({ durableUrl, connectWithinMs: 100 }),
    (error) => unavailable(error) && /127\.0\.0\.1/.test(String(error)) && !/canary/.test(String(error)),
  );
});

test("a Redis that comes up late is found", async (t) => {
  const redis = await startRedis();
  await redis.stop();
  const opening = openRedisStore({ durableUrl: redis.url, connectWithinMs: 60_000 });
  await started(t, [], redis.port);
  const store = await opening;
  t.after(() => store.close());
  await store.ping();
});

test("without the cache's Redis all else works, at the start and later", async (t) => {
  const [durable, cache] = [await started(t), await startRedis()];
  await cache.stop();
  const store = await opened(t, { durableUrl: durable.url, cacheUrl: cache.url });
  assert.deepEqual(await store.cache.getMany("a", ["k"]), [null]);
  await store.accounts.create(account("a"));
  assert.equal(await store.accounts.remove("a"), true);
});

test("an emptied cache is a miss", async (t) => {
  const redis = await started(t);
  const store = await opened(t, { durableUrl: redis.url });
  await store.cache.setMany("a", [["k", Buffer.from("v")]], 60);
  const link = linked(t, redis.url);
  await link.connected(10_000);
  await link.send(null, "FLUSHALL");
  assert.deepEqual(await store.cache.getMany("a", ["k"]), [null]);
});

test("scripts are sent again to a Redis that forgot them", async (t) => {
  const redis = await started(t);
  const store = await opened(t, { durableUrl: redis.url });
  const link = linked(t, redis.url);
  await link.connected(10_000);
  await store.accounts.create(account("a"));
  await link.send(null, "SCRIPT", "FLUSH");
  assert.equal(await store.accounts.update({ ...account("a"), name: "new" }), true);
});

test("a full Redis is unavailable for writing, and reads on", async (t) => {
  const redis = await started(t, ["--maxmemory-policy", "noeviction"]);
  const store = await opened(t, { durableUrl: redis.url });
  const link = linked(t, redis.url);
  await link.connected(10_000);
  await store.accounts.create(account("a"));
  await link.send(null, "CONFIG", "SET", "maxmemory", "1");
  await assert.rejects(store.accounts.create(account("b")), unavailable);
  await assert.rejects(store.audit.append(auditEntry("a")), unavailable);
  await store.cache.setMany("a", [["k", Buffer.from("v")]], 60);
  assert.equal((await store.accounts.get("a"))?.id, "a");
});

test("a Redis that would evict accounts is refused, one that evicts only what has a time to live is not", async (t) => {
  const redis = await started(t, ["--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru"]);
  await assert.rejects(openRedisStore({ durableUrl: redis.url }), /allkeys-lru/);
  const link = linked(t, redis.url);
  await link.connected(10_000);
  await link.send(null, "CONFIG", "SET", "maxmemory-policy", "volatile-lru");
  await opened(t, { durableUrl: redis.url });
});

test("nothing that must last has a time to live, and all that need not has one", async (t) => {
  const redis = await started(t);
  const store = await opened(t, { durableUrl: redis.url });
  const link = linked(t, redis.url);
  await link.connected(10_000);
  await store.accounts.create(account("a"));
  await store.tokens.create(token("tok_a", { expiresAt: Date.now() + 60_000 }));
  await store.mailboxes.apply("a", 0, { add: [mailbox("A")], update: [] });
  await store.leases.begin(holder("h"), 60_000);
  await store.leases.claim("a", "h");
  await store.audit.append(auditEntry("a"));
  await store.cache.setMany("a", [["k", Buffer.from("v")]], 60);
  const names = (await link.send(null, "KEYS", "*")) as string[];
  assert.ok(names.length >= 12);
  for (const name of names) {
    assert.match(name, /^postern:/);
    const lasts = Number(await link.send(name, "PTTL", name)) === -1;
    assert.equal(lasts, !/:cache/.test(name), name);
  }
});

test("nothing of a removed account is left but its audit entries", async (t) => {
  const redis = await started(t);
  const store = await opened(t, { durableUrl: redis.url });
  const link = linked(t, redis.url);
  await link.connected(10_000);
  const keysNow = async (): Promise<string[]> => ((await link.send(null, "KEYS", "*")) as string[]).sort();
  await store.leases.begin(holder("h"), 60_000);
  const before = await keysNow();
  await store.accounts.create(account("a"));
  await store.leases.claim("a", "h");
  await store.mailboxes.apply("a", 0, { add: [mailbox("A")], update: [] });
  await store.cache.setMany("a", [["k", Buffer.from("v")]], 60);
  await store.accounts.remove("a");
  assert.deepEqual(await keysNow(), before);
});

test("an id that a broken-off removal left in the index is passed over and taken out", async (t) => {
  const redis = await started(t);
  const store = await opened(t, { durableUrl: redis.url });
  const link = linked(t, redis.url);
  await link.connected(10_000);
  await store.accounts.create(account("b"));
  await link.send(keys.accountIndex, "ZADD", keys.accountIndex, "0", "a");
  assert.deepEqual(
    (await store.accounts.list({ limit: 1 })).map(({ id }) => id),
    ["b"],
  );
  assert.deepEqual(await link.send(keys.accountIndex, "ZRANGE", keys.accountIndex, "0", "-1"), ["b"]);
});

test("a Redis of a newer Postern is refused, an older one is brought up to date once", async (t) => {
  const redis = await started(t);
  const link = linked(t, redis.url);
  await link.connected(10_000);
  await migrateRedis(link, []);
  const ran: string[] = [];
  const steps = [async () => void ran.push("2"), async () => void ran.push("3")];
  await migrateRedis(link, steps);
  await migrateRedis(link, steps);
  assert.deepEqual(ran, ["2", "3"]);
  await assert.rejects(migrateRedis(link, []), NewerStoreError);
  await assert.rejects(openRedisStore({ durableUrl: redis.url }), NewerStoreError);
});

test("processes that share a Redis lose nothing and give no key twice", async (t) => {
  const redis = await started(t);
  const writer = join(import.meta.dirname, "..", "contract", "writer.ts");
  const run = (name: string): Promise<{ stdout: string }> =>
    promisify(execFile)(process.execPath, [writer, redis.url, name, "40"]);
  const outputs = await Promise.all(["a", "b", "c"].map(run));
  const given = outputs.flatMap(({ stdout }) => stdout.trim().split(" ").map(Number));
  assert.deepEqual(
    given.toSorted((a, b) => a - b),
    Array.from({ length: 120 }, (_, index) => index + 1),
  );
});

test("calls of one moment share few round trips", async (t) => {
  const redis = await started(t);
  const store = await opened(t, { durableUrl: redis.url });
  const link = linked(t, redis.url);
  await link.connected(10_000);
  const ids = Array.from({ length: 50 }, (_, index) => `a-${index}`);
  await Promise.all(ids.map((id) => store.accounts.create(account(id))));
  const commands = async (): Promise<number> =>
    Number(/total_commands_processed:(\d+)/.exec(String(await link.send(null, "INFO", "stats")))?.[1]);
  await store.cache.setMany(
    "a-1",
    ids.map((id) => [id, Buffer.from(id)]),
    60,
  );
  const before = await commands();
  await store.cache.getMany("a-1", ids);
  // One MGET, and the INFO that counts.
  assert.ok((await commands()) - before <= 4);
});
