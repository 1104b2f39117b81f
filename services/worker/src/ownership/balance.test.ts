import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { rank } from "@postern/wire";
import { keepBalance } from "./balance.ts";

const [mine, theirs] = ["w1", "w2"].map((id) => ({ id, url: `http://${id}.example.org` }));
assert.ok(mine && theirs);
const both = [mine, theirs];
const ACCOUNTS = Array.from({ length: 60 }, (_, index) => `account-${index}`);
const foreign = ACCOUNTS.filter((account) => rank(both, account)[0]?.id === "w2");

function balanced(t: TestContext, giveAway: (account: string) => Promise<boolean>) {
  t.mock.timers.enable({ apis: ["setInterval"] });
  let now = 0;
  const cluster = { list: [mine] as readonly { id: string; url: string }[] };
  const ownership = { accounts: () => ACCOUNTS, giveAway };
  const balance = keepBalance({ ownership, id: "w1", living: () => cluster.list, now: () => now });
  t.after(balance.stop);
  const seconds = async (count: number): Promise<void> => {
    for (let second = 0; second < count; second += 1) {
      now += 1_000;
      t.mock.timers.tick(1_000);
      await new Promise(setImmediate);
    }
  };
  return { cluster, seconds };
}

test("who joins is given what it comes first for, a few at a time, once it has stayed a while", async (t) => {
  const given: string[] = [];
  const { cluster, seconds } = balanced(t, async (account) => given.push(account) > 0);
  await seconds(20);
  cluster.list = both;
  await seconds(5);
  assert.deepEqual(given, []);
  await seconds(1);
  assert.ok(given.length > 0 && given.length <= 10);
  await seconds(20);
  assert.deepEqual(given.toSorted(), foreign.toSorted());
});

test("what has come back stays for a while, and what could not be given is tried again", async (t) => {
  const tried: string[] = [];
  const { cluster, seconds } = balanced(t, async (account) => tried.push(account) > 5);
  cluster.list = both;
  await seconds(120);
  assert.equal(tried.length, foreign.length + 5);
  await seconds(300);
  assert.ok(tried.length > foreign.length + 5);
});

test("a worker that is not listed itself gives nothing away", async (t) => {
  const { cluster, seconds } = balanced(t, async () => assert.fail());
  cluster.list = [theirs, { id: "w3", url: "http://w3.example.org" }];
  await seconds(60);
});
