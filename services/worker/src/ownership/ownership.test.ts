import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type AnyOperation, type Call, isFailure, type Mail, mailOf, newReport } from "@postern/protocol";
import { type LeaseStore, openSqliteStore, type Store } from "@postern/store";
import { Misdirected } from "@postern/wire";
import { registered } from "../testing/core-house.ts";
import type { Clock } from "./clock.ts";
import { fenceMailboxes, guardSessions } from "./fence.ts";
import { guardMail } from "./guard.ts";
import { createOwnership, type LiveOwnership } from "./ownership.ts";

const TTL_MS = 8_000;
/** Of the time to live: the rest is not used. */
const CERTAIN_MS = 7_000;

interface Process {
  ownership: LiveOwnership;
  /** Its clock, which the test turns. */
  clock: { now: number };
  /** What was done to its connections. */
  did: string[];
}

async function newStore(t: TestContext): Promise<Store> {
  const store = await openSqliteStore(":memory:");
  t.after(() => store.close());
  for (const id of ["a", "b"]) await registered(store, id);
  return store;
}

function newProcess(
  t: TestContext,
  leases: LeaseStore,
  name: string,
  ttlMs: number | null = TTL_MS,
  leavingMs?: { streams: number; calls: number },
): Process {
  const clock = { now: 0 };
  const hands: Clock = {
    now: () => ({ monotonic: clock.now, wall: clock.now }),
    since: ({ monotonic }) => clock.now - monotonic,
  };
  const did: string[] = [];
  const ownership = createOwnership({
    leases,
    worker: () => ({ id: name, url: `http://${name}.example.org` }),
    ttlMs,
    cut: (account) => did.push(`cut ${account}`),
    close: async (account) => void did.push(`closed ${account}`),
    onError: () => undefined,
    clock: hands,
    ...(leavingMs && { leavingMs }),
  });
  t.after(() => ownership.end());
  return { ownership, clock, did };
}

function newCall(options: Partial<Call> = {}): Call {
  const signal = new AbortController().signal;
  return { requestId: "r", actor: "admin", deadline: Date.now() + 60_000, signal, report: newReport(), ...options };
}

const uncertain = (error: unknown): boolean => isFailure(error, "unavailable") && error.outcome === "none";

test("an account that is owned is held, and its epoch is told; another process is told who owns it", async (t) => {
  const store = await newStore(t);
  const [one, other] = [newProcess(t, store.leases, "one"), newProcess(t, store.leases, "other")];
  assert.throws(() => one.ownership.assertHeld("a"), uncertain);
  assert.throws(() => one.ownership.epochOf("a"));
  const owned = await one.ownership.claim("a", newCall());
  one.ownership.assertHeld("a");
  assert.equal(one.ownership.epochOf("a"), owned.epoch);
  const claim = other.ownership.claim("a", newCall());
  await assert.rejects(claim, (error) => error instanceof Misdirected && error.owner?.id === "one");
});

test("a process that looks at the clock too late holds nothing, though nobody has told it and no timer has run", async (t) => {
  const store = await newStore(t);
  const { ownership, clock } = newProcess(t, store.leases, "one");
  const owned = await ownership.claim("a", newCall());
  clock.now = CERTAIN_MS - 1;
  ownership.assertHeld("a");
  clock.now = CERTAIN_MS;
  assert.throws(() => ownership.assertHeld("a"), uncertain);
  assert.equal(ownership.owned("a"), null);
  assert.equal(ownership.isOwned("a", owned), false);
});

test("time runs from before the store was asked, however late it answers", async (t) => {
  const store = await newStore(t);
  const late: { clock: { now: number } } = { clock: { now: 0 } };
  const begin: LeaseStore["begin"] = async (...of) => {
    await store.leases.begin(...of);
    late.clock.now += 6_000;
  };
  const { ownership, clock } = Object.assign(late, newProcess(t, { ...store.leases, begin }, "one"));
  await ownership.claim("a", newCall());
  ownership.assertHeld("a");
  clock.now = CERTAIN_MS;
  assert.throws(() => ownership.assertHeld("a"), uncertain);
});

test("one that is in doubt cuts its connections, and goes on where it turns out that the store still knows it", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const store = await newStore(t);
  const { ownership, clock, did } = newProcess(t, store.leases, "one");
  const owned = await ownership.claim("a", newCall());
  clock.now = TTL_MS;
  t.mock.timers.tick(1_000);
  assert.deepEqual(did, ["cut a"]);
  while (!ownership.isOwned("a", owned)) await new Promise(setImmediate);
  ownership.assertHeld("a");
});

test("one that the store has given up loses all it had, cuts it off, and begins anew under higher epochs", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const store = await newStore(t);
  const { ownership, clock, did } = newProcess(t, store.leases, "one");
  const owned = await ownership.claim("a", newCall());
  const gone: string[] = [];
  ownership.onGone((account) => gone.push(account));
  const successor = newProcess(t, store.leases, "other", null);
  const taken = await successor.ownership.claim("a", newCall());
  assert.ok(taken.epoch > owned.epoch);
  clock.now = CERTAIN_MS - 1;
  t.mock.timers.tick(1_000);
  while (gone.length === 0) await new Promise(setImmediate);
  assert.deepEqual([did, gone], [["cut a"], ["a"]]);
  assert.throws(() => ownership.assertHeld("a"), uncertain);
  const claim = ownership.claim("a", newCall());
  await assert.rejects(claim, (error) => error instanceof Misdirected && error.owner?.id === "other");
});

/** Mail of which one operation does what it is told to. */
function mailThat(perform: AnyOperation): Mail {
  return mailOf(() => perform);
}

test("a read that ends under a lease that is over is not given away; a change is told as it ended", async (t) => {
  const store = await newStore(t);
  const { ownership, clock } = newProcess(t, store.leases, "one");
  const mail = guardMail(
    mailThat(async () => {
      clock.now = CERTAIN_MS;
      return {};
    }),
    ownership,
  );
  await assert.rejects(mail.getQuota({ account: "a" }, newCall()), (error) => error instanceof Misdirected);
  const changing = newProcess(t, store.leases, "changing");
  const changes = guardMail(
    mailThat(async () => {
      changing.clock.now = CERTAIN_MS;
      return { id: "b" };
    }),
    changing.ownership,
  );
  assert.deepEqual(await changes.updateAccount({ account: "b", patch: {}, verify: false }, newCall()), { id: "b" });
});

test("who leaves lets calls end, holds up new ones, and sends them on when it has let go", async (t) => {
  const store = await newStore(t);
  const { ownership, did } = newProcess(t, store.leases, "one");
  const started = Promise.withResolvers<void>();
  const end = Promise.withResolvers<unknown>();
  const mail = guardMail(
    mailThat(() => {
      started.resolve();
      return end.promise;
    }),
    ownership,
  );
  const running = mail.getQuota({ account: "a" }, newCall());
  await started.promise;
  const leaving = ownership.handOver();
  await new Promise(setImmediate);
  const late = mail.getQuota({ account: "a" }, newCall());
  const elsewhere = assert.rejects(late, (error) => error instanceof Misdirected && error.owner === null);
  await new Promise(setImmediate);
  assert.deepEqual(did, []);
  end.resolve({ items: [] });
  assert.deepEqual(await running, { items: [] });
  await Promise.all([leaving, elsewhere]);
  assert.deepEqual(did, ["closed a", "cut a"]);
  assert.equal(await store.leases.ownerOf("a"), null);
});

test("who leaves cuts off calls that do not end, and takes no leave of mail servers that say nothing", async (t) => {
  const store = await newStore(t);
  const { ownership, did } = newProcess(t, store.leases, "one", TTL_MS, { streams: 0, calls: 1 });
  const started = Promise.withResolvers<void>();
  const end = Promise.withResolvers<unknown>();
  const mail = guardMail(
    mailThat(() => {
      started.resolve();
      return end.promise;
    }),
    ownership,
  );
  const running = mail.getQuota({ account: "a" }, newCall());
  await started.promise;
  await ownership.handOver();
  assert.deepEqual(did, ["cut a", "closed a", "cut a"]);
  end.reject(new Error("cut off"));
  await assert.rejects(running, (error) => error instanceof Misdirected);
});

test("who is told that the owner was asked in vain waits until the account is free", async (t) => {
  const store = await newStore(t);
  const [one, other] = [newProcess(t, store.leases, "one"), newProcess(t, store.leases, "other")];
  await one.ownership.claim("a", newCall());
  const claim = other.ownership.claim("a", newCall({ askedInVain: ["one"] }));
  await one.ownership.end();
  await claim;
  other.ownership.assertHeld("a");
});

test("what an owner writes who was replaced is refused, and it lets go at once", async (t) => {
  const store = await newStore(t);
  const { ownership, did } = newProcess(t, store.leases, "one");
  const mailboxes = fenceMailboxes(store.mailboxes, ownership);
  const inbox = {
    path: "INBOX",
    uidValidity: 1,
    formerUidValidities: [],
    mailboxId: null,
    uidNext: 1,
    goneAt: null,
    sightings: [],
  };
  await ownership.claim("a", newCall());
  assert.ok(await mailboxes.apply("a", 0, { add: [inbox], update: [] }));
  await newProcess(t, store.leases, "other", null).ownership.claim("a", newCall());
  await assert.rejects(mailboxes.apply("a", 1, { add: [inbox], update: [] }), (error) =>
    isFailure(error, "unavailable"),
  );
  assert.deepEqual(did, ["cut a"]);
  assert.equal((await store.mailboxes.list("a")).version, 1);
  const sessions = guardSessions({ use: () => assert.fail("connected") }, ownership);
  const use = sessions.use({ account: "a", lane: "interactive", call: newCall() }, async () => undefined);
  await assert.rejects(use, uncertain);
});
