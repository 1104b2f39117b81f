import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startScriptedImap, type ScriptedServer, scriptedMessage } from "../servers/scripted.ts";
import { type Ask, askWith } from "./client.ts";
import { type House, type HouseKind, startHouse } from "./house.ts";

const path = "/v1/accounts/alice/messages?mailbox=inbox&fields=subject";
const anHour = { "cache-control": "max-stale=3600" };

for (const kind of ["together", "apart"] as const satisfies HouseKind[]) {
  describe(`answers that need not be fresh, services ${kind}`, () => {
    let house: House;
    let server: ScriptedServer;
    let ask: Ask;

    before(async () => {
      const messages = [scriptedMessage(1, "Subject: One\r\n\r\nx\r\n")];
      server = await startScriptedImap({
        capabilities: ["IMAP4rev1", "CONDSTORE"],
        mailboxes: [{ name: "INBOX", uidValidity: 7, messages }],
      });
      house = await startHouse(kind);
      ask = askWith(house.urls, house.adminToken);
      const imap = { host: server.host, port: server.port, security: "none", user: "alice", password: "secret" };
      assert.equal((await ask("/v1/accounts?verify=true", { body: { id: "alice", imap } })).status, 201);
    });

    after(async () => {
      await house.stop();
      await server.stop();
    });

    /** Commands that look at the mailbox; what is said when a connection is opened for later is none. */
    const looks = (): number => server.commands.filter(({ name }) => /STATUS|EXAMINE|FETCH/.test(name)).length;

    test("are asked of the mail server where nothing is at hand, and come without it then", async () => {
      const cold = await ask(path, { headers: anHour });
      assert.equal(cold.status, 200);
      assert.equal(cold.headers["postern-stale"], undefined);
      const first = await ask(path);
      const asked = looks();
      const second = await ask(path, { headers: anHour });
      assert.deepEqual(second.bytes, first.bytes);
      assert.equal(second.headers["postern-stale"], "true");
      assert.equal(second.headers["postern-as-of"], first.headers["postern-as-of"]);
      assert.equal(looks(), asked);
      const held = await ask(path, { headers: { ...anHour, "if-none-match": String(first.headers.etag) } });
      assert.equal(held.status, 304);
    });

    test("are not given to who wants to know how it is now, nor when they are too old", async () => {
      await ask(path);
      for (const headers of [{}, { "cache-control": "no-cache" }, { "cache-control": "max-stale=0" }]) {
        const asked = looks();
        const answer = await ask(path, { headers });
        assert.equal(answer.headers["postern-stale"], undefined);
        assert.ok(looks() > asked);
      }
    });

    test("are there while the mail server is away; everybody else is told that it is", async () => {
      await ask(path);
      await server.stop();
      const stale = await ask(path, { headers: anHour });
      assert.equal(stale.status, 200);
      assert.equal(stale.headers["postern-stale"], "true");
      const fresh = await ask<{ code: string }>(path);
      assert.equal(fresh.status, 503);
      assert.equal(fresh.body.code, "upstream-unreachable");
      assert.ok(Number(fresh.headers["retry-after"]) > 0);
    });
  });
}
