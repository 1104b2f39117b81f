import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { ImapFlow } from "imapflow";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { type Ask, askWith } from "./client.ts";
import { dataOf, run } from "./graphql-client.ts";
import { type House, type HouseKind, startHouse } from "./house.ts";
import { deliver, otherClient } from "./mailbox.ts";

interface Mailbox {
  id: string;
  path: string;
  name: string;
  parentId: string | null;
  role: string | null;
}

/** How a face makes, renames and deletes mailboxes. */
interface Face {
  create(name: string, parentId?: string): Promise<Mailbox>;
  rename(id: string, name: string): Promise<Mailbox>;
  remove(id: string): Promise<void>;
}

const SHOWN = "{ id path name parentId role }";

const names = [
  "Q & A",
  "&",
  "&-",
  'say "hi"',
  "back\\slash",
  "Entwürfe 日本語",
  "📬 mail 👩‍💻",
  "é",
  "~tilde",
  "x".repeat(200),
];

for (const kind of ["together", "apart"] as const satisfies HouseKind[])
  describe(`mailboxes, services ${kind}`, () => {
    let house: House;
    let dovecot: DovecotServer;
    let ask: Ask;
    const endings: (() => Promise<unknown>)[] = [];

    before(async () => {
      dovecot = await startDovecot();
      endings.unshift(dovecot.stop);
      house = await startHouse(kind);
      endings.unshift(house.stop);
      ask = askWith(house.urls, house.adminToken);
    });
    after(async () => {
      for (const end of endings) await end();
    });

    async function start(id: string): Promise<{ other: ImapFlow; at: string; all: () => Promise<Mailbox[]> }> {
      const other = await otherClient(dovecot, id);
      endings.unshift(() => other.logout());
      const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user(id) };
      assert.equal((await ask("/v1/accounts", { body: { id, imap } })).status, 201);
      const at = `/v1/accounts/${id}`;
      const all = async (): Promise<Mailbox[]> => (await ask<{ items: Mailbox[] }>(`${at}/mailboxes`)).body.items;
      return { other, at, all };
    }

    const rest = (account: string): Face => {
      const at = `/v1/accounts/${account}/mailboxes`;
      return {
        create: async (name, parentId) => {
          const { status, body } = await ask<Mailbox>(at, { body: { name, ...(parentId && { parentId }) } });
          assert.equal(status, 201, JSON.stringify(body));
          return body;
        },
        rename: async (id, name) => {
          const { status, body } = await ask<Mailbox>(`${at}/${id}`, { method: "PATCH", body: { name } });
          assert.equal(status, 200, JSON.stringify(body));
          return body;
        },
        remove: async (id) => assert.equal((await ask(`${at}/${id}`, { method: "DELETE" })).status, 204),
      };
    };

    const graphql = (account: string): Face => {
      const mutate = async (field: string, type: string, input: object): Promise<Mailbox> => {
        const query = `mutation ($input: ${type}!) { ${field}(input: $input) { mailbox ${SHOWN} } }`;
        const data = await dataOf<Record<string, { mailbox: Mailbox }>>(ask, query, { input: { account, ...input } });
        return data[field]?.mailbox ?? assert.fail(field);
      };
      return {
        create: (name, parentId) => mutate("createMailbox", "CreateMailboxInput", { name, parentId }),
        rename: (id, name) => mutate("updateMailbox", "UpdateMailboxInput", { id, name }),
        remove: async (id) => {
          const query = "mutation ($input: DeleteMailboxInput!) { deleteMailbox(input: $input) { id } }";
          assert.deepEqual(await dataOf(ask, query, { input: { account, id } }), { deleteMailbox: { id } });
        },
      };
    };

    const faces = { REST: rest, GraphQL: graphql };

    for (const [face, faceOf] of Object.entries(faces)) {
      test(`any name that the server takes can be given by ${face}, is what others see, and is shown as it was given`, async () => {
        const account = `names-${face.toLowerCase()}`;
        const { other, all } = await start(account);
        const { create, rename, remove } = faceOf(account);
        const listed = async (): Promise<string[]> => (await other.list()).map(({ path }) => path);
        const parent = await create("Parent & more");
        for (const name of names) {
          const made = await create(name, parent.id);
          assert.deepEqual([made.name, made.path], [name, `Parent & more/${name}`]);
          assert.ok((await listed()).includes(made.path), `others see ${name}`);
          const renamed = await rename(made.id, `${name.slice(0, 190)} ✓`);
          assert.deepEqual([renamed.id, renamed.name], [made.id, `${name.slice(0, 190)} ✓`]);
          assert.ok((await listed()).includes(renamed.path) && !(await listed()).includes(made.path));
          await remove(made.id);
          assert.ok(!(await listed()).includes(renamed.path));
          assert.ok(!(await all()).some(({ id }) => id === made.id));
        }
      });

      test(`INBOX stays when ${face} gives it a name: its messages go, with their ids`, async () => {
        const account = `inbox-${face.toLowerCase()}`;
        const { other, at, all } = await start(account);
        await deliver(other, { subject: "first" }, { subject: "second" });
        const ids = async (mailbox: string): Promise<string[]> =>
          (await ask<{ items: { id: string }[] }>(`${at}/messages?mailbox=${mailbox}`)).body.items.map(({ id }) => id);
        const known = await ids("inbox");
        const inbox = (await all()).find(({ role }) => role?.toLowerCase() === "inbox");
        const made = await faceOf(account).rename(inbox?.id ?? "", "Old & read");
        assert.notEqual(made.id, inbox?.id);
        assert.equal(made.path, "Old & read");
        assert.deepEqual([await ids("inbox"), await ids(made.id)], [[], known]);
        const status = await other.status("Old & read", { messages: true });
        assert.equal(status && status.messages, 2);
      });
    }

    test("a name with the delimiter in it, and one that is taken, are refused in both faces, and nothing is made", async () => {
      const { at, all } = await start("refused");
      const before = (await all()).length;
      const slashed = await ask(`${at}/mailboxes`, { body: { name: "a/b" } });
      assert.deepEqual([slashed.status, slashed.body.outcome], [400, "none"]);
      const taken = await ask(`${at}/mailboxes`, { body: { name: "Sent" } });
      assert.deepEqual([taken.status, taken.body.code], [409, "mailbox-exists"]);
      const query = "mutation ($input: CreateMailboxInput!) { createMailbox(input: $input) { mailbox { id } } }";
      for (const [name, code] of [
        ["a/b", "invalid-request"],
        ["Sent", "mailbox-exists"],
      ]) {
        const { errors = [] } = await run(ask, query, { input: { account: "refused", name } });
        assert.deepEqual(
          errors.map(({ extensions }) => extensions.code),
          [code],
        );
      }
      assert.equal((await all()).length, before);
    });

    test("another client's rename leaves every id as it is, of what is below as well", async () => {
      const { other, at, all } = await start("renamed");
      for (const path of ["Work", "Work/2026", "Work/2026/Q & A", "Shelf/only/deep"]) await other.mailboxCreate(path);
      for (const mailbox of ["Work", "Work/2026", "Work/2026/Q & A", "Shelf/only/deep"])
        await deliver(other, { subject: `in ${mailbox}`, mailbox });
      const fields = "fields=subject,mailboxId&limit=200";
      const list = async (): Promise<Record<string, unknown>[]> =>
        (await ask<{ items: Record<string, unknown>[] }>(`${at}/messages?${fields}`)).body.items;
      const [boxes, messages] = [await all(), await list()];
      assert.equal(messages.length, 4);
      await other.mailboxRename("Work", "Done & over");
      await other.mailboxRename("Shelf", "Attic/shelf");
      for (const { id, subject, mailboxId } of messages) {
        const { status, body } = await ask(`${at}/messages/${id}?fields=subject,mailboxId`);
        assert.deepEqual([status, body.subject, body.mailboxId], [200, subject, mailboxId]);
      }
      const now = new Map((await all()).map(({ id, path }) => [id, path]));
      const moved = (path: string): string => path.replace(/^Work/, "Done & over").replace(/^Shelf/, "Attic/shelf");
      assert.deepEqual(
        boxes.map(({ id }) => now.get(id)),
        boxes.map(({ path }) => moved(path)),
      );
      assert.deepEqual((await list()).map(({ id }) => id).toSorted(), messages.map(({ id }) => id).toSorted());
    });
  });
