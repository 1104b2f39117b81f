import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type CoreHouse, newCall, startCoreHouse } from "../testing/core-house.ts";
import { letter } from "../testing/raw-client.ts";
import { createSequences } from "./sequence.ts";

describe("the sequence of changes, when mailboxes change", () => {
  let house: CoreHouse;
  before(async () => {
    house = await startCoreHouse();
  });
  after(() => house.stop());

  test("a mailbox that is deleted and stays for those below it has lost its messages", async () => {
    const client = await house.otherClient("parent");
    await client.command("CREATE Above");
    await client.command("CREATE Above/Below");
    await client.append("Above", [letter({ subject: "One" }), letter({ subject: "Two" })]);
    const sequences = createSequences({ core: house.parts, log: house.store.events });
    const state = await sequences.bringUpToDate("parent", newCall());
    const page = await house.core.listMessages({ account: "parent", limit: 9, fields: ["id"] }, newCall());
    await client.command("DELETE Above");
    assert.match(await client.command('LIST "" Above'), /noselect/i);
    await sequences.bringUpToDate("parent", newCall());
    const read = await house.store.events.read("parent", { after: state, limit: 9 });
    assert.deepEqual(
      read?.events.map(({ type }) => type),
      ["message.deleted", "message.deleted"],
    );
    assert.ok(!page.notModified);
    const ids = page.items.map(({ id }) => id);
    const { results } = await house.core.getMessages({ account: "parent", ids, fields: ["id"] }, newCall());
    assert.deepEqual(
      results.map((result) => "failure" in result && result.failure.code),
      ["message-gone", "message-gone"],
    );
    await client.command("CREATE Above");
    await client.append("Above", [letter({ subject: "Three" })]);
    const head = await sequences.bringUpToDate("parent", newCall());
    const after = await house.store.events.read("parent", { after: read?.head ?? "", limit: 9 });
    assert.deepEqual(
      after?.events.map(({ type }) => type),
      ["message.created"],
    );
    assert.equal(await sequences.bringUpToDate("parent", newCall()), head);
  });
});
