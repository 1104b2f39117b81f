import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { type Call, newReport } from "@postern/protocol";
import { connectMail, Misdirected } from "@postern/wire";
import { type DovecotServer, type RedisServer, startDovecot, startRedis } from "../servers/index.ts";
import { type Answer, type Ask, askWith } from "./client.ts";
import { type House, startHouse, startWorker } from "./house.ts";
import { deliver, otherClient } from "./mailbox.ts";
import type { Service } from "./service.ts";

const ACCOUNTS = ["a", "b", "c", "d", "e", "f", "g", "h"];
const SECRET = "the secret of this cluster";

let dovecot: DovecotServer;
let redis: RedisServer;
let house: House;
let ask: Ask;
let settings: Record<string, string>;
const endings: (() => Promise<unknown>)[] = [];
/** Those that run. */
let workers: Service[];

before(async () => {
  dovecot = await startDovecot();
  endings.unshift(dovecot.stop);
  redis = await startRedis();
  endings.unshift(redis.stop);
  settings = { POSTERN_REDIS_URL: redis.url, POSTERN_CLUSTER_SECRET: SECRET };
  house = await startHouse("apart", settings);
  endings.unshift(house.stop);
  workers = house.services.slice(-2);
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

const list = (account: string): Promise<Answer<{ items: { id: string }[] }>> =>
  ask(`/v1/accounts/${account}/messages?mailbox=inbox&fields=id`);

interface Load {
  /** When so many more have been answered. */
  answered(more: number): Promise<void>;
  /** What was answered with anything but success. */
  stop(): Promise<string[]>;
}

/** Reads all accounts all the time. */
function startLoad(): Load {
  const wrong: string[] = [];
  let count = 0;
  let isOver = false;
  const waiting: (() => void)[] = [];
  const one = async (account: string): Promise<void> => {
    while (!isOver) {
      const { status, body } = await list(account);
      if (status !== 200 && wrong.length < 3) wrong.push(`${account}: ${JSON.stringify(body)}`);
      count += 1;
      for (const look of waiting.splice(0)) look();
    }
  };
  const running = Promise.all(ACCOUNTS.map(one));
  return {
    answered: async (more) => {
      const enough = count + more;
      while (count < enough) await new Promise<void>((resolve) => waiting.push(resolve));
    },
    stop: async () => {
      isOver = true;
      await running;
      return wrong;
    },
  };
}

async function newWorker(): Promise<Service> {
  const worker = await startWorker(settings);
  endings.unshift(worker.stop);
  workers = [...workers, worker];
  return worker;
}

async function end(worker: Service, signal: "SIGTERM" | "SIGKILL"): Promise<unknown> {
  const exited = once(worker.process, "exit");
  worker.process.kill(signal);
  workers = workers.filter((other) => other !== worker);
  return (await exited)[0] ?? signal;
}

test("each worker in turn is replaced by a new one, and no read fails", { timeout: 240_000 }, async () => {
  const load = startLoad();
  await load.answered(100);
  for (const worker of workers) {
    await newWorker();
    assert.equal(await end(worker, "SIGTERM"), 0);
    await load.answered(100);
  }
  assert.deepEqual(await load.stop(), []);
});

test("the last worker but one leaves, and no read fails", { timeout: 240_000 }, async () => {
  const load = startLoad();
  await load.answered(100);
  assert.equal(await end(workers[0] ?? assert.fail(), "SIGTERM"), 0);
  await load.answered(100);
  assert.deepEqual(await load.stop(), []);
  await newWorker();
});

test("a worker is killed, and no read fails, whoever was waiting", { timeout: 240_000 }, async () => {
  const load = startLoad();
  await load.answered(100);
  await end(workers[0] ?? assert.fail(), "SIGKILL");
  await load.answered(1_000);
  assert.deepEqual(await load.stop(), []);
  await newWorker();
});

const far = (worker: Service): ReturnType<typeof connectMail> => connectMail({ url: worker.url, secret: SECRET });

function newCall(): Call {
  const signal = AbortSignal.timeout(60_000);
  return { requestId: "direct", actor: "admin", deadline: Date.now() + 60_000, signal, report: newReport() };
}

const readDirectly = (link: ReturnType<typeof connectMail>, account: string): Promise<unknown> =>
  link.mail.listMessages({ account, mailbox: "inbox", limit: 1, fields: ["id"] }, newCall());

/** Who acts for the account, and who does not. */
async function rolesFor(account: string): Promise<[owner: Service, other: Service]> {
  const [one, other] = workers;
  assert.ok(one && other);
  const link = far(one);
  try {
    await readDirectly(link, account);
    return [one, other];
  } catch (error) {
    // On its way from one to the other, it is nobody's for a moment.
    if (error instanceof Misdirected && error.owner === null) return await rolesFor(account);
    assert.ok(error instanceof Misdirected && error.owner?.url === other.url);
    return [other, one];
  } finally {
    await link.close();
  }
}

test("a worker that was frozen neither answers nor changes anything when it wakes up, and says who does", {
  timeout: 240_000,
}, async () => {
  for (const account of ACCOUNTS) assert.equal((await list(account)).status, 200);
  const [frozen, other] = await rolesFor("a");
  const link = far(frozen);
  process.kill(frozen.process.pid ?? 0, "SIGSTOP");
  let reading: Promise<unknown>;
  let changing: Promise<unknown>;
  try {
    // They wait in its sockets, as what was sent in the moment before would.
    reading = assert.rejects(readDirectly(link, "a"), isSentTo(other));
    const patch = { name: "changed by one that was frozen" };
    changing = assert.rejects(
      link.mail.updateAccount({ account: "a", patch, verify: false }, newCall()),
      isSentTo(other),
    );
    for (const { status, body } of await Promise.all(ACCOUNTS.map(list)))
      assert.equal(status, 200, JSON.stringify(body));
  } finally {
    process.kill(frozen.process.pid ?? 0, "SIGCONT");
  }
  await Promise.all([reading, changing]);
  await link.close();
  assert.equal((await ask("/v1/accounts/a")).body.name, null);
  for (const account of ACCOUNTS) assert.equal((await list(account)).status, 200);
});

const isSentTo =
  (worker: Service) =>
  (error: unknown): boolean =>
    error instanceof Misdirected && error.owner?.url === worker.url;

test("while the store is away, what is owned is read, and workers stay ready", { timeout: 240_000 }, async () => {
  for (const account of ACCOUNTS) assert.equal((await list(account)).status, 200);
  process.kill(redis.pid, "SIGSTOP");
  try {
    for (const { status, body } of await Promise.all(ACCOUNTS.map(list)))
      assert.equal(status, 200, JSON.stringify(body));
    for (const worker of workers) {
      const ready = await askWith([worker.url], null)("/readyz");
      assert.deepEqual([ready.status, ready.body], [200, { status: "degraded", store: "away" }]);
    }
    // Nobody can tell any more who owns what: then nothing is answered rather than something wrong.
    while ((await list("a")).status === 200) await new Promise(setImmediate);
    const refused = await list("a");
    assert.deepEqual([refused.status, refused.body], [503, { ...refused.body, code: "unavailable", retryable: true }]);
  } finally {
    process.kill(redis.pid, "SIGCONT");
  }
  const load = startLoad();
  await load.answered(100);
  await load.stop();
  for (const account of ACCOUNTS) assert.equal((await list(account)).status, 200);
});
