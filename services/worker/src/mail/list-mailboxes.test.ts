import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { isFailure, type Mailbox, packMailboxId } from "@postern/protocol";
import { type CoreHouse, newCall, startCoreHouse } from "../testing/core-house.ts";
import { letter } from "../testing/raw-client.ts";

for (const without of [[], ["LIST-STATUS", "SPECIAL-USE", "CONDSTORE", "QRESYNC"]]) {
  describe(`mailboxes of a server ${without.length === 0 ? "with" : "without"} extensions`, () => {
    let house: CoreHouse;
    before(async () => {
      house = await startCoreHouse({ without });
    });
    after(() => house.stop());

    async function listed(account: string): Promise<Map<string, Mailbox>> {
      const { items } = await house.core.listMailboxes({ account }, newCall());
      return new Map(items.map((each) => [each.path, each]));
    }

    it("are a tree with names in Unicode, roles and counters", async () => {
      const client = await house.otherClient("tree");
      // "Gemüse/Äpfel" in modified UTF-7 (RFC 3501 section 5.1.3).
      await client.command('CREATE "Gem&APw-se/&AMQ-pfel"');
      await client.append("INBOX", [letter({ subject: "a" }, { flags: ["\\Seen"] }), letter({ subject: "b" })]);
      const all = await listed("tree");
      const apples = all.get("Gemüse/Äpfel");
      const vegetables = all.get("Gemüse");
      assert.equal(apples?.name, "Äpfel");
      assert.equal(apples.parentId, vegetables?.id ?? null);
      const inbox = all.get("INBOX");
      assert.equal(inbox?.role, "inbox");
      assert.equal(inbox.total, 2);
      assert.equal(inbox.unseen, 1);
      assert.equal(inbox.uidNext, 3);
      assert.equal(inbox.highestModseq === null, without.includes("CONDSTORE"));
      for (const [path, role] of [
        ["Sent", "sent"],
        ["Trash", "trash"],
        ["Junk", "junk"],
      ] as const) {
        assert.equal(all.get(path)?.role, role);
      }
      const ids = [...all.values()].map(({ id }) => id);
      assert.equal(new Set(ids).size, ids.length);
    });

    it("are the same one by one, by id and by role", async () => {
      await house.otherClient("single");
      const all = await listed("single");
      for (const [path, role] of [
        ["INBOX", "inbox"],
        ["Drafts", "drafts"],
      ] as const) {
        const known = all.get(path);
        assert.ok(known);
        for (const mailbox of [known.id, role]) {
          assert.deepEqual(await house.core.getMailbox({ account: "single", mailbox }, newCall()), known);
        }
      }
    });

    it("that are unknown, of another account or malformed are not found", async () => {
      const foreign = (await listed("tree")).get("INBOX")?.id ?? "";
      await listed("single");
      for (const mailbox of [
        foreign,
        "flagged",
        "nonsense",
        "mbx_AAAA",
        packMailboxId({ accountKey: 1, mailboxKey: 1 }),
      ]) {
        const refused = (error: unknown): boolean => isFailure(error, "not-found");
        await assert.rejects(house.core.getMailbox({ account: "single", mailbox }, newCall()), refused, mailbox);
        const input = { account: "single", mailbox, limit: 1, fields: ["id" as const] };
        await assert.rejects(house.core.listMessages(input, newCall()), refused, mailbox);
      }
    });

    it("are told with fresh counters even by the connection that reads them", async () => {
      const client = await house.otherClient("fresh");
      const input = { account: "fresh", mailbox: "inbox", limit: 1, fields: ["id" as const] };
      for (let count = 1; count <= 3; count++) {
        await client.append("INBOX", [letter({ subject: String(count) })]);
        await house.core.listMessages(input, newCall());
        assert.equal((await listed("fresh")).get("INBOX")?.total, count);
        assert.equal((await house.core.getMailbox({ account: "fresh", mailbox: "inbox" }, newCall())).total, count);
      }
    });

    it("get one id each when many look at a new account at once", async () => {
      const lists = await Promise.all(Array.from({ length: 8 }, () => listed("crowd")));
      const [first, ...others] = lists;
      for (const other of others) assert.deepEqual(other, first);
    });

    it("are read without failure while another client changes them at the same time", async () => {
      const client = await house.otherClient("storm");
      await client.append(
        "INBOX",
        Array.from({ length: 120 }, (_, at) => letter({ subject: `m${at}` })),
      );
      let isOver = false;
      const changes = (async () => {
        await client.command("SELECT INBOX");
        for (let round = 0; round < 40; round++) {
          await client.append("INBOX", [letter({ subject: `new ${round}` }), letter({ subject: `newer ${round}` })]);
          await client.command(`STORE ${1 + round},${2 + round * 2} +FLAGS (\\Deleted)`);
          await client.command("EXPUNGE");
        }
        isOver = true;
      })();
      let reads = 0;
      const fields = ["id" as const, "subject" as const, "flags" as const, "size" as const, "text" as const];
      while (!isOver) {
        for (const sort of [undefined, "-subject" as const]) {
          const input = { account: "storm", mailbox: "inbox", limit: 20, fields, ...(sort && { sort }) };
          let cursor: string | undefined;
          const seen = new Set<string>();
          for (let pages = 0; pages < 3; pages++) {
            const page = await house.core.listMessages({ ...input, ...(cursor && { cursor }) }, newCall());
            assert.ok(!page.notModified);
            for (const { id } of page.items) {
              assert.ok(!seen.has(id), "none twice");
              seen.add(id);
            }
            if (page.nextCursor === null) break;
            cursor = page.nextCursor;
          }
          reads += 1;
        }
      }
      await changes;
      assert.ok(reads > 0);
    });
  });
}
