import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pair } from "./index.ts";
import { account, mailbox } from "./samples.ts";

/** Ids that Postern itself refuses, but that must not disturb others if they ever came. */
export const oddIds = ["a}b", "{a", "a:b", "ü", "a b", "a\nb", "a\u0000b", "~YQ", "..", "%61", "'; --", "𝛑"];

export function accountsContract(pair: () => Pair): void {
  test("an account is there as it was put, for every process", async () => {
    const { one, other } = pair();
    const record = account("acc-whole", {
      smtp: { ...account("x").imap, user: null, tls: null, authentication: null },
    });
    assert.equal(await one.accounts.create(record), true);
    assert.deepEqual(await other.accounts.get(record.id), record);
    assert.equal(await other.accounts.idOfKey(record.key), record.id);
    assert.equal(await one.accounts.get("acc-nobody"), null);
    assert.equal(await one.accounts.idOfKey(2 ** 48 - 1), null);
  });

  test("the largest key there is comes back unchanged", async () => {
    const { one } = pair();
    await one.accounts.create(account("acc-key", { key: 2 ** 48 - 2 }));
    assert.equal((await one.accounts.get("acc-key"))?.key, 2 ** 48 - 2);
    assert.equal(await one.accounts.idOfKey(2 ** 48 - 2), "acc-key");
  });

  test("an id or a key that is taken is not given again, and a lost attempt leaves nothing behind", async () => {
    const { one, other } = pair();
    const first = account("acc-taken");
    await one.accounts.create(first);
    const sameId = account("acc-taken", { name: "Eve" });
    const sameKey = account("acc-other", { key: first.key });
    assert.equal(await other.accounts.create(sameId), false);
    assert.equal(await other.accounts.create(sameKey), false);
    assert.deepEqual(await one.accounts.get("acc-taken"), first);
    assert.equal(await one.accounts.get("acc-other"), null);
    assert.equal(await one.accounts.idOfKey(sameId.key), null);
    assert.equal(await one.accounts.idOfKey(first.key), "acc-taken");
    assert.equal(await other.accounts.create(account("acc-other", { key: sameId.key })), true);
  });

  test("of many who make the same account at once, one succeeds", async () => {
    const { one, other } = pair();
    const attempts = Array.from({ length: 20 }, (_, index) => account("acc-race", { name: `${index}` }));
    const results = await Promise.all(
      attempts.map((record, index) => (index % 2 ? one : other).accounts.create(record)),
    );
    assert.equal(results.filter(Boolean).length, 1);
    const winner = attempts[results.indexOf(true)];
    assert.deepEqual(await one.accounts.get("acc-race"), winner);
    for (const [index, record] of attempts.entries())
      assert.equal(await one.accounts.idOfKey(record.key), results[index] ? "acc-race" : null);
  });

  test("an update takes effect only on the version that it was made from", async () => {
    const { one, other } = pair();
    const record = account("acc-cas");
    await one.accounts.create(record);
    const changed = { ...record, name: null, sealed: "v1.k2.bmV3", generation: 2, disabled: true };
    assert.equal(await other.accounts.update(changed), true);
    assert.deepEqual(await one.accounts.get(record.id), { ...changed, version: 2 });
    assert.equal(await one.accounts.update({ ...record, name: "late" }), false);
    assert.equal(await one.accounts.update(account("acc-cas-nobody")), false);
    assert.equal(await one.accounts.get("acc-cas-nobody"), null);
  });

  test("of many who update the same version at once, one succeeds", async () => {
    const { one, other } = pair();
    const record = account("acc-cas-race");
    await one.accounts.create(record);
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        (index % 2 ? one : other).accounts.update({ ...record, name: `${index}` }),
      ),
    );
    assert.equal(results.filter(Boolean).length, 1);
    assert.equal((await one.accounts.get(record.id))?.name, `${results.indexOf(true)}`);
  });

  test("a state is kept for the generation it was seen under, and voids an update made without it", async () => {
    const { one, other } = pair();
    const record = account("acc-state");
    await one.accounts.create(record);
    await other.accounts.setState(record.id, 1, "unreachable", "no route", 17);
    const seen = { ...record, version: 2, state: "unreachable", stateDetail: "no route", stateAt: 17 };
    assert.deepEqual(await one.accounts.get(record.id), seen);
    assert.equal(await one.accounts.update({ ...record, name: "late" }), false);
    await other.accounts.setState(record.id, 2, "connected", null, 18);
    await other.accounts.setState("acc-state-nobody", 1, "connected", null, 18);
    assert.deepEqual(await one.accounts.get(record.id), seen);
    assert.equal(await one.accounts.get("acc-state-nobody"), null);
  });

  test("accounts are listed by id, page after page, each once", async () => {
    const { one, other } = pair();
    const ids = Array.from({ length: 25 }, (_, index) => `page-${String(index).padStart(2, "0")}`);
    await Promise.all(ids.toReversed().map((id) => one.accounts.create(account(id))));
    const listed: string[] = [];
    for (let from: string | undefined = "page-"; from?.startsWith("page-"); ) {
      const page = await other.accounts.list({ after: from, limit: 4 });
      assert.ok(page.length <= 4);
      listed.push(...page.map(({ id }) => id).filter((id) => id.startsWith("page-")));
      from = page.at(-1)?.id;
    }
    assert.deepEqual(listed, ids);
  });

  test("a list is narrowed to the ids given, whether they exist or not", async () => {
    const { one } = pair();
    await Promise.all(["some-c", "some-a", "some-b"].map((id) => one.accounts.create(account(id))));
    const ids = ["some-c", "some-nobody", "some-a", "some-b", "some-a"];
    const idsOf = async (after: string | undefined, limit: number): Promise<string[]> =>
      (await one.accounts.list({ ids, after, limit })).map(({ id }) => id);
    assert.deepEqual(await idsOf(undefined, 10), ["some-a", "some-b", "some-c"]);
    assert.deepEqual(await idsOf("some-a", 1), ["some-b"]);
    assert.deepEqual(await idsOf("some-c", 10), []);
    assert.deepEqual(await one.accounts.list({ ids: [], limit: 10 }), []);
  });

  test("what is removed is gone with all that was kept of it, and its id and key are free", async () => {
    const { one, other } = pair();
    const record = account("acc-gone");
    await one.accounts.create(record);
    await one.mailboxes.apply(record.id, 0, { add: [mailbox("INBOX")], update: [] });
    await one.cache.setMany(record.id, [["k", Buffer.from("v")]], 60);
    assert.equal(await other.accounts.remove(record.id), true);
    assert.equal(await other.accounts.remove(record.id), false);
    assert.equal(await one.accounts.get(record.id), null);
    assert.equal(await one.accounts.idOfKey(record.key), null);
    assert.deepEqual(await one.accounts.list({ ids: [record.id], limit: 1 }), []);
    assert.ok(!(await one.accounts.list({ after: "acc-gond", limit: 100 })).some(({ id }) => id === record.id));
    assert.equal(await one.accounts.update(record), false);
    assert.equal(await one.accounts.create(record), true);
    assert.deepEqual(await one.mailboxes.list(record.id), { version: 0, records: [] });
    assert.deepEqual(await one.cache.getMany(record.id, ["k"]), [null]);
  });

  test("an account made and removed by many at once is in the end listed if and only if it exists", async () => {
    const { one, other } = pair();
    const churn = async (store: typeof one): Promise<void> => {
      for (let round = 0; round < 20; round += 1) {
        await store.accounts.create(account("acc-churn"));
        await store.accounts.remove("acc-churn");
        await store.accounts.create(account("acc-churn"));
      }
    };
    await Promise.all([churn(one), churn(other), churn(one)]);
    const exists = (await one.accounts.get("acc-churn")) !== null;
    const listed = (await one.accounts.list({ after: "acc-chura", limit: 1 }))[0]?.id === "acc-churn";
    assert.equal(listed, exists);
  });

  test("an account with an odd id is one like any other", async () => {
    const { one, other } = pair();
    for (const [index, id] of oddIds.entries()) {
      const record = account(id, { name: `odd ${index}` });
      assert.equal(await one.accounts.create(record), true);
      await one.mailboxes.apply(id, 0, { add: [mailbox(`of ${index}`)], update: [] });
      await one.cache.setMany(id, [["k", Buffer.from(`of ${index}`)]], 60);
    }
    for (const [index, id] of oddIds.entries()) {
      assert.equal((await other.accounts.get(id))?.name, `odd ${index}`);
      assert.equal((await other.mailboxes.list(id)).records[0]?.path, `of ${index}`);
      const [cached] = await other.cache.getMany(id, ["k"]);
      assert.equal(cached && Buffer.from(cached).toString(), `of ${index}`);
    }
    const listed = (await other.accounts.list({ ids: oddIds, limit: 100 })).map(({ id }) => id);
    assert.deepEqual(
      listed,
      [...oddIds].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
    );
    for (const id of oddIds) assert.equal(await one.accounts.remove(id), true);
  });
}
