import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { ImapFlow } from "imapflow";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { type Ask, askWith } from "./client.ts";
import { type House, type HouseKind, startHouse } from "./house.ts";
import { deliver, otherClient } from "./mailbox.ts";

interface Page {
  items: { id: string; subject: string; flags: string[] }[];
  total: number;
}

const ROUNDS = 60;
const READERS = 6;
const path = "/v1/accounts/alice/messages?mailbox=inbox&limit=20&fields=subject,flags";

for (const kind of ["together", "apart"] as const satisfies HouseKind[]) {
  describe(`freshness while many read, services ${kind}`, () => {
    let house: House;
    let dovecot: DovecotServer;
    let other: ImapFlow;
    let ask: Ask;
    let reading = true;
    let readers: Promise<void>[] = [];
    const unanswered: unknown[] = [];
    const endings: (() => Promise<unknown>)[] = [];

    before(async () => {
      dovecot = await startDovecot();
      endings.unshift(dovecot.stop);
      house = await startHouse(kind);
      endings.unshift(house.stop);
      ask = askWith(house.urls, house.adminToken);
      other = await otherClient(dovecot, "alice");
      endings.unshift(() => other.logout());
      await deliver(other, ...Array.from({ length: 30 }, (_, index) => ({ subject: `Letter ${index}` })));
      await other.mailboxOpen("INBOX");
      const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user("alice") };
      const { status } = await ask("/v1/accounts?verify=true", { body: { id: "alice", imap } });
      assert.equal(status, 201);
      readers = Array.from({ length: READERS }, readOnAndOn);
    });

    after(async () => {
      reading = false;
      await Promise.all(readers);
      for (const end of endings) await end();
      assert.deepEqual(unanswered, []);
    });

    /** The page that others keep asking for, so that every read shares proofs and pages with somebody's. */
    async function readOnAndOn(): Promise<void> {
      while (reading) {
        const { status, body } = await ask(path).catch((error: unknown) => ({ status: 0, body: error }));
        if (status !== 200) unanswered.push(body);
      }
    }

    async function list(etag?: string): Promise<{ status: number; body: Page; etag: string }> {
      const answer = await ask<Page>(path, etag === undefined ? {} : { headers: { "if-none-match": etag } });
      return { status: answer.status, body: answer.body, etag: String(answer.headers.etag) };
    }

    test("what was appended is in every list that starts after its OK", async () => {
      for (let round = 0; round < ROUNDS; round++) {
        await deliver(other, { subject: `Round ${round}` });
        const { body } = await list();
        assert.equal(body.items[0]?.subject, `Round ${round}`);
      }
    });

    test("what was flagged is, and no 304 hides it", async () => {
      let { etag } = await list();
      for (let round = 0; round < ROUNDS; round++) {
        const keyword = `round${round}`;
        await other.messageFlagsSet("*", [keyword]);
        const answer = await list(etag);
        assert.equal(answer.status, 200);
        assert.deepEqual(answer.body.items[0]?.flags, [keyword]);
        etag = answer.etag;
      }
    });

    test("what was expunged is not", async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const { body: before } = await list();
        await other.messageDelete("*");
        const { body } = await list();
        assert.equal(body.total, before.total - 1);
        assert.ok(body.items.every(({ id }) => id !== before.items[0]?.id));
      }
    });

    test("a mailbox that was deleted and made anew shows what is in the new one", async () => {
      // One of its own for each round: Dovecot itself stumbles over a name that is taken and given back again and again.
      for (let round = 0; round < 3; round++) {
        const name = `Round ${round}`;
        await other.mailboxCreate(name);
        await deliver(other, { subject: "Old", mailbox: name });
        const [old] = await itemsOf(await idOf(name));
        assert.equal(old?.subject, "Old");
        await other.mailboxDelete(name);
        await other.mailboxCreate(name);
        assert.deepEqual(await itemsOf(await idOf(name)), []);
        assert.equal((await ask(`/v1/accounts/alice/messages/${old?.id}`)).status, 410);
      }
    });

    async function idOf(path: string): Promise<string> {
      const { body } = await ask<{ items: { id: string; path: string }[] }>("/v1/accounts/alice/mailboxes");
      return body.items.find((mailbox) => mailbox.path === path)?.id ?? "";
    }

    async function itemsOf(mailbox: string): Promise<Page["items"]> {
      const answer = await ask<Page>(`/v1/accounts/alice/messages?mailbox=${mailbox}&fields=subject`);
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      return answer.body.items;
    }
  });
}
