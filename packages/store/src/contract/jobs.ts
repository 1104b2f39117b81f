import assert from "node:assert/strict";
import { test } from "node:test";
import { isFailure } from "@postern/protocol";
import type { JobRecord } from "../store.ts";
import type { Pair } from "./index.ts";
import { account } from "./samples.ts";

function job(id: string, changes: Partial<JobRecord> = {}): JobRecord {
  return {
    id,
    version: 1,
    actor: "admin",
    work: '{"move":"mbx_1"}',
    state: "running",
    total: 3,
    done: 0,
    parts: 2,
    nextPart: 0,
    begun: false,
    cancelRequested: false,
    failure: null,
    createdAt: Date.now(),
    updatedAt: Date.now(),
    owner: "w1",
    leaseUntil: 5,
    ...changes,
  };
}

export function jobsContract(pair: () => Pair): void {
  test("a job is there as it was made, part by part, and its results come in order", async () => {
    const { one, other } = pair();
    await one.accounts.create(account("jobs"));
    const made = job("job_1");
    await one.jobs.create("jobs", made, ["one\u0000é", "two"]);
    assert.deepEqual(await other.jobs.get("jobs", "job_1"), made);
    assert.deepEqual(await other.jobs.part("jobs", "job_1", 0), "one\u0000é");
    assert.equal(await other.jobs.part("jobs", "job_1", 2), null);
    assert.deepEqual(await other.jobs.results("jobs", "job_1"), []);
    const begun = { ...made, nextPart: 1, done: 2 };
    assert.equal(await other.jobs.update("jobs", begun, { part: 0, text: "[1]" }), true);
    assert.equal(await one.jobs.update("jobs", { ...begun, version: 2, nextPart: 2 }, { part: 1, text: "[2]" }), true);
    assert.deepEqual(await one.jobs.results("jobs", "job_1"), ["[1]", "[2]"]);
    assert.deepEqual(await one.jobs.get("jobs", "job_1"), { ...begun, version: 3, nextPart: 2 });
  });

  test("who decided on an older version of a job changes nothing of it", async () => {
    const { one, other } = pair();
    await one.accounts.create(account("jobs-cas"));
    await one.jobs.create("jobs-cas", job("job_2"), ["a"]);
    const claims = await Promise.all(
      [one, other, one, other].map((store, at) =>
        store.jobs.update("jobs-cas", job("job_2", { owner: `w${at}` }), { part: 0, text: `${at}` }),
      ),
    );
    assert.equal(claims.filter(Boolean).length, 1);
    const winner = claims.indexOf(true);
    assert.equal((await one.jobs.get("jobs-cas", "job_2"))?.owner, `w${winner}`);
    assert.deepEqual(await one.jobs.results("jobs-cas", "job_2"), [`${winner}`]);
  });

  test("those that run are found until they end", async () => {
    const { one, other } = pair();
    await one.accounts.create(account("jobs-open"));
    await one.jobs.create("jobs-open", job("job_3"), []);
    await one.jobs.create("jobs-open", job("job_4"), []);
    const open = async (): Promise<string[]> =>
      (await other.jobs.open()).filter((each) => each.account === "jobs-open").map(({ id }) => id);
    assert.deepEqual(await open(), ["job_3", "job_4"]);
    await other.jobs.update("jobs-open", job("job_3", { state: "done" }));
    assert.deepEqual(await open(), ["job_4"]);
  });

  test("jobs go with their account, and none is kept of one that is not there", async () => {
    const { one, other } = pair();
    await one.accounts.create(account("jobs-gone"));
    await one.jobs.create("jobs-gone", job("job_5"), ["a"]);
    await one.accounts.remove("jobs-gone");
    assert.equal(await other.jobs.get("jobs-gone", "job_5"), null);
    assert.equal(await other.jobs.part("jobs-gone", "job_5", 0), null);
    await assert.rejects(one.jobs.create("jobs-gone", job("job_6"), []), (error) => isFailure(error, "not-found"));
    assert.ok(!(await other.jobs.open()).some((each) => each.account === "jobs-gone"));
  });

  test("a job that ended long ago is not kept", async () => {
    const { one, other } = pair();
    await one.accounts.create(account("jobs-old"));
    await one.jobs.create("jobs-old", job("job_7", { state: "done", updatedAt: Date.now() - 8 * 86_400_000 }), ["a"]);
    await one.jobs.create("jobs-old", job("job_8"), ["a"]);
    assert.equal(await other.jobs.get("jobs-old", "job_7"), null);
    assert.notEqual(await other.jobs.get("jobs-old", "job_8"), null);
  });
}
