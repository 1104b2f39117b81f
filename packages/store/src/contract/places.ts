import assert from "node:assert/strict";
import { test } from "node:test";
import { isFailure } from "@postern/protocol";
import type { MessagePlace } from "../store.ts";
import type { Pair } from "./index.ts";
import { account } from "./samples.ts";

const at = (mailbox: number, uid: number, uidValidity = 7): MessagePlace => ({ mailbox, uidValidity, uid });

export function placesContract(pair: () => Pair): void {
  const owner = async (id: string) => {
    const record = account(id);
    await pair().one.accounts.create(record);
    return record;
  };

  test("what was moved is found by where it was born, and its birth by where it is", async () => {
    const { one, other } = pair();
    const ada = await owner("plc-move");
    assert.deepEqual(await one.places.travelled(ada.id), { from: [], to: [] });
    await one.places.move(ada, [{ from: at(1, 2 ** 32 - 1, 2 ** 32 - 1), to: at(2, 9) }]);
    assert.deepEqual(await other.places.placesOf(ada.id, [at(1, 5), at(1, 2 ** 32 - 1, 2 ** 32 - 1)]), [
      null,
      at(2, 9),
    ]);
    assert.deepEqual(await other.places.birthsAt(ada.id, [at(2, 9), at(2, 8)]), [
      at(1, 2 ** 32 - 1, 2 ** 32 - 1),
      null,
    ]);
    assert.deepEqual(await other.places.travelled(ada.id), {
      from: [{ mailbox: 1, uidValidity: 2 ** 32 - 1 }],
      to: [{ mailbox: 2, uidValidity: 7 }],
    });
  });

  test("a chain of moves is one move, back to its first mailbox too", async () => {
    const { one, other } = pair();
    const ada = await owner("plc-chain");
    assert.deepEqual(await one.places.move(ada, [{ from: at(1, 5), to: at(2, 1) }]), [at(1, 5)]);
    assert.deepEqual(await other.places.move(ada, [{ from: at(2, 1), to: at(1, 8) }]), [at(1, 5)]);
    await one.places.move(ada, [{ from: at(1, 8), to: at(3, 4) }]);
    assert.deepEqual(await one.places.placesOf(ada.id, [at(1, 5), at(2, 1), at(1, 8)]), [at(3, 4), null, null]);
    assert.deepEqual(await one.places.birthsAt(ada.id, [at(2, 1), at(1, 8), at(3, 4)]), [null, null, at(1, 5)]);
  });

  test("a chain within one call, and a call that is repeated, come to the same", async () => {
    const { one } = pair();
    const ada = await owner("plc-again");
    const moves = [
      { from: at(1, 5), to: at(2, 1) },
      { from: at(2, 1), to: at(3, 1) },
      { from: at(1, 6), to: at(2, 2) },
    ];
    for (const part of [moves, moves.slice(1), moves]) {
      await one.places.move(ada, part);
      assert.deepEqual(await one.places.birthsAt(ada.id, [at(3, 1), at(2, 2)]), [at(1, 5), at(1, 6)]);
      assert.deepEqual(await one.places.placesOf(ada.id, [at(1, 5), at(1, 6)]), [at(3, 1), at(2, 2)]);
    }
  });

  test("what is deleted for good leaves nothing behind", async () => {
    const { one, other } = pair();
    const ada = await owner("plc-forget");
    await one.places.move(ada, [
      { from: at(1, 5), to: at(2, 1) },
      { from: at(1, 6), to: at(2, 2) },
    ]);
    assert.deepEqual(await other.places.forget(ada, [at(2, 1), at(2, 7)]), [at(1, 5), at(2, 7)]);
    assert.deepEqual(await one.places.placesOf(ada.id, [at(1, 5), at(1, 6)]), [null, at(2, 2)]);
    assert.deepEqual(await one.places.birthsAt(ada.id, [at(2, 1), at(2, 2)]), [null, at(1, 6)]);
  });

  test("places are of one account, and go with it", async () => {
    const { one } = pair();
    const ada = await owner("plc-gone");
    const moves = [{ from: at(1, 5), to: at(2, 1) }];
    await one.places.move(ada, moves);
    assert.deepEqual(await one.places.placesOf("plc-other", [at(1, 5)]), [null]);
    await one.accounts.remove(ada.id);
    assert.deepEqual(await one.places.placesOf(ada.id, [at(1, 5)]), [null]);
    await assert.rejects(one.places.move(ada, moves), (error) => isFailure(error, "not-found"));
    const anew = await owner(ada.id);
    await assert.rejects(one.places.move(ada, moves), (error) => isFailure(error, "not-found"));
    await one.places.move(anew, []);
    assert.deepEqual(await one.places.travelled(ada.id), { from: [], to: [] });
  });

  test("a thousand at a time are no trouble", async () => {
    const { one, other } = pair();
    const ada = await owner("plc-many");
    const uids = Array.from({ length: 1_000 }, (_, index) => index + 1);
    await one.places.move(
      ada,
      uids.map((uid) => ({ from: at(1, uid), to: at(2, uid + 10) })),
    );
    const births = await other.places.birthsAt(
      ada.id,
      uids.map((uid) => at(2, uid + 10)),
    );
    assert.deepEqual(
      births,
      uids.map((uid) => at(1, uid)),
    );
  });

  test("what is shown first is noted, and what was shown under the same before comes back instead", async () => {
    const { one, other } = pair();
    const ada = await owner("plc-show");
    const seen = (uid: number, handle: string, mailbox = 1) => ({ birth: at(mailbox, uid), handle });
    assert.deepEqual(await one.places.show(ada, [seen(1, "x.a"), seen(2, "x.b")]), [[], []]);
    assert.deepEqual(await other.places.show(ada, [seen(1, "x.a"), seen(9, "x.a", 2), seen(3, "x.c")]), [
      [],
      [at(1, 1)],
      [],
    ]);
    assert.deepEqual(await one.places.handlesOf(ada.id, [at(1, 1), at(2, 9), at(1, 3)]), ["x.a", null, "x.c"]);
    await one.places.note(ada, [seen(9, "x.a", 2)]);
    assert.deepEqual(await other.places.show(ada, [seen(9, "x.a", 2)]), [[]]);
    const [rivals = []] = await other.places.show(ada, [seen(5, "x.a", 3)]);
    assert.deepEqual(rivals.map(({ mailbox }) => mailbox).sort(), [1, 2]);
  });

  test("what is noted again is known by the new alone", async () => {
    const { one, other } = pair();
    const ada = await owner("plc-anew");
    await one.places.show(ada, [{ birth: at(1, 1), handle: "x.old" }]);
    await other.places.note(ada, [{ birth: at(1, 1), handle: "x.new" }]);
    assert.deepEqual(await one.places.handlesOf(ada.id, [at(1, 1)]), ["x.new"]);
    const seen = (uid: number, handle: string) => ({ birth: at(2, uid), handle });
    assert.deepEqual(await one.places.show(ada, [seen(1, "x.old"), seen(2, "x.new")]), [[], [at(1, 1)]]);
  });

  test("when messages were seen last is known of those that were noted, and never becomes less", async () => {
    const { one, other } = pair();
    const ada = await owner("plc-seen");
    const births = [at(1, 1), at(1, 2), at(1, 3)];
    await one.places.show(ada, [
      { birth: at(1, 1), handle: "print:a:b:c" },
      { birth: at(1, 2), handle: "x.b" },
    ]);
    assert.deepEqual(await other.places.seenAt(ada.id, births), [0, 0, 0]);
    await one.places.saw(ada, births, 7);
    await other.places.saw(ada, [at(1, 2)], 9);
    await one.places.saw(ada, [at(1, 2)], 8);
    assert.deepEqual(await one.places.seenAt(ada.id, births), [7, 9, 0]);
    assert.deepEqual(await other.places.handlesOf(ada.id, births), ["print:a:b:c", "x.b", null]);
    assert.deepEqual(await one.places.show(ada, [{ birth: at(2, 1), handle: "x.b" }]), [[at(1, 2)]]);
    await one.places.note(ada, [{ birth: at(1, 2), handle: "x.b" }]);
    await one.places.forget(ada, [at(1, 1)]);
    assert.deepEqual(await other.places.seenAt(ada.id, births), [0, 9, 0]);
    await other.places.note(ada, [{ birth: at(1, 2), handle: "x.other" }]);
    assert.deepEqual(await one.places.seenAt(ada.id, births), [0, 0, 0]);
    await one.accounts.remove(ada.id);
    await assert.rejects(one.places.saw(ada, births, 1), (error) => isFailure(error, "not-found"));
  });

  test("nothing is known again as what was deleted for good", async () => {
    const { one, other } = pair();
    const ada = await owner("plc-deleted");
    await one.places.show(ada, [{ birth: at(1, 1), handle: "x.a" }]);
    await one.places.move(ada, [{ from: at(1, 1), to: at(2, 1) }]);
    await other.places.forget(ada, [at(2, 1)]);
    assert.deepEqual(await one.places.handlesOf(ada.id, [at(1, 1)]), [null]);
    await one.accounts.remove(ada.id);
    const anew = await owner(ada.id);
    assert.deepEqual(await one.places.show(anew, [{ birth: at(3, 1), handle: "x.a" }]), [[]]);
  });
}
