import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { after, before, describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { ImapFlow } from "imapflow";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { type Ask, askWith } from "./client.ts";
import { type House, type HouseKind, startHouse } from "./house.ts";
import { otherClient, write } from "./mailbox.ts";
import { base64, lines, MEBI, mixed, noise } from "./octets.ts";

interface Stored {
  id: string;
  subject: string;
  flags: string[];
  receivedAt: string;
  mailboxId: string;
}

for (const kind of ["together", "apart"] as const satisfies HouseKind[]) {
  describe(`storing messages, services ${kind}`, () => {
    let house: House;
    let dovecot: DovecotServer;
    let other: ImapFlow;
    let ask: Ask;
    const endings: (() => Promise<unknown>)[] = [];

    before(async () => {
      dovecot = await startDovecot({ specialUse: true });
      endings.unshift(dovecot.stop);
      house = await startHouse(kind);
      endings.unshift(house.stop);
      ask = askWith(house.urls, house.adminToken);
      other = await otherClient(dovecot, "alice");
      endings.unshift(() => other.logout());
      const { user, password } = dovecot.user("alice");
      const imap = { host: dovecot.host, port: dovecot.port, security: "none", user, password };
      const { status } = await ask("/v1/accounts", { body: { id: "alice", imap } });
      assert.equal(status, 201);
    });

    after(async () => {
      for (const end of endings) await end();
    });

    const store = (query: string, body: string, type = "message/rfc822") =>
      ask<Stored>(`/v1/accounts/alice/messages${query}`, { body, headers: { "content-type": type } });

    /** What another client finds at the end of a mailbox. */
    async function last(path = "INBOX"): Promise<{ source: Buffer; flags: string[]; date: Date }> {
      const lock = await other.getMailboxLock(path, { readOnly: true });
      try {
        await other.noop();
        const found = await other.fetchOne("*", { source: true, flags: true, internalDate: true });
        assert.ok(found && found.source && found.internalDate);
        return { source: found.source, flags: [...(found.flags ?? [])].sort(), date: new Date(found.internalDate) };
      } finally {
        lock.release();
      }
    }

    async function count(): Promise<number | undefined> {
      const status = await other.status("INBOX", { messages: true });
      return status ? status.messages : undefined;
    }

    test("a message is in the mailbox to the octet, with its flags and its time", async () => {
      const letter = write({ subject: "Grüße ☂", text: "with ünicode\r\n.\r\nand a line  of dots" });
      const flags = encodeURIComponent("\\Seen,\\Flagged,$Forwarded,custom");
      const answer = await store(`?mailbox=inbox&flags=${flags}&receivedAt=2024-02-29T23:59:58%2B02:00`, letter);
      assert.equal(answer.status, 201);
      assert.equal(answer.headers.location, `/v1/accounts/alice/messages/${answer.body.id}`);
      const found = await last();
      assert.equal(found.source.toString(), letter);
      assert.deepEqual(
        found.flags.filter((flag) => flag !== "\\Recent"),
        ["$Forwarded", "\\Flagged", "\\Seen", "custom"],
      );
      assert.equal(found.date.toISOString(), "2024-02-29T21:59:58.000Z");
      assert.equal(answer.body.receivedAt, "2024-02-29T21:59:58.000Z");
      assert.deepEqual(answer.body.flags.toSorted(), ["$Forwarded", "\\Flagged", "\\Seen", "custom"]);
    });

    test("the very next read shows it, whichever gateway is asked", async () => {
      for (let round = 0; round < 4; round += 1) {
        const { body } = await store("", write({ subject: `Round ${round}` }));
        const list = await ask<{ items: Stored[] }>("/v1/accounts/alice/messages?mailbox=inbox&limit=1&fields=id");
        assert.equal(list.body.items[0]?.id, body.id);
        assert.equal((await ask(`/v1/accounts/alice/messages/${body.id}?fields=id`)).status, 200);
      }
    });

    test("fifty megabytes go through as a stream and come out the same", async () => {
      const part = { headers: ["Content-Type: application/octet-stream", base64], octets: lines(noise(36 * MEBI)) };
      const large = mixed("large", [part]);
      const answer = await send(house, large, [large.length]);
      assert.equal(answer.status, 201);
      assert.ok((await last()).source.equals(large));
    });

    test("a message that trickles in is stored all the same, and one that breaks off is not", async () => {
      const letter = Buffer.from(write({ subject: "In pieces" }));
      assert.equal((await send(house, letter, [10, 200])).status, 201);
      assert.ok((await last()).source.equals(letter));
      const before = await count();
      await breakOff(house, Buffer.from(write({ subject: "Broken off" })));
      await ask("/v1/accounts/alice/messages?mailbox=inbox&limit=1");
      assert.equal(await count(), before);
    });

    test("what cannot be stored is refused before the mail server hears of it, with the reason", async () => {
      const letter = write({});
      const bad = [
        ["?flags=%5CRecent", 400],
        ["?flags=two%20words", 400],
        ["?receivedAt=yesterday", 400],
        ["?mailbox=flagged", 404],
        ["?mailbox=mbx_nonsense", 404],
        ["?colour=red", 400],
      ] as const;
      for (const [query, status] of bad) assert.equal((await store(query, letter)).status, status, query);
      assert.equal((await store("", letter, "text/plain")).status, 415);
    });

    test("a token that may only read stores nothing", async () => {
      const made = await ask<{ token: string }>("/v1/tokens", { body: { scopes: ["read"] } });
      const reader = askWith(house.urls, made.body.token);
      const answer = await reader("/v1/accounts/alice/messages", {
        body: write({}),
        headers: { "content-type": "message/rfc822" },
      });
      assert.equal(answer.status, 403);
    });
  });
}

/** Sends octets cut at the places named. */
function send(house: House, octets: Buffer, cuts: readonly number[]): Promise<{ status: number }> {
  const request = httpRequest(`${house.urls[0]}/v1/accounts/alice/messages`, {
    method: "POST",
    agent: false,
    headers: { authorization: `Bearer ${house.adminToken}`, "content-type": "message/rfc822" },
  });
  const answered = new Promise<{ status: number }>((resolve, reject) => {
    request.on("error", reject);
    request.on("response", (response) => {
      response.resume();
      response.on("end", () => resolve({ status: response.statusCode ?? 0 }));
    });
  });
  void pour(request, octets, cuts);
  return answered;
}

async function pour(request: ReturnType<typeof httpRequest>, octets: Buffer, cuts: readonly number[]): Promise<void> {
  let from = 0;
  for (const cut of [...cuts, octets.length]) {
    if (cut > from && !request.write(octets.subarray(from, cut))) await once(request, "drain");
    from = cut;
    await turn();
  }
  request.end();
}

async function breakOff(house: House, octets: Buffer): Promise<void> {
  const request = httpRequest(`${house.urls[0]}/v1/accounts/alice/messages`, {
    method: "POST",
    agent: false,
    headers: {
      authorization: `Bearer ${house.adminToken}`,
      "content-type": "message/rfc822",
      "content-length": octets.length,
    },
  });
  request.on("error", () => undefined);
  await new Promise<void>((resolve) => request.write(octets.subarray(0, 100), () => resolve()));
  const closed = new Promise((resolve) => request.on("close", resolve));
  request.destroy();
  await closed;
}
