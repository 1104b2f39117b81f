import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type ChangeAction, type Job, packJobId } from "@postern/protocol";
import type { JobRecord } from "@postern/store";
import { startRecordingProxy } from "@postern/test/servers";
import { boxId, deliver, listed, outcomes, seen, targets } from "../../testing/changes.ts";
import {
  type CoreHouse,
  type CoreOver,
  newCall,
  registered,
  startCore,
  startCoreHouse,
} from "../../testing/core-house.ts";
import type { RawClient } from "../../testing/raw-client.ts";

const PART = 300;
const NEVER_BEFORE = 5;

/** All ids of the inbox, oldest first. */
async function allIds(over: CoreOver, account: string): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor: string | undefined; ; ) {
    const input = { account, mailbox: "inbox", limit: 200, fields: ["id" as const], ...(cursor && { cursor }) };
    const page = await over.core.listMessages(input, newCall());
    assert.ok(!page.notModified);
    ids.push(...page.items.map(({ id }) => id));
    if (page.nextCursor === null) return ids.reverse();
    cursor = page.nextCursor;
  }
}

async function ended(over: CoreOver, account: string, job: string): Promise<Job> {
  for (;;) {
    const now = await over.core.getJob({ account, job }, newCall());
    if (now.state !== "running") return now;
    await new Promise(setImmediate);
  }
}

/** Subjects of a mailbox with how often each is there, as another client sees them. */
async function counted(client: RawClient, mailbox: string): Promise<Map<string, number>> {
  const groups = Map.groupBy(await seen(client, mailbox), (line) => line);
  return new Map([...groups].map(([line, all]) => [line, all.length]));
}

for (const [what, without] of [
  ["as it is", []],
  ["without MOVE", ["MOVE"]],
] as const)
  describe(`jobs whose process died in the middle of a part, on a server ${what}`, () => {
    let house: CoreHouse;
    before(async () => {
      house = await startCoreHouse({ without: [...without] });
    });
    after(() => house.stop());

    /**
     * A job as it is left by a process that was killed: its second part was under way, and five messages of it had been
     * changed, by `change`.
     */
    async function left(
      account: string,
      action: (boxed: string) => ChangeAction,
      change: (ids: string[], boxed: string) => Promise<unknown>,
    ): Promise<{ client: RawClient; job: Job; boxed: string }> {
      const client = await house.otherClient(account);
      await client.command("CREATE Box");
      await deliver(client, "INBOX", 2 * PART + 20);
      const ids = await allIds(house, account);
      const boxed = await boxId(house, account, "Box");
      await change(ids.slice(PART, PART + NEVER_BEFORE), boxed);
      const { key } = await registered(house.store, account);
      const rest = ids.slice(PART);
      const parts = [rest.slice(0, PART), rest.slice(PART)].map((part) => JSON.stringify(targets(part)));
      const record: JobRecord = {
        id: packJobId(key, crypto.getRandomValues(new Uint8Array(8))),
        version: 1,
        actor: "admin",
        work: JSON.stringify(action(boxed)),
        state: "running",
        total: rest.length,
        done: 0,
        parts: 2,
        nextPart: 0,
        begun: true,
        cancelRequested: false,
        failure: null,
        createdAt: Date.now(),
        updatedAt: Date.now(),
        owner: "one that is gone",
        leaseUntil: 0,
      };
      await house.store.jobs.create(account, record, parts);
      return { client, job: await ended(house, account, record.id), boxed };
    }

    const asked = (account: string) => ({
      flags: async (ids: string[]) =>
        house.core.changeFlags({ account, messages: targets(ids), flags: { add: ["\\Seen"] } }, newCall()),
      move: async (ids: string[], mailbox: string) =>
        house.core.moveMessages({ account, messages: targets(ids), mailbox }, newCall()),
      copy: async (ids: string[], mailbox: string) =>
        house.core.copyMessages({ account, messages: targets(ids), mailbox }, newCall()),
      delete: async (ids: string[]) =>
        house.core.deleteMessages({ account, messages: targets(ids), permanent: true }, newCall()),
    });

    test("flags are changed to the end, and all is told as done", async () => {
      const flags = { add: ["\\Seen"] };
      const { client, job } = await left("flags", () => ({ flags }), asked("flags").flags);
      assert.deepEqual([job.state, job.done, job.total], ["done", PART + 20, PART + 20]);
      assert.ok(outcomes(job.results).every((each) => each === "ok"));
      const lines = await seen(client, "INBOX");
      assert.deepEqual(
        [lines.filter((line) => line.endsWith("\\Seen")).length, lines.slice(0, PART).includes("1 \\Seen")],
        [PART + 20, false],
      );
    });

    test("what was to be deleted for good is gone, and told as done", async () => {
      const action = { delete: { permanent: true } };
      const { client, job } = await left("delete", () => action, asked("delete").delete);
      assert.deepEqual([job.state, job.done], ["done", PART + 20]);
      assert.ok(outcomes(job.results).every((each) => each === "ok"));
      assert.equal((await seen(client, "INBOX")).length, PART);
    });

    test("what was being copied is not copied a second time, and told as unknown", async () => {
      const { client, job } = await left("copy", (copy) => ({ copy }), asked("copy").copy);
      assert.deepEqual([job.state, job.done], ["done", PART + 20]);
      assert.ok(outcomes(job.results.slice(0, PART)).every((each) => each === "outcome-unknown unknown"));
      assert.ok(outcomes(job.results.slice(PART)).every((each) => each === "ok"));
      const copies = await counted(client, "Box");
      assert.deepEqual([copies.size, Math.max(...copies.values())], [NEVER_BEFORE + 20, 1]);
    });

    test("what was being moved is in one place, and only what is seen to be there is told as done", async () => {
      const { client, job, boxed } = await left("move", (move) => ({ move }), asked("move").move);
      assert.deepEqual([job.state, job.done], ["done", PART + 20]);
      const told = outcomes(job.results);
      assert.ok(told.slice(PART).every((each) => each === "ok"));
      // Without MOVE a part that broke off may have left copies: it is not repeated.
      const open = without.length > 0 ? PART : 0;
      assert.equal(told.filter((each) => each === "outcome-unknown unknown").length, open);
      const [here, there] = [await counted(client, "INBOX"), await counted(client, "Box")];
      assert.equal(here.size + there.size, 2 * PART + 20);
      assert.equal(Math.max(...here.values(), ...there.values()), 1);
      const known = new Set((await listed(house, "move", boxed)).map(({ id }) => id));
      for (const result of job.results.slice(PART)) assert.ok(result.ok && known.has(result.id));
    });

    test("a job that cannot be read ends, and says that it failed", async () => {
      const client = await house.otherClient("broken");
      await deliver(client, "INBOX", 1);
      const { key } = await registered(house.store, "broken");
      const id = packJobId(key, crypto.getRandomValues(new Uint8Array(8)));
      const record: JobRecord = {
        id,
        version: 1,
        actor: "admin",
        work: JSON.stringify({ flags: { add: ["\\Seen"] } }),
        state: "running",
        total: 1,
        done: 0,
        parts: 1,
        nextPart: 0,
        begun: false,
        cancelRequested: false,
        failure: null,
        createdAt: Date.now(),
        updatedAt: Date.now(),
        owner: null,
        leaseUntil: 0,
      };
      await house.store.jobs.create("broken", record, ["no JSON"]);
      const job = await ended(house, "broken", id);
      assert.deepEqual([job.state, job.failure?.code, job.results], ["failed", "internal", []]);
    });
  });

test("a job that is cancelled ends with the part that is under way, and what is done stays done", async (t) => {
  const house = await startCoreHouse();
  const proxy = await startRecordingProxy(house.server);
  const { host, port } = proxy;
  const over = await startCore({ host, port, user: (name) => house.server.user(name) });
  t.after(async () => {
    await over.stop();
    await proxy.stop();
    await house.stop();
  });
  const client = await house.otherClient("cancel");
  await deliver(client, "INBOX", 4 * PART);
  const ids = await allIds(over, "cancel");
  const release = proxy.holdAll();
  const answer = await over.core.batchMessages(
    { account: "cancel", messages: targets(ids), action: { flags: { add: ["\\Seen"] } }, dryRun: false },
    newCall(),
  );
  assert.ok("job" in answer);
  const cancelling = over.core.cancelJob({ account: "cancel", job: answer.job.id }, newCall());
  while (!(await over.store.jobs.get("cancel", answer.job.id))?.cancelRequested) await new Promise(setImmediate);
  release();
  const job = await cancelling;
  assert.deepEqual([job.state, job.done, job.total], ["cancelled", PART, 4 * PART]);
  assert.deepEqual(
    job.results.map(({ id, ok }) => [id, ok]),
    ids.slice(0, PART).map((id) => [id, true]),
  );
  const lines = await seen(client, "INBOX");
  assert.deepEqual(
    lines.map((line) => line.endsWith("\\Seen")),
    ids.map((_, at) => at < PART),
  );
  assert.equal((await over.core.cancelJob({ account: "cancel", job: job.id }, newCall())).state, "cancelled");
});
