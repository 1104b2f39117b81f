import assert from "node:assert/strict";
import { test } from "node:test";
import { account } from "./contract/samples.ts";
import { reseal } from "./reseal.ts";
import { KeyRing, accountSealContext } from "./seal.ts";
import { openSqliteStore } from "./sqlite/store.ts";

const [oldKey, newKey] = [KeyRing.generate(), KeyRing.generate()];
const oldRing = KeyRing.parse(oldKey);
const ring = KeyRing.parse(`${newKey},${oldKey}`);

const sealedAs = (seal: KeyRing, id: string): { sealed: string } => ({
  sealed: seal.seal(`secret of ${id}`, accountSealContext(id)),
});

test("all accounts are sealed anew with the first key, once", async () => {
  const store = await openSqliteStore(":memory:");
  const ids = Array.from({ length: 250 }, (_, index) => `a-${index}`);
  for (const id of ids) await store.accounts.create(account(id, sealedAs(id === "a-7" ? ring : oldRing, id)));
  assert.deepEqual(await reseal(store, ring), { accounts: 250, webhooks: 0, resealed: 249, unreadable: [] });
  assert.deepEqual(await reseal(store, ring), { accounts: 250, webhooks: 0, resealed: 0, unreadable: [] });
  const onlyNew = KeyRing.parse(newKey);
  for (const id of ids) {
    const record = await store.accounts.get(id);
    assert.equal(onlyNew.open(record?.sealed ?? "", accountSealContext(id)), `secret of ${id}`);
    assert.equal(record?.generation, 1);
  }
  await store.close();
});

test("whose secrets were read to be sealed anew is written down, without them", async () => {
  const store = await openSqliteStore(":memory:");
  await store.accounts.create(account("a", sealedAs(oldRing, "a")));
  await store.accounts.create(account("b", sealedAs(ring, "b")));
  await reseal(store, ring);
  const [entry, ...others] = await store.audit.list({ limit: 10 });
  assert.deepEqual([entry?.actor, entry?.action, entry?.subject], ["operator", "account.resealed", "a"]);
  assert.deepEqual(others, []);
  assert.doesNotMatch(JSON.stringify(entry), /secret/);
  await store.close();
});

test("a secret that no key opens is told and left as it is", async () => {
  const store = await openSqliteStore(":memory:");
  const lost = account("lost", sealedAs(KeyRing.parse(KeyRing.generate()), "lost"));
  const moved = account("moved", sealedAs(oldRing, "elsewhere"));
  for (const record of [lost, moved, account("fine", sealedAs(oldRing, "fine"))]) await store.accounts.create(record);
  assert.deepEqual(await reseal(store, ring), { accounts: 3, webhooks: 0, resealed: 1, unreadable: ["lost", "moved"] });
  assert.deepEqual(await store.accounts.get("lost"), lost);
  await store.close();
});

test("a password changed meanwhile is not overwritten", async () => {
  const store = await openSqliteStore(":memory:");
  await store.accounts.create(account("a", sealedAs(oldRing, "a")));
  const { accounts } = store;
  let interfered = false;
  const update: typeof accounts.update = async (record) => {
    if (!interfered) {
      interfered = true;
      const present = await accounts.get("a");
      assert.ok(present);
      await accounts.update({ ...present, sealed: oldRing.seal("changed", accountSealContext("a")) });
    }
    return accounts.update(record);
  };
  assert.equal((await reseal({ ...store, accounts: { ...accounts, update } }, ring)).resealed, 1);
  const sealed = (await accounts.get("a"))?.sealed ?? "";
  assert.ok(ring.isCurrent(sealed));
  assert.equal(ring.open(sealed, accountSealContext("a")), "changed");
  await store.close();
});
