import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { type DovecotServer, type RedisServer, startDovecot, startRedis } from "../servers/index.ts";
import { type Answer, type Ask, askWith } from "./client.ts";
import { type House, startHouse } from "./house.ts";
import { deliver, otherClient } from "./mailbox.ts";
import type { Service } from "./service.ts";

interface Page {
  items: { id: string }[];
}

const ACCOUNTS = ["a", "b", "c", "d", "e", "f", "g", "h"];

let dovecot: DovecotServer;
let redis: RedisServer;
let house: House;
let ask: Ask;
const endings: (() => Promise<unknown>)[] = [];

before(async () => {
  dovecot = await startDovecot();
  endings.unshift(dovecot.stop);
  redis = await startRedis();
  endings.unshift(redis.stop);
  house = await startHouse("apart", { POSTERN_REDIS_URL: redis.url });
  endings.unshift(house.stop);
  ask = askWith(house.urls, house.adminToken);
  const other = await otherClient(dovecot, "alice");
  await deliver(other, { subject: "One" }, { subject: "Two" });
  await other.logout();
  const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user("alice") };
  for (const id of ACCOUNTS) assert.equal((await ask("/v1/accounts", { body: { id, imap } })).status, 201);
});

after(async () => {
  for (const end of endings) await end();
});

const list = (account: string): Promise<Answer<Page>> =>
  ask(`/v1/accounts/${account}/messages?mailbox=inbox&fields=id`);

/** The accounts of which a worker's log tells. */
const servedBy = ({ log }: Service): string[] =>
  ACCOUNTS.filter((account) =>
    log.some((line) => line.includes('"operation":"listMessages"') && line.includes(`"account":"${account}"`)),
  );

test("all calls of an account go to one worker, whichever gateway is asked", async () => {
  for (const account of [...ACCOUNTS, ...ACCOUNTS])
    for (const _ of house.urls) assert.equal((await list(account)).status, 200);
  const workers = house.services.slice(-2);
  while (workers.flatMap(servedBy).length < ACCOUNTS.length)
    await Promise.race(workers.flatMap(({ process }) => (process.stdout ? [once(process.stdout, "data")] : [])));
  assert.deepEqual(workers.flatMap(servedBy).sort(), ACCOUNTS);
});

test("while the store is away gateways stay in service and say so; all is well when it is back", async () => {
  process.kill(redis.pid, "SIGSTOP");
  try {
    for (const _ of house.urls) {
      const ready = await ask("/readyz");
      assert.deepEqual([ready.status, ready.body], [200, { status: "degraded", store: "away" }]);
    }
    const refused = await ask("/v1/accounts");
    assert.deepEqual([refused.status, refused.body.code], [503, "unavailable"]);
    assert.ok(Number(refused.headers["retry-after"]) > 0);
  } finally {
    process.kill(redis.pid, "SIGCONT");
  }
  while ((await ask("/v1/accounts")).status !== 200) await new Promise(setImmediate);
  for (const account of ACCOUNTS) assert.equal((await list(account)).status, 200);
});

test("when a worker freezes, those who wait for it are served by another", async () => {
  const [worker] = house.services.slice(-2);
  assert.ok(worker?.process.pid);
  process.kill(worker.process.pid, "SIGSTOP");
  try {
    for (const { status, body } of await Promise.all(ACCOUNTS.map(list)))
      assert.equal(status, 200, JSON.stringify(body));
  } finally {
    process.kill(worker.process.pid, "SIGCONT");
  }
});

test("when a worker is killed, the calls of its accounts are served by another, under the same ids", async () => {
  const [killed] = house.services.slice(-2);
  assert.ok(killed);
  const known = await Promise.all(ACCOUNTS.map(list));
  const ended = once(killed.process, "exit");
  killed.process.kill("SIGKILL");
  await ended;
  for (const [index, account] of ACCOUNTS.entries())
    for (const url of house.urls) {
      const one = askWith([url], house.adminToken);
      const path = `/v1/accounts/${account}/messages?mailbox=inbox&fields=id`;
      const answer = await one<Page>(path);
      assert.deepEqual([answer.status, answer.body.items], [200, known[index]?.body.items]);
    }
});
