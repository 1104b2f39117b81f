import assert from "node:assert/strict";
import { test } from "node:test";
import { isFailure } from "@postern/protocol";
import type { Store } from "../store.ts";
import type { Pair } from "./index.ts";
import { account, mailbox } from "./samples.ts";

export function mailboxesContract(pair: () => Pair): void {
  test("mailboxes get keys in order, and are there as they were put", async () => {
    const { one, other } = pair();
    await one.accounts.create(account("mbx-keys"));
    assert.deepEqual(await one.mailboxes.list("mbx-keys"), { version: 0, records: [] });
    const add = [
      mailbox("INBOX", {
        uidValidity: 2 ** 32 - 1,
        formerUidValidities: [1, 2],
        mailboxId: "F123",
        uidNext: 7,
        sightings: [
          [3, 5],
          [9, 7],
        ],
      }),
      mailbox("Entwürfe/日本語 📬", { uidValidity: null, uidNext: null }),
      mailbox("a\u0000b}{\ud800", { goneAt: 1_790_000_000_000 }),
    ];
    const first = await one.mailboxes.apply("mbx-keys", 0, { add, update: [] });
    const records = add.map((record, index) => Object.assign({ key: index + 1 }, record));
    assert.deepEqual(first, { version: 1, added: records });
    assert.deepEqual(await other.mailboxes.list("mbx-keys"), { version: 1, records });
  });

  test("an update changes what it names and nothing else, and a key is never given again", async () => {
    const { one, other } = pair();
    await one.accounts.create(account("mbx-update"));
    const [a, b] = [mailbox("A"), mailbox("B")];
    await one.mailboxes.apply("mbx-update", 0, { add: [a, b], update: [] });
    const gone = { ...b, key: 2, goneAt: 5 };
    const result = await other.mailboxes.apply("mbx-update", 1, { add: [mailbox("C")], update: [gone] });
    assert.deepEqual(result, { version: 2, added: [{ ...mailbox("C"), key: 3 }] });
    const records = [{ ...a, key: 1 }, gone, { ...mailbox("C"), key: 3 }];
    assert.deepEqual(await one.mailboxes.list("mbx-update"), { version: 2, records });
  });

  test("what was decided on an older version is not applied", async () => {
    const { one, other } = pair();
    await one.accounts.create(account("mbx-cas"));
    await one.mailboxes.apply("mbx-cas", 0, { add: [mailbox("A")], update: [] });
    assert.equal(await other.mailboxes.apply("mbx-cas", 0, { add: [mailbox("A")], update: [] }), null);
    assert.equal(await other.mailboxes.apply("mbx-cas", 2, { add: [mailbox("A")], update: [] }), null);
    assert.equal((await one.mailboxes.list("mbx-cas")).records.length, 1);
  });

  test("an update of a key that was never given is refused whole", async () => {
    const { one } = pair();
    await one.accounts.create(account("mbx-whole"));
    const strange = { ...mailbox("X"), key: 9 };
    await assert.rejects(one.mailboxes.apply("mbx-whole", 0, { add: [mailbox("A")], update: [strange] }), RangeError);
    assert.deepEqual(await one.mailboxes.list("mbx-whole"), { version: 0, records: [] });
  });

  test("nothing is kept of an account that is not there", async () => {
    const { one } = pair();
    const attempt = one.mailboxes.apply("mbx-nobody", 0, { add: [mailbox("A")], update: [] });
    await assert.rejects(attempt, (error) => isFailure(error, "not-found"));
    assert.deepEqual(await one.mailboxes.list("mbx-nobody"), { version: 0, records: [] });
  });

  test("however many add mailboxes at once, no key is given twice and none is lost", async () => {
    const { one, other } = pair();
    await one.accounts.create(account("mbx-race"));
    const writers = [one, other, one, other].map((store, index) => addOneByOne(store, "mbx-race", `w${index}`, 15));
    const given = (await Promise.all(writers)).flat();
    assert.deepEqual(
      given.toSorted((a, b) => a - b),
      Array.from({ length: 60 }, (_, index) => index + 1),
    );
    const { version, records } = await one.mailboxes.list("mbx-race");
    assert.deepEqual([version, new Set(records.map(({ path }) => path)).size], [60, 60]);
  });

  test("an account of many mailboxes is kept whole", async () => {
    const { one, other } = pair();
    await one.accounts.create(account("mbx-many"));
    const add = Array.from({ length: 5_000 }, (_, index) => mailbox(`Archive/${index}/${"ä".repeat(100)}`));
    const applied = await one.mailboxes.apply("mbx-many", 0, { add, update: [] });
    assert.equal(applied?.added.at(-1)?.key, 5_000);
    assert.deepEqual((await other.mailboxes.list("mbx-many")).records, applied?.added);
  });
}

/** Lists and decides anew until each is in; the keys that were given. */
export async function addOneByOne(store: Store, accountId: string, prefix: string, count: number): Promise<number[]> {
  const given: number[] = [];
  while (given.length < count) {
    const { version } = await store.mailboxes.list(accountId);
    const add = [mailbox(`${prefix}/${given.length}`)];
    const applied = await store.mailboxes.apply(accountId, version, { add, update: [] });
    given.push(...(applied?.added.map(({ key }) => key) ?? []));
  }
  return given;
}
