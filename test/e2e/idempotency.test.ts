import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { type Ask, askWith } from "./client.ts";
import { type House, type HouseKind, startHouse } from "./house.ts";
import { deliver, otherClient, write } from "./mailbox.ts";

for (const kind of ["together", "apart"] as const satisfies HouseKind[])
  describe(`requests with an Idempotency-Key, services ${kind}`, () => {
    let house: House;
    let dovecot: DovecotServer;
    let ask: Ask;
    const at = "/v1/accounts/alice";
    const endings: (() => Promise<unknown>)[] = [];

    before(async () => {
      dovecot = await startDovecot();
      endings.unshift(dovecot.stop);
      house = await startHouse(kind);
      endings.unshift(house.stop);
      ask = askWith(house.urls, house.adminToken);
      const other = await otherClient(dovecot, "alice");
      endings.unshift(() => other.logout());
      await deliver(other, { subject: "One" });
      const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user("alice") };
      assert.equal((await ask("/v1/accounts", { body: { id: "alice", imap } })).status, 201);
    });
    after(async () => {
      for (const end of endings) await end();
    });

    /** How many are there, as another client counts. */
    async function count(mailbox: string): Promise<number> {
      const client = await otherClient(dovecot, "alice");
      const status = await client.status(mailbox, { messages: true });
      await client.logout();
      return (status && status.messages) || 0;
    }

    test("are carried out once, whichever gateway is asked again", async () => {
      const page = await ask<{ items: { id: string }[] }>(`${at}/messages?mailbox=inbox`);
      const path = `${at}/messages/${page.body.items[0]?.id}/copy`;
      const headers = { "idempotency-key": "copy-1" };
      const answers = [];
      for (let turn = 0; turn < 4; turn += 1) answers.push(await ask(path, { body: { mailbox: "archive" }, headers }));
      for (const answer of answers)
        assert.deepEqual(
          [answer.status, answer.bytes, answer.headers.location, answer.headers.etag],
          [201, answers[0]?.bytes, answers[0]?.headers.location, answers[0]?.headers.etag],
        );
      assert.equal(await count("Archive"), 1);
      const reused = await ask(path, { body: { mailbox: "junk" }, headers });
      assert.deepEqual([reused.status, reused.body.code], [422, "idempotency-key-reused"]);
      assert.equal(await count("Junk"), 0);
    });

    test("may stream their bodies", async () => {
      const headers = { "idempotency-key": "store-1", "content-type": "message/rfc822" };
      const letter = write({ subject: "Stored", text: "x".repeat(200_000) });
      const answers = [];
      for (let turn = 0; turn < 3; turn += 1)
        answers.push(await ask(`${at}/messages?mailbox=drafts`, { body: letter, headers }));
      for (const { status, body } of answers) assert.deepEqual([status, body.id], [201, answers[0]?.body.id]);
      assert.equal(await count("Drafts"), 1);
      const reused = await ask(`${at}/messages?mailbox=drafts`, { body: `${letter}.`, headers });
      assert.equal(reused.status, 422);
    });
  });
