import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Input, MessageField } from "@postern/protocol";
import { type CoreHouse, newCall, startCoreHouse } from "../testing/core-house.ts";
import { letter, type RawClient } from "../testing/raw-client.ts";

type Options = NonNullable<Parameters<typeof startCoreHouse>[0]>;

const servers: Record<string, Options> = {
  "Dovecot with sdbox": { storage: "sdbox" },
  "Dovecot with maildir": { storage: "maildir" },
  "Dovecot without extensions": {
    without: ["LIST-EXTENDED", "LIST-STATUS", "CONDSTORE", "QRESYNC", "ESEARCH", "SEARCHRES", "UIDPLUS", "MOVE"],
  },
};

for (const [name, options] of Object.entries(servers)) describe(`ids on ${name}`, () => suite(options));

function suite(options: Options): void {
  let house: CoreHouse;
  let made = 0;
  before(async () => {
    house = await startCoreHouse(options);
  });
  after(() => house.stop());

  /** An account of its own, with mailboxes of these names. */
  async function account(...mailboxes: string[]) {
    const id = `a${(made += 1)}`;
    const plain = await house.otherClient(id);
    for (const mailbox of mailboxes) await plain.command(`CREATE ${mailbox}`);
    const { items } = await house.core.listMailboxes({ account: id }, newCall());
    const keyOf = (path: string): string => items.find((mailbox) => mailbox.path === path)?.id ?? assert.fail(path);
    const list = async (path: string, fields: MessageField[] = ["id", "subject"]) => {
      const input = { account: id, mailbox: keyOf(path), limit: 50, fields };
      const page = await house.core.listMessages(input, newCall());
      assert.ok(!page.notModified);
      return page.items;
    };
    const ids = async (path: string): Promise<string[]> => (await list(path)).map((message) => message.id);
    const get = async (...asked: string[]) => {
      const input = { account: id, ids: asked, fields: ["subject", "mailboxId"] as MessageField[] };
      const { results } = await house.core.getMessages(input, newCall());
      return results.map((result) =>
        "message" in result ? `${result.message.subject} in ${pathOf(result.message.mailboxId)}` : result.failure.code,
      );
    };
    const pathOf = (key: string | undefined): string => items.find((mailbox) => mailbox.id === key)?.path ?? "nowhere";
    return { id, plain, keyOf, list, ids, get };
  }

  async function withLetters(count: number, ...mailboxes: string[]) {
    const box = await account(...mailboxes);
    const letters = Array.from({ length: count }, (_, index) => unique(`m${index}`, made));
    await box.plain.append("INBOX", letters);
    await box.plain.command("SELECT INBOX");
    return box;
  }

  const move = async (plain: RawClient, uids: string, to: string): Promise<void> => {
    await plain.command(`UID COPY ${uids} ${to}`);
    await plain.command(`UID STORE ${uids} +FLAGS.SILENT (\\Deleted)`);
    await plain.command("EXPUNGE");
  };

  it("are found where another client has moved their messages, whatever is asked for first", async () => {
    const { plain, ids, get } = await withLetters(3, "Box", "Other");
    const known = await ids("INBOX");
    await move(plain, "1:2", "Box");
    assert.deepEqual(await get(...known), ["m2 in INBOX", "m1 in Box", "m0 in Box"]);
    assert.deepEqual((await ids("Box")).toSorted(), [known[1], known[2]].toSorted());
    await move(plain, "3", "Other");
    assert.deepEqual(await ids("Other"), [known[0]]);
    assert.deepEqual(await get(...known), ["m2 in Other", "m1 in Box", "m0 in Box"]);
  });

  it("are told by another process, which has only what was stored", async () => {
    const { id, plain, ids, keyOf } = await withLetters(2, "Box");
    const known = await ids("INBOX");
    await move(plain, "1:2", "Box");
    const other = house.anotherCore();
    const { results } = await other.getMessages({ account: id, ids: known, fields: ["mailboxId"] }, newCall());
    for (const result of results) assert.equal("message" in result && result.message.mailboxId, keyOf("Box"));
    const again = house.anotherCore();
    const input = { account: id, mailbox: keyOf("Box"), limit: 50, fields: ["id"] as MessageField[] };
    const page = await again.listMessages(input, newCall());
    assert.ok(!page.notModified);
    assert.deepEqual(
      page.items.map((message) => message.id),
      known,
    );
  });

  it("are of copies no other's, wherever they are seen first", async () => {
    const { plain, ids, get } = await withLetters(1, "Box", "Other");
    const [known = ""] = await ids("INBOX");
    await plain.command("UID COPY 1 Box");
    const [copy = ""] = await ids("Box");
    assert.notEqual(copy, known);
    await plain.command("UID COPY 1 Other");
    await move(plain, "1", "Other");
    // Two in the same mailbox that nobody has seen: which of them was moved is anybody's guess.
    assert.deepEqual(await get(known, copy), ["message-gone", "m0 in Box"]);
    assert.equal(new Set([...(await ids("Other")), known, copy]).size, 4);
  });

  it("of copies made through Postern are theirs, also when the original goes before anybody has looked", async () => {
    const { id, plain, keyOf, ids, get } = await withLetters(1, "Box");
    const [known = ""] = await ids("INBOX");
    const input = { account: id, messages: [{ id: known }], mailbox: keyOf("Box") };
    const [copied] = (await house.core.copyMessages(input, newCall())).results;
    const copy = copied?.ok ? copied.message?.id : undefined;
    await plain.command("UID STORE 1 +FLAGS.SILENT (\\Deleted)");
    await plain.command("EXPUNGE");
    assert.deepEqual(await get(known, copy ?? ""), ["message-gone", "m0 in Box"]);
    assert.deepEqual(await ids("Box"), [copy]);
  });

  it("are gone where two copies came that nobody has seen, whichever is seen first", async () => {
    const { plain, ids, get } = await withLetters(2, "Box", "Other");
    const [other = "", known = ""] = await ids("INBOX");
    await plain.command("UID COPY 1 Box");
    await move(plain, "1", "Other");
    const shown = [...(await ids("Box")), ...(await ids("Other"))];
    assert.equal(new Set([...shown, known]).size, 3);
    assert.deepEqual(await get(other, known), ["m1 in INBOX", "message-gone"]);
  });

  for (const first of ["the id", "the copy"])
    it(`are never of copies that were there while the original was still seen, ${first} asked for first`, async () => {
      const { id, plain, ids, get } = await withLetters(2, "Box");
      const [other = "", known = ""] = await ids("INBOX");
      await plain.command("UID COPY 1 Box");
      await house.core.listMailboxes({ account: id }, newCall());
      assert.deepEqual(await ids("INBOX"), [other, known]);
      await plain.command("UID STORE 1 +FLAGS.SILENT (\\Deleted)");
      await plain.command("EXPUNGE");
      if (first === "the id") assert.deepEqual(await get(known), ["message-gone"]);
      const [copy = known] = await ids("Box");
      assert.notEqual(copy, known);
      assert.deepEqual(await get(other, known, copy), ["m1 in INBOX", "message-gone", "m0 in Box"]);
    });

  it("are never of copies that were there while another process saw the original", async () => {
    const { id, plain, ids } = await withLetters(1, "Box");
    const [known = ""] = await ids("INBOX");
    await plain.command("UID COPY 1 Box");
    await house.core.listMailboxes({ account: id }, newCall());
    assert.deepEqual(await ids("INBOX"), [known]);
    await plain.command("UID STORE 1 +FLAGS.SILENT (\\Deleted)");
    await plain.command("EXPUNGE");
    const { results } = await house.anotherCore().getMessages({ account: id, ids: [known], fields: ["id"] }, newCall());
    assert.deepEqual(
      results.map((result) => "failure" in result && result.failure.code),
      ["message-gone"],
    );
  });

  it("are found where another client has moved what was seen again and again, among others that came before", async () => {
    const { id, plain, ids, get } = await withLetters(3, "Box", "Other");
    const known = await ids("INBOX");
    for (const uid of [1, 2]) {
      await plain.command(`UID COPY ${uid} Box`);
      await house.core.listMailboxes({ account: id }, newCall());
      assert.deepEqual(await ids("INBOX"), known);
    }
    await move(plain, "1,3", "Other");
    assert.deepEqual(await get(...known), ["m2 in Other", "m1 in INBOX", "m0 in Other"]);
    assert.equal(new Set([...known, ...(await ids("Box"))]).size, 5);
  });

  it("of what went with a mailbox that Postern deleted are gone, whatever copies there are", async () => {
    const { id, plain, keyOf, ids, get } = await withLetters(1, "Box", "Other");
    await move(plain, "1", "Box");
    const [known = ""] = await ids("Box");
    await plain.command("SELECT Box");
    await plain.command("UID COPY 1 Other");
    await plain.command("SELECT INBOX");
    await house.core.deleteMailbox({ account: id, mailbox: keyOf("Box") }, newCall());
    assert.deepEqual(await get(known), ["message-gone"]);
    const [copy = known] = await ids("Other");
    assert.notEqual(copy, known);
    assert.deepEqual(await get(known, copy), ["message-gone", "m0 in Other"]);
  });

  it("of drafts that were replaced go along when another client moves them", async () => {
    const { id, plain, keyOf, ids, get } = await account("Box");
    const store = async (subject: string, where: Input<"appendMessage">["where"]) => {
      const { source } = unique(subject, (made += 1));
      const input = { account: id, where, fields: ["id" as const], flags: ["\\Draft"] };
      return (await house.core.appendMessage(input, newCall(), octets(source))).message.id;
    };
    const draft = await store("Old", { mailbox: keyOf("INBOX") });
    assert.deepEqual(await ids("INBOX"), [draft]);
    assert.equal(await store("New", { replaces: draft }), draft);
    await plain.command("SELECT INBOX");
    await move(plain, "2", "Box");
    assert.deepEqual(await get(draft), ["New in Box"]);
    assert.deepEqual(await ids("Box"), [draft]);
  });

  it("of what another client has deleted are gone, again and again, until it comes back", async () => {
    const { plain, ids, get } = await withLetters(2, "Box");
    const known = await ids("INBOX");
    await plain.command("UID COPY 1 Box");
    const [copy = ""] = await ids("Box");
    await plain.command("UID STORE 1 +FLAGS.SILENT (\\Deleted)");
    await plain.command("EXPUNGE");
    for (let time = 0; time < 2; time += 1)
      assert.deepEqual(await get(...known, copy), ["m1 in INBOX", "message-gone", "m0 in Box"]);
  });

  it("are matched again after a UIDVALIDITY reset, and the rest are gone", async () => {
    const { id, plain, ids, get } = await withLetters(3);
    const known = await ids("INBOX");
    await plain.command("UID STORE 2 +FLAGS.SILENT (\\Deleted)");
    await plain.command("EXPUNGE");
    plain.close();
    await house.server.doveadm("mailbox", "update", "-u", id, "--uid-validity", "77777777", "INBOX");
    assert.deepEqual(await get(...known), ["m2 in INBOX", "message-gone", "m0 in INBOX"]);
    assert.deepEqual(await ids("INBOX"), [known[0], known[2]]);
  });

  it("are matched again after a UIDVALIDITY reset when one is asked for alone", async () => {
    const { id, plain, ids, get } = await withLetters(1);
    const [known = ""] = await ids("INBOX");
    plain.close();
    await house.server.doveadm("mailbox", "update", "-u", id, "--uid-validity", "77777777", "INBOX");
    await house.core.listMailboxes({ account: id }, newCall());
    for (let time = 0; time < 2; time += 1) assert.deepEqual(await get(known), ["m0 in INBOX"]);
  });

  it("are found when their mailbox was deleted after they had been moved", async () => {
    const { plain, ids, get, list } = await withLetters(1, "Box", "Other");
    await move(plain, "1", "Box");
    const [known = ""] = await ids("Box");
    await plain.command("SELECT Box");
    await move(plain, "1", "Other");
    await plain.command("SELECT INBOX");
    await plain.command("DELETE Box");
    assert.deepEqual(await get(known), ["m0 in Other"]);
    const [there] = await list("Other", ["id", "etag", "identity"]);
    assert.equal(there?.id, known);
    assert.deepEqual(there?.identity, { source: "guid", survivesMove: true, survivesReset: true });
  });
}

async function* octets(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

function unique(subject: string, salt: number) {
  return letter({ subject, headers: ["MIME-Version: 1.0", `Message-ID: <${subject}.${salt}@example.org>`] });
}
