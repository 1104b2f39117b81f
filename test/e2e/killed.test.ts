import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";
import type { ImapFlow } from "imapflow";
import {
  type DovecotServer,
  type RecordingProxy,
  type RedisServer,
  startDovecot,
  startRecordingProxy,
  startRedis,
} from "../servers/index.ts";
import { type Answer, type Ask, askWith } from "./client.ts";
import { type House, startGateway, startHouse, startWorker } from "./house.ts";
import { otherClient, write } from "./mailbox.ts";
import type { Service } from "./service.ts";

let dovecot: DovecotServer;
let redis: RedisServer;
let proxy: RecordingProxy;
let house: House;
let ask: Ask;
let settings: Record<string, string>;
let other: ImapFlow;
const endings: (() => Promise<unknown>)[] = [];

before(async () => {
  dovecot = await startDovecot();
  endings.unshift(dovecot.stop);
  proxy = await startRecordingProxy(dovecot);
  endings.unshift(proxy.stop);
  redis = await startRedis();
  endings.unshift(redis.stop);
  settings = { POSTERN_REDIS_URL: redis.url };
  house = await startHouse("apart", settings);
  endings.unshift(house.stop);
  ask = askWith(house.urls, house.adminToken);
  other = await otherClient(dovecot, "alice");
  endings.unshift(() => other.logout());
  const imap = { host: proxy.host, port: proxy.port, security: "none", ...dovecot.user("alice") };
  assert.equal((await ask("/v1/accounts", { body: { id: "alice", imap } })).status, 201);
});

after(async () => {
  for (const end of endings) await end();
});

async function kill(...services: Service[]): Promise<void> {
  await Promise.all(
    services.map((service) => {
      const exited = once(service.process, "exit");
      service.process.kill("SIGKILL");
      return exited;
    }),
  );
}

/** Subjects in a mailbox, as another client sees them. */
async function subjects(path: string): Promise<string[]> {
  const lock = await other.getMailboxLock(path, { readOnly: true });
  try {
    await other.noop();
    if (other.mailbox && other.mailbox.exists === 0) return [];
    return (await other.fetchAll("1:*", { envelope: true })).map(({ envelope }) => envelope?.subject ?? "");
  } finally {
    lock.release();
  }
}

test("a gateway that is killed after it has asked for a message leaves one, and another says that it cannot know", {
  timeout: 120_000,
}, async () => {
  const dying = await startGateway(settings);
  const headers = { "idempotency-key": "killed-1", "content-type": "message/rfc822" };
  const body = write({ subject: "Once" });
  const path = "/v1/accounts/alice/messages?mailbox=drafts";
  const held = proxy.holdAt(/^APPEND /);
  const asking = askWith([dying.url], house.adminToken)(path, { body, headers });
  const lost = assert.rejects(asking);
  const release = await held;
  await kill(dying);
  await lost;
  release();
  const again = (): Promise<Answer<{ code: string; outcome?: string }>> => ask(path, { body, headers });
  let answer = await again();
  assert.deepEqual([answer.status, answer.body.code], [409, "idempotency-key-in-use"]);
  while (answer.body.code === "idempotency-key-in-use") answer = await again();
  assert.deepEqual([answer.status, answer.body.code, answer.body.outcome], [409, "outcome-unknown", "unknown"]);
  assert.deepEqual(await subjects("Drafts"), ["Once"]);
});

interface Job {
  id: string;
  state: string;
  done: number;
  total: number;
  results: { id: string; ok: boolean; problem?: { code: string; outcome: string } }[];
}

test("a job whose worker is killed goes on with another one, doubles nothing, and says what it cannot know", {
  timeout: 240_000,
}, async () => {
  const names = Array.from({ length: 1_100 }, (_, at) => `Number ${at}`);
  for (const subject of names) await other.append("INBOX", write({ subject }));
  const held = proxy.holdAt(/^UID COPY /, 2);
  const taken = await ask<{ job: Job }>("/v1/accounts/alice/messages/batch", {
    body: { mailbox: "inbox", action: { copy: "archive" } },
  });
  assert.equal(taken.status, 202);
  const look = async (): Promise<Job> => {
    const answer = await ask<Job>(`/v1/jobs/${taken.body.job.id}`);
    // While nobody acts for the account yet, nobody can tell.
    return answer.status === 200 ? answer.body : { ...taken.body.job, results: [] };
  };
  const release = await held;
  await kill(...house.services.slice(-2));
  const worker = await startWorker(settings);
  endings.unshift(worker.stop);
  release();
  let job = await look();
  while (job.state === "running") job = await look();
  assert.deepEqual([job.state, job.done, job.total, job.results.length], ["done", 1_100, 1_100, 1_100]);
  const told = job.results.map(({ ok, problem }) => (ok ? "ok" : `${problem?.code} ${problem?.outcome}`));
  assert.deepEqual(told, [
    ...names.slice(0, 300).map(() => "ok"),
    ...names.slice(300, 600).map(() => "outcome-unknown unknown"),
    ...names.slice(600).map(() => "ok"),
  ]);
  // Newest first. The mail server may have carried out the command that was under way, or not: all of it, or nothing.
  const unknown = new Set(names.slice(500, 800));
  const copies = await subjects("Archive");
  const [open, sure] = [true, false].map((isOpen) => copies.filter((each) => unknown.has(each) === isOpen));
  assert.deepEqual(sure?.toSorted(), names.filter((each) => !unknown.has(each)).toSorted());
  assert.ok([0, 300].includes(open?.length ?? 0), `${open?.length}`);
  assert.equal(new Set(copies).size, copies.length);
});
