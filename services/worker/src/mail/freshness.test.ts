import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  type FailureCode,
  isFailure,
  type ListMessagesInput,
  type Mailbox,
  type MessagePage,
  packMessageId,
  unpackMessageId,
} from "@postern/protocol";
import { type CoreHouse, newCall, startCoreHouse } from "../testing/core-house.ts";
import { letter } from "../testing/raw-client.ts";

/** What other clients do between two reads, and what the second must then say. */
for (const without of [[], ["CONDSTORE", "QRESYNC", "LIST-STATUS", "ESEARCH", "SORT"]]) {
  describe(`reading after another client's changes, on a server ${without.length === 0 ? "with" : "without"} extensions`, () => {
    let house: CoreHouse;
    before(async () => {
      house = await startCoreHouse({ without });
    });
    after(() => house.stop());

    async function list(account: string, options: Partial<ListMessagesInput> = {}): Promise<MessagePage> {
      const input = {
        account,
        limit: 50,
        fields: ["id" as const, "subject" as const, "flags" as const, "etag" as const],
      };
      const answer = await house.core.listMessages({ ...input, ...options }, newCall());
      assert.ok(!answer.notModified);
      return answer;
    }
    const subjects = async (account: string, mailbox: string): Promise<unknown[]> =>
      (await list(account, { mailbox })).items.map(({ subject }) => subject);
    const mailboxes = async (account: string): Promise<Map<string, Mailbox>> => {
      const { items } = await house.core.listMailboxes({ account }, newCall());
      return new Map(items.map((each) => [each.path, each]));
    };
    const idOf = async (account: string, path: string): Promise<string> => {
      const found = (await mailboxes(account)).get(path);
      assert.ok(found);
      return found.id;
    };
    const get = async (account: string, ...ids: string[]): Promise<(string | null | undefined)[]> => {
      const { results } = await house.core.getMessages({ account, ids, fields: ["subject"] }, newCall());
      return results.map((each) => ("message" in each ? each.message.subject : each.failure.code));
    };
    const failing = (code: FailureCode) => (error: unknown) => isFailure(error, code);

    it("shows what was appended, flagged and expunged", async () => {
      const client = await house.otherClient("changes");
      await client.append("INBOX", [letter({ subject: "one" }), letter({ subject: "two" })]);
      assert.deepEqual(await subjects("changes", "inbox"), ["two", "one"]);
      await client.append("INBOX", [letter({ subject: "three" })]);
      assert.deepEqual(await subjects("changes", "inbox"), ["three", "two", "one"]);
      const before = await list("changes", { mailbox: "inbox" });
      await client.command("SELECT INBOX");
      await client.command("STORE 2 +FLAGS (\\Flagged)");
      const flagged = await list("changes", { mailbox: "inbox" });
      assert.ok(flagged.items[1]?.flags?.includes("\\Flagged"));
      assert.notEqual(flagged.items[1]?.etag, before.items[1]?.etag);
      assert.equal(flagged.items[0]?.etag, before.items[0]?.etag);
      assert.notEqual(flagged.etag, before.etag);
      await client.command("STORE 2 +FLAGS (\\Deleted)");
      await client.command("EXPUNGE");
      assert.deepEqual(await subjects("changes", "inbox"), ["three", "one"]);
    });

    it("says not modified while nothing has changed, and only then", async () => {
      const client = await house.otherClient("etags");
      await client.append("INBOX", [letter({ subject: "one" })]);
      for (const mailbox of ["inbox", undefined]) {
        const options = { ...(mailbox && { mailbox }) };
        const input = { account: "etags", limit: 10, fields: ["id" as const, "flags" as const], ...options };
        const first = await house.core.listMessages(input, newCall());
        const again = await house.core.listMessages({ ...input, ifNoneMatch: ["other", first.etag] }, newCall());
        assert.deepEqual(again, { notModified: true, etag: first.etag });
        const other = await house.core.listMessages({ ...input, limit: 11, ifNoneMatch: [first.etag] }, newCall());
        assert.ok(!other.notModified, "another question has another etag");
        await client.command("SELECT INBOX");
        await client.command(`STORE 1 ${mailbox ? "+" : "-"}FLAGS (\\Seen)`);
        const changed = await house.core.listMessages({ ...input, ifNoneMatch: [first.etag] }, newCall());
        assert.ok(!changed.notModified);
      }
    });

    it("never answers an id with a message of a mailbox made anew", async () => {
      const client = await house.otherClient("anew");
      await client.command("CREATE Box");
      await client.append("Box", [letter({ subject: "old" })]);
      const box = await idOf("anew", "Box");
      const [old] = (await list("anew", { mailbox: box })).items;
      assert.ok(old);
      assert.deepEqual(await get("anew", old.id), ["old"]);
      await client.command("DELETE Box");
      await client.command("CREATE Box");
      await client.append("Box", [letter({ subject: "new" })]);
      assert.deepEqual(await get("anew", old.id), ["message-gone"]);
      assert.deepEqual(await subjects("anew", await idOf("anew", "Box")), ["new"]);
      assert.deepEqual(await get("anew", old.id), ["message-gone"]);
    });

    it("finds a mailbox and its messages again after a rename", async () => {
      const client = await house.otherClient("rename");
      await client.command("CREATE First");
      await client.append("First", [letter({ subject: "kept" })]);
      const first = await idOf("rename", "First");
      const [kept] = (await list("rename", { mailbox: first })).items;
      assert.ok(kept);
      await client.command("RENAME First Second");
      assert.deepEqual(await subjects("rename", first), ["kept"]);
      assert.deepEqual(await get("rename", kept.id), ["kept"]);
      await client.command("RENAME Second Third");
      await client.command("CREATE Second");
      await client.append("Second", [letter({ subject: "another" })]);
      assert.deepEqual(await get("rename", kept.id), ["kept"]);
      assert.equal(await idOf("rename", "Third"), first);
      const one = await house.core.getMailbox({ account: "rename", mailbox: first }, newCall());
      assert.equal(one.path, "Third");
    });

    it("keeps apart two mailboxes that have changed names", async () => {
      const client = await house.otherClient("swap");
      for (const name of ["A", "B"]) {
        await client.command(`CREATE ${name}`);
        await client.append(name, [letter({ subject: `in ${name}` })]);
      }
      const [a, b] = [await idOf("swap", "A"), await idOf("swap", "B")];
      const ids = [
        (await list("swap", { mailbox: a })).items[0]?.id ?? "",
        (await list("swap", { mailbox: b })).items[0]?.id ?? "",
      ];
      for (const [from, to] of [
        ["A", "C"],
        ["B", "A"],
        ["C", "B"],
      ])
        await client.command(`RENAME ${from} ${to}`);
      assert.deepEqual(await get("swap", ...ids), ["in A", "in B"]);
      assert.equal((await house.core.getMailbox({ account: "swap", mailbox: a }, newCall())).path, "B");
    });

    it("says that messages of a deleted mailbox are gone, and that the mailbox is not there", async () => {
      const client = await house.otherClient("deleted");
      await client.command("CREATE Box");
      await client.append("Box", [letter({ subject: "old" })]);
      const box = await idOf("deleted", "Box");
      const { items } = await list("deleted", { mailbox: box });
      await client.command("DELETE Box");
      assert.deepEqual(await get("deleted", items[0]?.id ?? ""), ["message-gone"]);
      await assert.rejects(list("deleted", { mailbox: box }), failing("not-found"));
      await assert.rejects(
        house.core.getMailbox({ account: "deleted", mailbox: box }, newCall()),
        failing("not-found"),
      );
      assert.ok(!(await mailboxes("deleted")).has("Box"));
    });

    it("says that cursors from before a reset are gone, and ids but for those whose messages are known again", async () => {
      const client = await house.otherClient("reset");
      await client.append("INBOX", [letter({ subject: "one" }), letter({ subject: "two" })]);
      const first = await list("reset", { mailbox: "inbox", limit: 1 });
      const id = first.items[0]?.id ?? "";
      client.close();
      const place = unpackMessageId(id);
      assert.ok(place && first.nextCursor);
      const reset = ["mailbox", "update", "-u", "reset", "--uid-validity", String(place.uidValidity + 1000), "INBOX"];
      await house.server.doveadm(...reset);
      const never = packMessageId({ ...place, uid: place.uid - 1 });
      assert.deepEqual(await get("reset", id, never), ["two", "message-gone"]);
      await assert.rejects(list("reset", { mailbox: "inbox", cursor: first.nextCursor }), failing("cursor-expired"));
      assert.deepEqual(await subjects("reset", "inbox"), ["two", "one"]);
    });

    it("tells what is gone from what never was", async () => {
      const client = await house.otherClient("ids");
      await client.append("INBOX", [letter({ subject: "one" }), letter({ subject: "two" })]);
      const [two, one] = (await list("ids", { mailbox: "inbox" })).items;
      const place = unpackMessageId(one?.id ?? "");
      assert.ok(place && one && two);
      await client.command("SELECT INBOX");
      await client.command("STORE 1 +FLAGS (\\Deleted)");
      await client.command("EXPUNGE");
      const other = await house.otherClient("ids-of-another");
      await other.append("INBOX", [letter({ subject: "secret" })]);
      const foreign = (await list("ids-of-another", { mailbox: "inbox" })).items[0]?.id ?? "";
      const asked = [
        one.id,
        two.id,
        packMessageId({ ...place, uid: 99 }),
        packMessageId({ ...place, uid: 0 }),
        packMessageId({ ...place, uidValidity: 1 }),
        packMessageId({ ...place, mailboxKey: 999 }),
        foreign,
        "msg_nonsense",
        two.id,
      ];
      const never = "not-found";
      assert.deepEqual(await get("ids", ...asked), [
        "message-gone",
        "two",
        never,
        never,
        never,
        never,
        never,
        never,
        "two",
      ]);
      const ids = asked.slice(0, 2);
      const { results } = await house.core.getMessages({ account: "ids", ids, fields: ["flags"] }, newCall());
      assert.deepEqual(
        results.map((each) => "message" in each),
        [false, true],
      );
    });

    it("lists a mailbox that was made a moment ago among all", async () => {
      const client = await house.otherClient("late");
      await client.append("INBOX", [letter({ subject: "one" })]);
      assert.equal((await list("late")).total, 1);
      await client.command("CREATE Late");
      await client.append("Late", [letter({ subject: "two" })]);
      assert.equal((await list("late")).total, 2);
    });

    it("knows ids over a restart", async () => {
      const client = await house.otherClient("restart");
      await client.append("INBOX", [letter({ subject: "one" })]);
      const id = (await list("restart", { mailbox: "inbox" })).items[0]?.id ?? "";
      const input = { account: "restart", ids: [id], fields: ["subject" as const] };
      const { results } = await house.anotherCore().getMessages(input, newCall());
      assert.deepEqual(results, [{ message: { id, subject: "one" } }]);
    });

    it("never sets a flag", async () => {
      const client = await house.otherClient("unseen");
      await client.append("INBOX", [letter({ subject: "one" })]);
      const fields = ["text", "html", "snippet", "headers", "rawHeaders", "references", "attachments"] as const;
      await list("unseen", { mailbox: "inbox", fields: [...fields] });
      assert.match(await client.command("STATUS INBOX (UNSEEN)"), /UNSEEN 1/);
    });
  });
}
