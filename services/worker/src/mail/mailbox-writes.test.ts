import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { isFailure, type Mailbox, type MailboxInput, type MailboxPatch } from "@postern/protocol";
import { encodeMailboxName } from "../imap/encode.ts";
import { type CoreHouse, newCall, startCoreHouse } from "../testing/core-house.ts";
import { letter, type RawClient } from "../testing/raw-client.ts";

type Options = Parameters<typeof startCoreHouse>[0];

const servers: Record<string, Options> = {
  "Dovecot with sdbox": { storage: "sdbox" },
  "Dovecot with maildir and dots": { storage: "maildir", separator: "." },
  "Dovecot without extensions": {
    without: ["LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE", "CONDSTORE", "QRESYNC", "ESEARCH", "NAMESPACE"],
  },
  "Dovecot with a prefix": { storage: "maildir", separator: ".", prefix: "INBOX." },
};

for (const [name, options] of Object.entries(servers))
  describe(`mailbox writes on ${name}`, () => suite(options ?? {}));

function suite(options: NonNullable<Options>): void {
  const { separator: sep = "/", prefix = "" } = options;
  let house: CoreHouse;
  let plain: RawClient;
  const account = "ada";
  const create = (mailbox: MailboxInput): Promise<Mailbox> => house.core.createMailbox({ account, mailbox }, newCall());
  const update = (mailbox: string, patch: MailboxPatch): Promise<Mailbox> =>
    house.core.updateMailbox({ account, mailbox, patch }, newCall());
  const remove = (mailbox: string, onlyEmpty = false): Promise<unknown> =>
    house.core.deleteMailbox({ account, mailbox, onlyEmpty }, newCall());
  const all = async (): Promise<Mailbox[]> => (await house.core.listMailboxes({ account }, newCall())).items;
  /** What another client sees at exactly this path. */
  const listedAs = (path: string, command = "LIST"): Promise<string> =>
    plain.command(`${command} "" "${encodeMailboxName(path).replace(/["\\]/g, "\\$&")}"`);
  const subjects = async (mailbox: string): Promise<Map<string, string | null | undefined>> => {
    const input = { account, mailbox, limit: 50, fields: ["id", "subject"] as ("id" | "subject")[] };
    const page = await house.core.listMessages(input, newCall());
    assert.ok(!page.notModified);
    return new Map(page.items.map(({ id, subject }) => [id, subject]));
  };
  const byId = async (ids: Iterable<string>): Promise<(string | null | undefined)[]> => {
    const input = { account, ids: [...ids], fields: ["subject"] as "subject"[] };
    const { results } = await house.core.getMessages(input, newCall());
    return results.map((result) => ("message" in result ? result.message.subject : result.failure.code));
  };

  before(async () => {
    house = await startCoreHouse(options);
    plain = await house.otherClient(account);
    await all();
  });
  after(() => house.stop());

  it("makes one at the top, below another, and by its path, and subscribes to each", async () => {
    const top = await create({ name: "Projects" });
    assert.deepEqual([top.path, top.name, top.parentId], [`${prefix}Projects`, "Projects", await parentIn(prefix)]);
    const below = await create({ name: "2026", parentId: top.id });
    assert.deepEqual([below.path, below.parentId, below.subscribed], [`${top.path}${sep}2026`, top.id, true]);
    const deep = await create({ path: `${prefix}Deep${sep}er${sep}still`, subscribed: false });
    assert.deepEqual([deep.name, deep.subscribed, deep.total], ["still", false, 0]);
    assert.match(await listedAs(below.path), /2026/);
    assert.match(await listedAs(below.path, "LSUB"), /2026/);
    assert.doesNotMatch(await listedAs(deep.path, "LSUB"), /still/);
  });

  async function parentIn(path: string): Promise<string | null> {
    return path === "" ? null : ((await all()).find((mailbox) => mailbox.path === "INBOX")?.id ?? null);
  }

  const names = [
    "Q & A",
    "&",
    'say "hi"',
    "Entwürfe 日本語",
    "📬 mail",
    "back\\slash",
    "x".repeat(200),
    "a~b",
    "per%cent*",
  ];
  for (const spelling of names)
    it(`takes ${JSON.stringify(spelling.slice(0, 20))} as a name, and renames it`, async () => {
      const made = await create({ name: spelling }).catch((error: unknown) => {
        // The server may not take a name; then it says so, and nothing is there.
        assert.ok(isFailure(error) && error.upstream?.status === "NO" && error.outcome === "none", String(error));
        return null;
      });
      if (!made) return assert.match(spelling, /[*%]/);
      assert.equal(made.name, spelling);
      assert.match(await listedAs(made.path), /^\* LIST/m);
      const renamed = await update(made.id, { name: `${spelling.slice(0, 150)} 2` });
      assert.deepEqual([renamed.id, renamed.name], [made.id, `${spelling.slice(0, 150)} 2`]);
      await remove(made.id);
      assert.doesNotMatch(await listedAs(renamed.path), /^\* LIST/m);
    });

  it("refuses what is there already, and what cannot be a name", async () => {
    await refused(create({ name: "Projects" }), "mailbox-exists");
    await refused(create({ path: "inbox" }), "mailbox-exists");
    for (const bad of [`a${sep}b`, " ", "a\u0000b", "line\nbreak", "\ud800"])
      await refused(create({ name: bad }), "invalid-request");
    await refused(create({ path: `${prefix}a${sep}${sep}b` }), "invalid-request");
    await refused(create({ name: "x", parentId: "mbx_AAAA" }), "not-found");
  });

  it("keeps all ids when it renames and moves one, of what is below as well", async () => {
    const tree = await create({ name: "Old" });
    const child = await create({ name: "Child", parentId: tree.id });
    const grandchild = await create({ name: "Grand & child", parentId: child.id, subscribed: false });
    for (const { path } of [tree, child, grandchild]) {
      await plain.append(encodeMailboxName(path), [
        letter({ subject: `in ${path}` }),
        letter({ subject: `too ${path}` }),
      ]);
    }
    const known = new Map([
      ...(await subjects(tree.id)),
      ...(await subjects(child.id)),
      ...(await subjects(grandchild.id)),
    ]);
    assert.equal(known.size, 6);
    const home = await create({ name: "Home" });
    for (const patch of [{ name: "New" }, { parentId: home.id }, { name: "Newer" }, { parentId: null, name: "Old" }]) {
      await update(tree.id, patch);
      assert.deepEqual(await byId(known.keys()), [...known.values()]);
      assert.deepEqual([...(await subjects(grandchild.id)).keys()], [...known.keys()].slice(4));
    }
    const now = new Map((await all()).map((mailbox) => [mailbox.id, mailbox]));
    assert.equal(now.get(tree.id)?.path, `${prefix}Old`);
    assert.equal(now.get(grandchild.id)?.path, `${prefix}Old${sep}Child${sep}Grand & child`);
    assert.deepEqual([now.get(child.id)?.subscribed, now.get(grandchild.id)?.subscribed], [true, false]);
    assert.match(
      await plain.command(`STATUS "${encodeMailboxName(`${prefix}Old${sep}Child`)}" (MESSAGES)`),
      /MESSAGES 2/,
    );
    assert.doesNotMatch(await plain.command('LSUB "" "*"'), /Newer/);
  });

  it("refuses to rename one to where another is, or to put it below itself", async () => {
    const [one, other] = [await create({ name: "One" }), await create({ name: "Other" })];
    await refused(update(one.id, { name: "Other" }), "mailbox-exists");
    await refused(update(one.id, { parentId: one.id }), "not-possible");
    assert.equal((await update(one.id, { name: "One" })).id, one.id);
    assert.equal((await all()).filter(({ id }) => id === one.id || id === other.id).length, 2);
  });

  it("subscribes and does no more", async () => {
    const made = await create({ name: "Paper" });
    assert.equal((await update(made.id, { subscribed: false })).subscribed, false);
    assert.doesNotMatch(await listedAs(made.path, "LSUB"), /Paper/);
    assert.equal((await update(made.id, { subscribed: true })).subscribed, true);
    assert.match(await listedAs(made.path, "LSUB"), /Paper/);
  });

  it("deletes one with its messages, whose ids are gone, and its id is none any more", async () => {
    const made = await create({ name: "Doomed" });
    await plain.append(made.path, [letter({ subject: "goodbye" })]);
    const ids = [...(await subjects(made.id)).keys()];
    await refused(remove(made.id, true), "mailbox-not-empty");
    assert.deepEqual(await byId(ids), ["goodbye"]);
    await remove(made.id);
    assert.deepEqual(await byId(ids), ["message-gone"]);
    await refused(remove(made.id), "not-found");
    await refused(update(made.id, { name: "Alive" }), "not-found");
    assert.doesNotMatch(await listedAs(made.path), /^\* LIST/m);
    assert.doesNotMatch(await listedAs(made.path, "LSUB"), /Doomed/);
    const anew = await create({ name: "Doomed" });
    assert.notEqual(anew.id, made.id);
    assert.deepEqual(await byId(ids), ["message-gone"]);
  });

  it("deletes neither INBOX nor what has others below it", async () => {
    const above = await create({ name: "Above" });
    const below = await create({ name: "below", parentId: above.id });
    await refused(remove(above.id), "mailbox-has-children");
    await refused(remove("inbox"), "not-possible");
    await remove(below.id);
    await remove(above.id);
  });

  it("moves INBOX's messages when it is given a name, and all ids stay", async () => {
    await plain.append("INBOX", [letter({ subject: "first" }), letter({ subject: "second" })]);
    const inbox = (await all()).find(({ role }) => role === "inbox");
    const known = await subjects("inbox");
    const archive = await update("inbox", { name: "Inbox of 2025" });
    assert.notEqual(archive.id, inbox?.id);
    assert.deepEqual(await subjects(archive.id), known);
    assert.deepEqual(await byId(known.keys()), [...known.values()]);
    assert.equal((await subjects("inbox")).size, 0);
    assert.equal((await house.core.getMailbox({ account, mailbox: "inbox" }, newCall())).id, inbox?.id);
    assert.match(await plain.command(`STATUS "${archive.path}" (MESSAGES)`), /MESSAGES 2/);
    const other = house.anotherCore();
    const input = { account, ids: [...known.keys()], fields: ["subject"] as "subject"[] };
    const { results } = await other.getMessages(input, newCall());
    assert.deepEqual(
      results.map((result) => "message" in result && result.message.subject),
      [...known.values()],
    );
  });
}

async function refused(attempt: Promise<unknown>, code: string): Promise<void> {
  await assert.rejects(attempt, (error) => {
    assert.ok(isFailure(error), String(error));
    assert.equal(error.code, code);
    return true;
  });
}
