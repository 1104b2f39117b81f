import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { type Ask, askWith } from "./client.ts";
import { run } from "./graphql-client.ts";
import { type House, type HouseKind, startHouse } from "./house.ts";
import { otherClient, write } from "./mailbox.ts";

interface Result {
  upload: string;
  ok: boolean;
  message?: { id: string; mailboxId: string };
  problem?: { code: string; outcome: string };
}

for (const kind of ["together", "apart"] as const satisfies HouseKind[]) {
  describe(`importing messages, services ${kind}`, () => {
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
      const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user("alice") };
      assert.equal((await ask("/v1/accounts", { body: { id: "alice", imap } })).status, 201);
    });

    after(async () => {
      for (const end of endings) await end();
    });

    const upload = async (source: string): Promise<string> => {
      const headers = { "content-type": "message/rfc822" };
      const answer = await ask<{ id: string }>("/v1/accounts/alice/uploads", { body: source, headers });
      assert.equal(answer.status, 201);
      return answer.body.id;
    };

    /** What another client finds in a mailbox, oldest first. */
    async function sources(path: string): Promise<(string | undefined)[]> {
      const other = await otherClient(dovecot, "alice");
      await other.mailboxOpen(path, { readOnly: true });
      const found = await other.fetchAll("1:*", { source: true });
      await other.logout();
      return found.map(({ source }) => source?.toString());
    }

    test("many messages are stored to the octet by one request, and the same key stores them once", async () => {
      const letters = Array.from({ length: 20 }, (_, at) => write({ subject: `Number ${at} ☂` }));
      const items: object[] = [];
      for (const letter of letters) items.push({ upload: await upload(letter), flags: ["\\Seen"] });
      items.push({ upload: "upl_never" });
      const headers = { "idempotency-key": "import-1" };
      const send = () => ask<{ results: Result[] }>("/v1/accounts/alice/messages/import", { body: { items }, headers });
      const first = await send();
      assert.equal(first.status, 200);
      const { results } = first.body;
      assert.deepEqual(
        results.map(({ ok, problem }) => (ok ? "ok" : `${problem?.code} ${problem?.outcome}`)),
        [...letters.map(() => "ok"), "not-found none"],
      );
      assert.deepEqual((await send()).body, first.body);
      assert.deepEqual(await sources("INBOX"), letters);
      const { body: list } = await ask<{ items: { id: string; flags: string[] }[] }>(
        "/v1/accounts/alice/messages?mailbox=inbox",
      );
      assert.deepEqual(
        list.items.map(({ id, flags }) => [id, flags]).reverse(),
        results.slice(0, -1).map(({ message }) => [message?.id, ["\\Seen"]]),
      );
    });

    test("the same in GraphQL, with what is selected of each message", async () => {
      const letter = write({ subject: "By GraphQL" });
      const items = [
        { upload: await upload(letter), role: "ARCHIVE", flags: ["$Work"], receivedAt: "2024-02-29T21:59:58Z" },
        { upload: "upl_never" },
      ];
      const query = `mutation ($input: ImportMessagesInput!) { importMessages(input: $input) {
        results { upload ok message { subject flags receivedAt mailbox { role } } problem { code outcome } } } }`;
      const { data, errors } = await run<{ importMessages: { results: object[] } }>(ask, query, {
        input: { account: "alice", items },
      });
      assert.equal(errors, undefined);
      assert.deepEqual(data.importMessages.results, [
        {
          upload: items[0]?.upload,
          ok: true,
          message: {
            subject: "By GraphQL",
            flags: ["$Work"],
            receivedAt: "2024-02-29T21:59:58.000Z",
            mailbox: { role: "ARCHIVE" },
          },
          problem: null,
        },
        { upload: "upl_never", ok: false, message: null, problem: { code: "not-found", outcome: "NONE" } },
      ]);
      assert.deepEqual(await sources("Archive"), [letter]);
    });

    test("what is not as it should be is refused before anything is stored", async () => {
      const good = { upload: await upload(write({ subject: "Good" })) };
      for (const [items, path] of [
        [[], "items"],
        [[good, { upload: 7 }], "items.1.upload"],
        [[good, { ...good, flags: ["\\Recent"] }], "items.1.flags.0"],
        [[good, { ...good, receivedAt: "yesterday" }], "items.1.receivedAt"],
      ] as const) {
        const { status, body } = await ask<{ errors: { path: string }[] }>("/v1/accounts/alice/messages/import", {
          body: { items },
        });
        assert.deepEqual([status, body.errors[0]?.path], [400, path]);
      }
      const query = `mutation { importMessages(input: { account: "alice", items: [
        { upload: "${good.upload}", mailbox: "mbx_x", role: INBOX }] }) { results { ok } } }`;
      const { errors } = await run<null>(ask, query, {});
      assert.equal(errors?.[0]?.extensions.code, "invalid-request");
    });
  });
}
