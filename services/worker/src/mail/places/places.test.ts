import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { openSqliteStore, type MessagePlace, type Store } from "@postern/store";
import { newCall } from "../../testing/core-house.ts";
import { createPlaces, type Places } from "./places.ts";

const at = (mailbox: number, uid: number): MessagePlace => ({ mailbox, uidValidity: 7, uid });
const inMailbox = (mailbox: number) => ({ mailbox, uidValidity: 7 });

describe("places", () => {
  let store: Store;
  let places: Places;
  let turn = 1;
  let asked = 0;
  const ada = { id: "ada", key: 5 };

  before(async () => {
    store = await openSqliteStore(":memory:");
    const endpoint = { host: "localhost", port: 143, security: "none", user: "ada", tls: null } as const;
    await store.accounts.create({
      ...ada,
      name: null,
      source: "api",
      imap: { ...endpoint, authentication: "password" },
      smtp: null,
      sealed: "",
      disabled: false,
      generation: 1,
      version: 1,
      state: "connected",
      stateDetail: null,
      stateAt: 0,
      createdAt: 0,
      updatedAt: 0,
    });
    const counted: Store["places"] = {
      ...store.places,
      placesOf: (...args) => ((asked += 1), store.places.placesOf(...args)),
      birthsAt: (...args) => ((asked += 1), store.places.birthsAt(...args)),
    };
    places = createPlaces(counted, { assertHeld: () => undefined, epochOf: () => turn });
  });
  after(() => store.close());

  it("that could not be written are written before anybody asks for them, in their order", async () => {
    let isAway = true;
    const failing = new Error("the store is away");
    const shaky: Store["places"] = {
      ...store.places,
      move: (...args) => (isAway ? Promise.reject(failing) : store.places.move(...args)),
    };
    const ownership = { assertHeld: () => undefined, epochOf: () => 1 };
    const some = createPlaces(shaky, ownership);
    await assert.rejects(some.noteMoved(ada, [at(90, 1)], { ...inMailbox(91), uids: [5] }), failing);
    await assert.rejects(some.noteMoved(ada, [at(91, 5)], { ...inMailbox(92), uids: [6] }), failing);
    await assert.rejects(some.whereAre(ada, [at(90, 1)]), failing, "better no answer than a wrong one");
    isAway = false;
    assert.deepEqual(await some.whereAre(ada, [at(90, 1)]), [at(92, 6)]);
    const births = await some.birthsOf(ada, inMailbox(92), [6], newCall());
    assert.deepEqual([...births], [[6, at(90, 1)]]);
    const another = createPlaces(store.places, ownership);
    assert.deepEqual(await another.whereAre(ada, [at(90, 1)]), [at(92, 6)], "it is kept");
  });

  it("cost nothing where nothing was moved, and one look where something was", async () => {
    assert.deepEqual(await places.whereAre(ada, [at(1, 1)]), [at(1, 1)]);
    assert.deepEqual(await places.birthsOf(ada, inMailbox(1), [1, 2], newCall()), new Map());
    assert.equal(asked, 0);
    await places.noteMoved(ada, [at(1, 1), at(1, 2)], { ...inMailbox(2), uids: [11, 12] });
    assert.deepEqual(await places.whereAre(ada, [at(1, 1), at(1, 2), at(3, 1)]), [at(2, 11), at(2, 12), at(3, 1)]);
    assert.equal(asked, 0);
    const births = await places.birthsOf(ada, inMailbox(2), [10, 11, 12], newCall());
    assert.deepEqual(
      [...births],
      [
        [11, at(1, 1)],
        [12, at(1, 2)],
      ],
    );
    await places.birthsOf(ada, inMailbox(2), [10, 11, 12], newCall());
    assert.equal(asked, 1);
  });

  it("are known to whoever has the account next", async () => {
    turn += 1;
    asked = 0;
    assert.deepEqual(await places.whereAre(ada, [at(1, 2), at(1, 3)]), [at(2, 12), at(1, 3)]);
    assert.equal(asked, 1);
    const births = await places.birthsOf(ada, inMailbox(2), [10, 11, 12], newCall());
    assert.equal(births.size, 2);
    assert.equal(asked, 2);
  });

  it("follow a chain of moves", async () => {
    await places.noteMoved(ada, [at(2, 11)], { ...inMailbox(1), uids: [20] });
    await places.noteMoved(ada, [at(1, 20)], { ...inMailbox(3), uids: [1] });
    assert.deepEqual(await places.whereAre(ada, [at(1, 1)]), [at(3, 1)]);
    assert.deepEqual(await places.birthsOf(ada, inMailbox(3), [1], newCall()), new Map([[1, at(1, 1)]]));
  });

  it("still tell who a message was that has left, to those who read it before", async () => {
    assert.deepEqual(await places.birthsOf(ada, inMailbox(2), [11], newCall()), new Map([[11, at(1, 1)]]));
  });

  it("wait for a move into the mailbox to be recorded, and for none that begins later", async () => {
    const recorded = Promise.withResolvers<void>();
    const moving = places.settling(ada, 4, async () => {
      await recorded.promise;
      await places.noteMoved(ada, [at(1, 50)], { ...inMailbox(4), uids: [1] });
    });
    const elsewhere = await places.birthsOf(ada, inMailbox(5), [1], newCall());
    assert.equal(elsewhere.size, 0);
    const reading = places.birthsOf(ada, inMailbox(4), [1], newCall());
    const never = Promise.withResolvers<void>();
    const later = places.settling(ada, 4, () => never.promise);
    recorded.resolve();
    assert.deepEqual(await reading, new Map([[1, at(1, 50)]]));
    await moving;
    never.resolve();
    await later;
  });

  it("tell those who read meanwhile that a message came from another place, and nobody else", async () => {
    const turnsOf = (mailbox: number) => [places.turn(ada, null), places.turn(ada, mailbox)];
    const [seven, eight] = [turnsOf(7), turnsOf(8)];
    await places.settling(ada, 7, () => places.noteMoved(ada, [at(8, 1)], { ...inMailbox(7), uids: [1] }));
    const later = turnsOf(7);
    assert.ok(later[0] !== seven[0] && later[1] !== seven[1]);
    assert.equal(turnsOf(8)[1], eight[1]);
    await places.noteMoved(ada, [at(7, 1)], { ...inMailbox(7), uids: [2] });
    assert.notEqual(turnsOf(7)[1], later[1]);
    assert.deepEqual(turnsOf(7), turnsOf(7));
  });

  it("do not wait for ever for a move that fails", async () => {
    const failing = places.settling(ada, 6, async () => {
      throw new Error("refused");
    });
    const reading = places.birthsOf(ada, inMailbox(6), [1], newCall());
    await assert.rejects(failing, /refused/);
    assert.equal((await reading).size, 0);
  });

  it("are forgotten of what is deleted for good", async () => {
    await places.noteGone(ada, [at(2, 12)]);
    assert.deepEqual(await places.whereAre(ada, [at(1, 2)]), [at(1, 2)]);
  });
});
