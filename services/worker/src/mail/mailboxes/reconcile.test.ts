import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MailboxRecord } from "@postern/store";
import fc from "fast-check";
import type { ListedMailbox } from "../../imap/session.ts";
import { reconcile } from "./reconcile.ts";

/** A mailbox on the model's server. `made` tells it from every other one that ever was. */
interface Real {
  made: number;
  path: string;
  uidValidity: number;
  uidNext: number;
}

function listed({ path, uidValidity, uidNext, made }: Real, objectIds: boolean): ListedMailbox {
  const mailboxId = objectIds ? `F${made}` : null;
  const status = { messages: 0, unseen: 0, uidNext, uidValidity, highestModseq: null, mailboxId, asOf: 0 };
  return { path, delimiter: "/", attributes: [], subscribed: true, status };
}

function apply(
  known: readonly MailboxRecord[],
  real: readonly Real[],
  objectIds: boolean,
  now: number,
): MailboxRecord[] {
  const { add, update } = reconcile(
    known,
    real.map((each) => listed(each, objectIds)),
    now,
  );
  const byKey = new Map(known.map((record) => [record.key, record]));
  for (const record of update) {
    assert.ok(byKey.has(record.key), "only known records are updated");
    byKey.set(record.key, record);
  }
  let key = Math.max(0, ...byKey.keys());
  for (const record of add) byKey.set(++key, { ...record, key });
  return [...byKey.values()];
}

const step = fc.record({
  kind: fc.constantFrom("create", "delete", "rename", "recreate", "reset", "mail", "look"),
  which: fc.nat(),
  name: fc.constantFrom("a", "b", "c", "d", "e"),
});

describe("reconciling what is known with what is listed", () => {
  for (const objectIds of [true, false]) {
    it(`keeps keys with their mailboxes over any history, ${objectIds ? "by MAILBOXID" : "by UIDVALIDITY"}`, () =>
      fc.assert(
        fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
          let real: Real[] = [];
          let counter = 1;
          let known: MailboxRecord[] = [];
          const keyOf = new Map<number, number>();
          const fresh = (path: string): Real => ({ made: counter, path, uidValidity: 1000 + counter++, uidNext: 1 });
          for (const { kind, which, name } of steps) {
            const target = real[which % Math.max(1, real.length)];
            const isFree = !real.some(({ path }) => path === name);
            if (kind === "create" && isFree) real.push(fresh(name));
            if (kind === "mail" && target) target.uidNext += 1;
            if (kind === "delete" && target) real = real.filter((each) => each !== target);
            if (kind === "rename" && target && isFree) target.path = name;
            // A look between the two: what was renamed and reset at once cannot be told by anything but a MAILBOXID.
            if (kind === "reset" && target && objectIds)
              Object.assign(target, { uidValidity: 1000 + counter++, uidNext: 1 });
            if (kind === "recreate" && target) real = [...real.filter((each) => each !== target), fresh(target.path)];
            if (kind !== "look") continue;
            known = apply(known, real, objectIds, 5);
            check(known, real, keyOf, objectIds);
          }
        }),
        { numRuns: 1000 },
      ));
  }

  function check(
    known: readonly MailboxRecord[],
    real: readonly Real[],
    keyOf: Map<number, number>,
    objectIds: boolean,
  ) {
    const live = known.filter(({ goneAt }) => goneAt === null);
    assert.deepEqual(live.map(({ path }) => path).sort(), real.map(({ path }) => path).sort());
    for (const { made, path, uidValidity } of real) {
      const record = live.find((each) => each.path === path);
      assert.ok(record);
      assert.equal(record.uidValidity, uidValidity);
      assert.ok(!record.formerUidValidities.includes(uidValidity));
      const before = keyOf.get(made);
      if (before !== undefined) assert.equal(record.key, before, "a mailbox keeps its key");
      keyOf.set(made, record.key);
    }
    // A key never means two mailboxes of one UIDVALIDITY, so no id means two messages; with MAILBOXID it means one for good.
    if (objectIds) assert.equal(new Set(keyOf.values()).size, keyOf.size);
  }

  it("changes nothing where nothing has changed", () => {
    const real = [{ made: 1, path: "a", uidValidity: 7, uidNext: 3 }];
    const known = apply([], real, false, 1);
    const again = reconcile(
      known,
      real.map((each) => listed(each, false)),
      2,
    );
    assert.deepEqual(again, { add: [], update: [] });
  });

  it("remembers the UIDVALIDITY that a reset mailbox had", () => {
    const known = apply([], [{ made: 1, path: "a", uidValidity: 7, uidNext: 3 }], false, 1);
    const [record] = apply(known, [{ made: 1, path: "a", uidValidity: 8, uidNext: 1 }], false, 2);
    assert.deepEqual(record?.formerUidValidities, [7]);
    assert.equal(record?.uidNext, 1);
  });

  it("takes a vanished mailbox for gone where two new ones could be it", () => {
    const known = apply([], [{ made: 1, path: "a", uidValidity: 7, uidNext: 3 }], false, 1);
    const twins = ["b", "c"].map((path, at) => ({ made: at + 2, path, uidValidity: 7, uidNext: 3 }));
    const now = apply(known, twins, false, 2);
    assert.equal(now.find(({ path }) => path === "a")?.goneAt, 2);
    assert.equal(now.length, 3);
  });

  it("takes one that cannot be opened along with what is below it", () => {
    const box = (made: number, path: string): Real => ({ made, path, uidValidity: made + 10, uidNext: 3 });
    const shelf = (path: string): ListedMailbox => ({ ...listed(box(9, path), false), status: null });
    const take = (known: readonly MailboxRecord[], now: number, ...there: ListedMailbox[]): MailboxRecord[] => {
      const { add, update } = reconcile(known, there, now);
      const byKey = new Map([...known, ...update].map((record) => [record.key, record]));
      return [...byKey.values(), ...add.map((record, at) => ({ ...record, key: byKey.size + at + 1 }))];
    };
    const before = [shelf("a"), shelf("a/b"), listed(box(1, "a/b/c"), false), listed(box(2, "a/d"), false)];
    const after = [shelf("x"), shelf("x/b"), listed(box(1, "x/b/c"), false), listed(box(2, "x/d"), false)];
    const known = take([], 1, ...before);
    const now = take(known, 2, ...after);
    assert.deepEqual(
      now.map(({ key, path, goneAt }) => [key, path, goneAt]),
      known.map(({ key, path }) => [key, path.replace("a", "x"), null]),
    );
    const apart = [shelf("x"), shelf("y"), listed(box(1, "x/b/c"), false), listed(box(2, "y/d"), false)];
    assert.equal(take(known, 2, ...apart).find(({ path }) => path === "a")?.goneAt, 2);
  });

  it("knows a mailbox again that was out of sight for a while", () => {
    const real = [{ made: 1, path: "a", uidValidity: 7, uidNext: 3 }];
    const gone = apply(apply([], real, false, 1), [], false, 2);
    const [record, ...others] = apply(gone, real, false, 3);
    assert.equal(record?.goneAt, null);
    assert.deepEqual(others, []);
  });
});
