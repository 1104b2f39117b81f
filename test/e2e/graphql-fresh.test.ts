import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { ImapFlow } from "imapflow";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { type Ask, askWith } from "./client.ts";
import { codesOf, dataOf, register, run } from "./graphql-client.ts";
import { type House, type HouseKind, startHouse } from "./house.ts";
import { deliver, otherClient } from "./mailbox.ts";

const QUERY = `{ account(id: "ada") { mailbox(role: INBOX) { unseen messages { totalCount nodes { subject flags } } } } }`;

interface Data {
  account: {
    mailbox: { unseen: number; messages: { totalCount: number; nodes: { subject: string; flags: string[] }[] } };
  };
}

for (const kind of ["together", "apart"] as const satisfies HouseKind[]) {
  describe(`the same query again and again, services ${kind}`, () => {
    let house: House;
    let dovecot: DovecotServer;
    let other: ImapFlow;
    let ask: Ask;

    before(async () => {
      dovecot = await startDovecot();
      house = await startHouse(kind);
      ask = askWith(house.urls, house.adminToken);
      other = await otherClient(dovecot, "ada");
      await deliver(other, { subject: "First" });
      await other.mailboxOpen("INBOX");
      await register(ask, dovecot, "ada");
    });

    after(async () => {
      await other.logout();
      await house.stop();
      await dovecot.stop();
    });

    /** Twice, so that the second may be one that was put together before. */
    const read = async (): Promise<Data["account"]["mailbox"]> => {
      const first = await dataOf<Data>(ask, QUERY);
      const second = await dataOf<Data>(ask, QUERY);
      assert.deepEqual(second, first);
      return second.account.mailbox;
    };

    test("shows what another client has appended, flagged and expunged", async () => {
      for (let round = 0; round < 10; round++) {
        const before = await read();
        await deliver(other, { subject: `Round ${round}` });
        const appended = await read();
        assert.equal(appended.messages.nodes[0]?.subject, `Round ${round}`);
        assert.equal(appended.messages.totalCount, before.messages.totalCount + 1);
        await other.messageFlagsSet("*", ["\\Seen"]);
        const flagged = await read();
        assert.deepEqual(flagged.messages.nodes[0]?.flags, ["\\Seen"]);
        assert.equal(flagged.unseen, appended.unseen - 1);
        await other.messageDelete("*");
        assert.deepEqual(await read(), before);
      }
    });

    test("is answered anew for whoever asks with another token", async () => {
      await read();
      await register(ask, dovecot, "bob");
      const { body } = await ask<{ token: string }>("/v1/tokens", { body: { scopes: ["read"], accounts: ["bob"] } });
      const stranger = askWith(house.urls, body.token);
      assert.deepEqual((await run<Data>(stranger, QUERY)).data, { account: null });
      const { body: manager } = await ask<{ token: string }>("/v1/tokens", { body: { scopes: ["manage"] } });
      assert.deepEqual(codesOf(await run<Data>(askWith(house.urls, manager.token), QUERY)), ["scope-missing"]);
    });

    test("with other variables is another query", async () => {
      const query = `query ($first: Int) { account(id: "ada") { mailbox(role: INBOX) { messages(first: $first) { nodes { subject } } } } }`;
      await deliver(other, { subject: "Second" });
      for (const first of [1, 2, 1, 2]) {
        const { account } = await dataOf<Data>(ask, query, { first });
        assert.equal(account.mailbox.messages.nodes.length, first);
      }
    });
  });
}
