import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { GroupCommit } from "./group-commit.ts";

/** What was asked for has begun by then. */
async function turn(): Promise<void> {
  for (let step = 0; step < 2; step += 1) await new Promise((resolve) => setImmediate(resolve));
}

async function turnOfPromises(): Promise<void> {
  for (let step = 0; step < 10; step += 1) await Promise.resolve();
}

test("who asks while nothing runs shares one run, and who asks while it runs shares the next", async () => {
  const runs: PromiseWithResolvers<number>[] = [];
  const commit = new GroupCommit(() => {
    const run = Promise.withResolvers<number>();
    runs.push(run);
    return run.promise;
  });
  const early = [commit.ask(), commit.ask()];
  await turn();
  assert.equal(runs.length, 1);
  const late = [commit.ask(), commit.ask(), commit.ask()];
  runs[0]?.resolve(1);
  assert.deepEqual(await Promise.all(early), [1, 1]);
  await turn();
  assert.equal(runs.length, 2);
  runs[1]?.resolve(2);
  assert.deepEqual(await Promise.all(late), [2, 2, 2]);
  await Promise.resolve();
  assert.ok(commit.isIdle);
});

test("those who ask in the same turn share one run, though others were answered before they asked", async () => {
  let runs = 0;
  const commit = new GroupCommit(async () => (runs += 1));
  const first = commit.ask();
  const between = first.then(() => commit.ask());
  const after = first.then(turnOfPromises).then(() => commit.ask());
  assert.deepEqual(await Promise.all([first, between, after]), [1, 2, 2]);
});

test("a run that fails fails those who shared it, and nobody else", async () => {
  let runs = 0;
  const commit = new GroupCommit(async () => {
    runs += 1;
    if (runs === 1) throw new Error("away");
    return runs;
  });
  const first = commit.ask();
  await assert.rejects(first, /away/);
  assert.equal(await commit.ask(), 2);
});

test("whatever the order, an answer was begun after its question, and one runs at a time", async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.array(fc.nat({ max: 4 }), { maxLength: 30 }), async (scheduler, pauses) => {
      let clock = 0;
      let running = 0;
      const commit = new GroupCommit(async () => {
        const begun = (clock += 1);
        running += 1;
        assert.equal(running, 1);
        await scheduler.schedule(Promise.resolve(), "run");
        running -= 1;
        return begun;
      });
      const asked = pauses.map(async (pause) => {
        for (let step = 0; step < pause; step += 1) await scheduler.schedule(Promise.resolve(), "pause");
        const at = (clock += 1);
        assert.ok((await commit.ask()) > at);
      });
      await scheduler.waitFor(Promise.all(asked));
    }),
  );
});
