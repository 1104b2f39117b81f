import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Failure, type Input, listFields } from "@postern/protocol";
import { type CoreHouse, newCall, startCoreHouse } from "../../testing/core-house.ts";
import { listed, seen } from "../../testing/changes.ts";
import { letter } from "../../testing/raw-client.ts";

const servers: Record<string, string[]> = {
  "as it is": [],
  "without UIDPLUS": ["UIDPLUS"],
  "without CONDSTORE": ["CONDSTORE", "QRESYNC"],
  "without LITERAL+": ["LITERAL+", "LITERAL-"],
};

const fields = [...listFields];

async function* octets(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

function source(subject: string, headers: string[] = []): string {
  return letter({
    subject,
    headers: [`Message-ID: <${crypto.randomUUID()}@example.org>`, ...headers],
  }).source;
}

for (const [what, without] of Object.entries(servers))
  describe(`storing messages on a server ${what}`, () => {
    let house: CoreHouse;
    before(async () => {
      house = await startCoreHouse({ without });
    });
    after(() => house.stop());

    const store = (account: string, text: string, more: Partial<Input<"appendMessage">> = {}) =>
      house.core.appendMessage({ account, where: { mailbox: "inbox" }, fields, ...more }, newCall(), octets(text));
    const draftOf = async (account: string, subject: string) =>
      (await store(account, source(subject), { flags: ["\\Draft", "$Work"] })).message;
    const failureOf = (promise: Promise<unknown>): Promise<Failure> =>
      promise.then(
        () => assert.fail("it went well"),
        (error: unknown) => (error instanceof Failure ? error : Promise.reject(error as Error)),
      );

    it("a message that is stored has the id by which it is listed, with its flags", async () => {
      const client = await house.otherClient("store");
      const { message } = await store("store", source("One"), { flags: ["\\Seen", "$Work"] });
      assert.deepEqual(
        (await listed(house, "store", "inbox")).map(({ id }) => id),
        [message.id],
      );
      assert.equal(message.subject, "One");
      assert.deepEqual(await seen(client, "INBOX"), ["One \\Seen $Work"]);
    });

    it("two messages of the same octets are two, each with its own id", async () => {
      const text = source("Twin");
      const { message: one } = await store("twins", text);
      const { message: other } = await store("twins", text);
      assert.notEqual(one.id, other.id);
      assert.deepEqual(
        (await listed(house, "twins", "inbox")).map(({ id }) => id),
        [one.id, other.id],
      );
    });

    it("messages of the same octets that are stored at the same moment have each their own id", async () => {
      const text = source("Twin");
      const stored = await Promise.all(Array.from({ length: 6 }, () => store("at-once", text)));
      const ids = stored.map(({ message }) => message.id).sort();
      assert.equal(new Set(ids).size, 6);
      assert.deepEqual((await listed(house, "at-once", "inbox")).map(({ id }) => id).sort(), ids);
    });

    it("a role that has no mailbox gets one", async () => {
      await store("made", source("Draft"), { where: { mailbox: "drafts" } });
      const client = await house.otherClient("made");
      assert.deepEqual(await seen(client, "Drafts"), ["Draft"]);
      const failure = await failureOf(store("made", source("x"), { where: { mailbox: "flagged" } }));
      assert.equal(failure.code, "not-found");
    });

    it("a draft that is replaced keeps its id and its flags, edit after edit, and is there once", async () => {
      const client = await house.otherClient("edits");
      await store("edits", source("Before"));
      const { id } = await draftOf("edits", "First");
      await store("edits", source("After"));
      for (const subject of ["Second", "Third"]) {
        const { message } = await store("edits", source(subject), { where: { replaces: id } });
        assert.deepEqual([message.id, message.subject], [id, subject]);
      }
      assert.deepEqual(await seen(client, "INBOX"), ["Before", "After", "Third \\Draft $Work"]);
      const list = await listed(house, "edits", "inbox");
      assert.equal(list.filter((each) => each.id === id).length, 1);
      const another = await house.anotherCore().getMessages({ account: "edits", ids: [id], fields }, newCall());
      const [found] = another.results;
      assert.ok(found && "message" in found);
      assert.equal(found.message.subject, "Third");
    });

    it("a draft is replaced in the state that If-Match names alone", async () => {
      const client = await house.otherClient("match");
      const { id, etag = "" } = await draftOf("match", "First");
      await client.command("SELECT INBOX");
      await client.command("STORE 1 +FLAGS (\\Flagged)");
      const where = { replaces: id, ifMatch: [etag.slice(1, -1)] };
      const failure = await failureOf(store("match", source("Second"), { where }));
      assert.deepEqual([failure.code, failure.outcome], ["precondition-failed", "none"]);
      assert.deepEqual(await seen(client, "INBOX"), ["First \\Flagged \\Draft $Work"]);
      const { etag: now = "" } = failure.current as { etag?: string };
      await store("match", source("Second"), { where: { replaces: id, ifMatch: [now.slice(1, -1)] } });
      assert.deepEqual(await seen(client, "INBOX"), ["Second \\Flagged \\Draft $Work"]);
    });

    it("what is no draft, is gone, or never was, is not replaced", async () => {
      const { message } = await store("no-draft", source("Mail"));
      const { id } = await draftOf("no-draft", "Draft");
      const client = await house.otherClient("no-draft");
      await client.command("SELECT INBOX");
      await client.command("STORE 2 +FLAGS (\\Deleted)");
      await client.command("EXPUNGE");
      const codes = await Promise.all(
        [message.id, id, "msg_never"].map((replaces) =>
          failureOf(store("no-draft", source("New"), { where: { replaces } })).then(({ code }) => code),
        ),
      );
      assert.deepEqual(codes, ["not-possible", "message-gone", "not-found"]);
      assert.deepEqual(await seen(client, "INBOX"), ["Mail"]);
    });

    it("replacing a draft expunges nothing that others have marked", async () => {
      const client = await house.otherClient("others");
      await store("others", source("Marked"));
      const { id } = await draftOf("others", "Draft");
      await client.command("SELECT INBOX");
      await client.command("STORE 1 +FLAGS (\\Deleted)");
      const replaced = store("others", source("New"), { where: { replaces: id } });
      if (without.includes("UIDPLUS")) {
        const failure = await failureOf(replaced);
        assert.deepEqual([failure.code, failure.outcome], ["expunge-withheld", "none"]);
        assert.deepEqual(await seen(client, "INBOX"), ["Marked \\Deleted", "Draft \\Draft $Work"]);
      } else {
        await replaced;
        assert.deepEqual(await seen(client, "INBOX"), ["Marked \\Deleted", "New \\Draft $Work"]);
      }
    });

    it("a mailbox that was deleted and made anew is not written to by the old one's id", async () => {
      const client = await house.otherClient("anew");
      await client.command("CREATE Box");
      const { items } = await house.core.listMailboxes({ account: "anew" }, newCall());
      const mailbox = items.find(({ path }) => path === "Box")?.id ?? "";
      await client.command("DELETE Box");
      const failure = await failureOf(store("anew", source("Lost"), { where: { mailbox } }));
      assert.equal(failure.code, "not-found");
      await client.command("CREATE Box");
      assert.deepEqual(await seen(client, "Box"), []);
    });

    it("readers see a draft that is being replaced, once and under its id, at every moment", async () => {
      const { id } = await draftOf("readers", "Edit 0");
      let isOver = false;
      const read = async (): Promise<void> => {
        while (!isOver)
          assert.deepEqual(
            (await listed(house, "readers", "inbox")).map((each) => each.id),
            [id],
          );
      };
      const readers = [read(), read()];
      for (let edit = 1; edit <= 10; edit += 1)
        await store("readers", source(`Edit ${edit}`), { where: { replaces: id } });
      isOver = true;
      await Promise.all(readers);
    });
  });
