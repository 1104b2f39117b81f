import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type CoreHouse, newCall, startCoreHouse } from "../../testing/core-house.ts";
import type { RawClient } from "../../testing/raw-client.ts";
import { boxId, deliver, idsIn, listed, outcomes, seen, targets } from "../../testing/changes.ts";

const servers: Record<string, string[]> = {
  "as it is": [],
  "without CONDSTORE": ["CONDSTORE", "QRESYNC"],
  "without MOVE": ["MOVE"],
  "without UIDPLUS": ["UIDPLUS"],
  "without MOVE and UIDPLUS": ["MOVE", "UIDPLUS"],
  "without ESEARCH": ["ESEARCH", "SEARCHRES", "CONTEXT=SEARCH"],
  "without SORT": ["SORT", "SORT=DISPLAY", "ESORT"],
  "without SPECIAL-USE": ["SPECIAL-USE"],
  "without LIST-STATUS": ["LIST-STATUS", "LIST-EXTENDED"],
};

for (const [what, without] of Object.entries(servers))
  describe(`changing messages on a server ${what}`, () => {
    let house: CoreHouse;
    before(async () => {
      house = await startCoreHouse({ without, specialUse: !without.includes("SPECIAL-USE") });
    });
    after(() => house.stop());

    const start = async (account: string, count: number): Promise<{ client: RawClient; ids: string[] }> => {
      const client = await house.otherClient(account);
      await deliver(client, "INBOX", count);
      return { client, ids: await idsIn(house, account, "inbox") };
    };

    it("flags are added, taken away and set on what is named, and nothing else", async () => {
      const account = "flags";
      const { client, ids } = await start(account, 4);
      const [one = "", two = "", three = ""] = ids;
      const change = (messages: string[], flags: object) =>
        house.core.changeFlags({ account, messages: targets(messages), flags }, newCall());
      const { results } = await change([one, two], { add: ["\\Seen", "$Work"] });
      assert.deepEqual(outcomes(results), ["ok", "ok"]);
      await change([two], { remove: ["\\Seen"], add: ["\\Flagged"] });
      await change([three], { set: ["\\Answered", "Plain"] });
      assert.deepEqual(await seen(client, "INBOX"), ["1 \\Seen $Work", "2 \\Flagged $Work", "3 \\Answered Plain", "4"]);
      const shown = await listed(house, account, "inbox");
      assert.deepEqual(
        results.map((each) => each.ok && each.message?.etag !== undefined),
        [true, true],
      );
      assert.deepEqual(shown[2]?.flags?.toSorted(), ["Plain", "\\Answered"]);
    });

    it("a change is made in the state that its etag names alone, and tells the present one otherwise", async () => {
      const account = "match";
      const { client } = await start(account, 3);
      const before = await listed(house, account, "inbox");
      await client.command("SELECT INBOX");
      await client.command("STORE 2 +FLAGS (\\Flagged)");
      const messages = before.map(({ id, etag = "" }) => ({ id, ifMatch: [etag.slice(1, -1)] }));
      const { results } = await house.core.changeFlags({ account, messages, flags: { add: ["\\Seen"] } }, newCall());
      assert.deepEqual(outcomes(results), ["ok", "precondition-failed none", "ok"]);
      const [first, stale] = results;
      const now = await listed(house, account, "inbox");
      assert.ok(stale?.ok === false && first?.ok);
      assert.equal((stale.failure.current as { etag: string }).etag, now[1]?.etag);
      assert.equal(first.message?.etag, now[0]?.etag);
      assert.deepEqual(await seen(client, "INBOX"), ["1 \\Seen", "2 \\Flagged", "3 \\Seen"]);
    });

    it("a moved message is in the other mailbox, once, with its flags and its id", async () => {
      const account = "move";
      const { client, ids } = await start(account, 3);
      await client.command("CREATE Box");
      await client.command("SELECT INBOX");
      await client.command("STORE 2 +FLAGS (\\Flagged)");
      const mailbox = await boxId(house, account, "Box");
      const [one = "", two = "", three = ""] = ids;
      const { results } = await house.core.moveMessages(
        { account, messages: targets([three, two]), mailbox },
        newCall(),
      );
      assert.deepEqual(outcomes(results), ["ok", "ok"]);
      assert.deepEqual([await seen(client, "INBOX"), await seen(client, "Box")], [["1"], ["2 \\Flagged", "3"]]);
      assert.deepEqual(await idsIn(house, account, mailbox), [two, three]);
      assert.deepEqual(await idsIn(house, account, "inbox"), [one]);
      const back = await house.core.moveMessages({ account, messages: targets(ids), mailbox: "inbox" }, newCall());
      assert.deepEqual(outcomes(back.results), ["ok", "ok", "ok"]);
      assert.deepEqual([await seen(client, "INBOX"), await seen(client, "Box")], [["1", "2 \\Flagged", "3"], []]);
      assert.deepEqual((await idsIn(house, account, "inbox")).toSorted(), ids.toSorted());
    });

    it("a copy is another message, and the original stays as it is", async () => {
      const account = "copy";
      const { client, ids } = await start(account, 2);
      await client.command("CREATE Box");
      const mailbox = await boxId(house, account, "Box");
      for (const to of [mailbox, "inbox"]) {
        const { results } = await house.core.copyMessages({ account, messages: targets(ids), mailbox: to }, newCall());
        assert.deepEqual(outcomes(results), ["ok", "ok"]);
        const copies = results.flatMap((each) => (each.ok ? [each.message?.id ?? ""] : []));
        assert.ok(copies.every((id) => !ids.includes(id)));
        assert.deepEqual((await idsIn(house, account, to)).slice(-2), copies);
      }
      assert.deepEqual(
        [await seen(client, "INBOX"), await seen(client, "Box")],
        [
          ["1", "2", "1", "2"],
          ["1", "2"],
        ],
      );
    });

    it("what is deleted is in Trash, which is made if it is missing; deleted again it is gone", async () => {
      const account = "trash";
      const { client, ids } = await start(account, 3);
      const [one = "", two = "", three = ""] = ids;
      const remove = async (messages: string[], permanent = false): Promise<string[]> => {
        const { results } = await house.core.deleteMessages(
          { account, messages: targets(messages), permanent },
          newCall(),
        );
        return outcomes(results);
      };
      assert.deepEqual(await remove([one, two]), ["ok", "ok"]);
      assert.deepEqual([await seen(client, "INBOX"), await seen(client, "Trash")], [["3"], ["1", "2"]]);
      assert.deepEqual(await idsIn(house, account, "trash"), [one, two]);
      assert.deepEqual(await remove([two]), ["ok"]);
      assert.deepEqual(await remove([three], true), ["ok"]);
      assert.deepEqual([await seen(client, "INBOX"), await seen(client, "Trash")], [[], ["1"]]);
      assert.deepEqual(await remove([one, two, three]), ["ok", "message-gone none", "message-gone none"]);
      assert.deepEqual(await seen(client, "Trash"), []);
    });

    it("deleting never expunges what others have marked as deleted", async () => {
      const account = "marked";
      const { client, ids } = await start(account, 3);
      await client.command("SELECT INBOX");
      await client.command("STORE 2 +FLAGS (\\Deleted)");
      const { results } = await house.core.deleteMessages(
        { account, messages: targets(ids.slice(0, 1)), permanent: true },
        newCall(),
      );
      if (without.includes("UIDPLUS")) {
        assert.deepEqual(outcomes(results), ["expunge-withheld none"]);
        assert.deepEqual(await seen(client, "INBOX"), ["1", "2 \\Deleted", "3"]);
      } else {
        assert.deepEqual(outcomes(results), ["ok"]);
        assert.deepEqual(await seen(client, "INBOX"), ["2 \\Deleted", "3"]);
      }
      const moved = await house.core.deleteMessages(
        { account, messages: targets(ids.slice(2)), permanent: false },
        newCall(),
      );
      const isWithheld = without.includes("UIDPLUS") && without.includes("MOVE");
      assert.deepEqual(outcomes(moved.results), [isWithheld ? "expunge-withheld none" : "ok"]);
      assert.ok((await seen(client, "INBOX")).includes("2 \\Deleted"));
      assert.equal((await seen(client, "INBOX")).includes("3"), isWithheld);
      assert.deepEqual(await seen(client, "Trash"), isWithheld ? [] : ["3"]);
    });

    it("nothing is touched in a mailbox that was made anew, by ids of the one before", async () => {
      const account = "anew";
      const client = await house.otherClient(account);
      await client.command("CREATE Box");
      await deliver(client, "Box", 2);
      const mailbox = await boxId(house, account, "Box");
      const messages = targets(await idsIn(house, account, mailbox));
      await client.command("DELETE Box");
      await client.command("CREATE Box");
      await deliver(client, "Box", 2);
      const call = newCall;
      const gone = ["message-gone none", "message-gone none"];
      const flagged = await house.core.changeFlags({ account, messages, flags: { add: ["\\Flagged"] } }, call());
      const moved = await house.core.moveMessages({ account, messages, mailbox: "inbox" }, call());
      const copied = await house.core.copyMessages({ account, messages, mailbox: "inbox" }, call());
      const removed = await house.core.deleteMessages({ account, messages, permanent: true }, call());
      for (const { results } of [flagged, moved, copied, removed]) assert.deepEqual(outcomes(results), gone);
      assert.deepEqual([await seen(client, "Box"), await seen(client, "INBOX")], [["1", "2"], []]);
    });

    it("each message has its own result, over mailboxes and in the order asked", async () => {
      const account = "each";
      const { client, ids } = await start(account, 2);
      await client.command("CREATE Box");
      await deliver(client, "Box", 1);
      const [boxed = ""] = await idsIn(house, account, await boxId(house, account, "Box"));
      const [one = "", two = ""] = ids;
      await client.command("SELECT INBOX");
      await client.command("STORE 1 +FLAGS (\\Deleted)");
      await client.command("EXPUNGE");
      const messages = targets([two, "msg_nonsense", boxed, one, two]);
      const { results } = await house.core.changeFlags({ account, messages, flags: { add: ["\\Seen"] } }, newCall());
      assert.deepEqual(outcomes(results), ["ok", "not-found none", "ok", "message-gone none", "ok"]);
      assert.deepEqual(
        results.map(({ id }) => id),
        messages.map(({ id }) => id),
      );
      assert.deepEqual([await seen(client, "INBOX"), await seen(client, "Box")], [["2 \\Seen"], ["1 \\Seen"]]);
    });
  });
