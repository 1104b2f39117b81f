import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { type Ask, askWith } from "./client.ts";
import { type House, type HouseKind, startHouse } from "./house.ts";
import { deliver, otherClient } from "./mailbox.ts";

interface Made {
  ticket: string;
  scopes: string[];
  accounts: string[] | null;
  path: string | null;
  expiresAt: string;
}

for (const kind of ["together", "apart"] as const satisfies HouseKind[]) {
  describe(`tickets, services ${kind}`, () => {
    let house: House;
    let dovecot: DovecotServer;
    let admin: Ask;
    let reader: Ask;
    let readerId: string;
    let nobody: Ask;
    const endings: (() => Promise<unknown>)[] = [];
    const messages = "/v1/accounts/alice/messages";

    before(async () => {
      dovecot = await startDovecot();
      endings.unshift(dovecot.stop);
      house = await startHouse(kind);
      endings.unshift(house.stop);
      admin = askWith(house.urls, house.adminToken);
      nobody = askWith(house.urls, null);
      for (const id of ["alice", "bob"]) {
        const other = await otherClient(dovecot, id);
        await deliver(other, { subject: "Tickets, please" });
        await other.logout();
        const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user(id) };
        assert.equal((await admin("/v1/accounts?verify=true", { body: { id, imap } })).status, 201);
      }
      const made = await admin<{ id: string; token: string }>("/v1/tokens", {
        body: { scopes: ["read", "manage"], accounts: ["alice"] },
      });
      readerId = made.body.id;
      reader = askWith(house.urls, made.body.token);
    });

    after(async () => {
      for (const end of endings) await end();
    });

    const issue = async (ask: Ask, body: object): Promise<Made> => {
      const { status, body: made, headers } = await ask<Made>("/v1/tickets", { body });
      assert.equal(status, 201, JSON.stringify(made));
      assert.equal(headers["cache-control"], "no-store");
      return made;
    };
    const withTicket = (path: string, { ticket }: Made): string =>
      `${path}${path.includes("?") ? "&" : "?"}ticket=${ticket}`;

    test("a ticket opens REST and GraphQL by GET through any gateway, without a header", async () => {
      const made = await issue(reader, {});
      assert.deepEqual([made.scopes, made.accounts, made.path], [["read"], ["alice"], null]);
      for (let turn = 0; turn < 2; turn += 1) {
        const list = await nobody<{ items: object[] }>(withTicket(`${messages}?limit=1`, made));
        assert.deepEqual([list.status, list.body.items.length], [200, 1]);
        const query = encodeURIComponent('{ account(id: "alice") { id } }');
        const answer = await nobody(withTicket(`/graphql?query=${query}`, made));
        assert.deepEqual(answer.body, { data: { account: { id: "alice" } } });
      }
    });

    test("it opens nothing else: no other method, path, account or scope", async () => {
      const narrow = await issue(reader, { path: messages });
      assert.equal((await nobody(withTicket(messages, narrow))).status, 200);
      assert.equal((await nobody(withTicket("/v1/accounts/alice/mailboxes", narrow))).status, 401);
      assert.equal((await nobody(withTicket("/graphql?query={__typename}", narrow))).status, 401);
      assert.equal((await nobody(withTicket("/v1/tickets", narrow), { body: {} })).status, 401);
      const any = await issue(reader, {});
      assert.equal((await nobody(withTicket("/v1/accounts/bob/messages", any))).status, 404);
      assert.equal((await nobody(withTicket("/v1/tickets", any), { body: {} })).status, 401);
      assert.equal((await nobody(withTicket("/v1/accounts/alice", any), { method: "DELETE" })).status, 401);
      const managing = await issue(reader, { scopes: ["manage"] });
      assert.equal((await nobody(withTicket(messages, managing))).status, 403);
      assert.equal((await nobody(`${messages}?ticket=tkt_x`)).status, 401);
      assert.equal((await nobody(`${messages}?ticket=${any.ticket}&ticket=${any.ticket}`)).status, 401);
    });

    test("nobody makes a ticket that can do more than they can", async () => {
      const codes = async (body: object): Promise<unknown[]> => {
        const { status, body: problem } = await reader<{ code: string }>("/v1/tickets", { body });
        return [status, problem.code];
      };
      assert.deepEqual(await codes({ scopes: ["read", "write"] }), [403, "scope-missing"]);
      assert.deepEqual(await codes({ scopes: ["admin"] }), [400, "invalid-request"]);
      assert.deepEqual(await codes({ accounts: ["bob"] }), [400, "invalid-request"]);
      assert.deepEqual(await codes({ accounts: ["carol"] }), [400, "invalid-request"]);
      assert.deepEqual(await codes({ expiresIn: 3_601 }), [400, "invalid-request"]);
      const unknown = await admin<{ code: string }>("/v1/tickets", { body: { accounts: ["carol"] } });
      assert.deepEqual([unknown.status, unknown.body.code], [400, "invalid-request"]);
    });

    test("it ends when it says so, and with the token that it was made with", async () => {
      const brief = await issue(reader, { expiresIn: 1 });
      while ((await nobody(withTicket("/v1/accounts", brief))).status !== 401);
      assert.ok(Date.now() >= Date.parse(brief.expiresAt), "and not before");
      const made = await issue(reader, {});
      assert.equal((await nobody(withTicket("/v1/accounts", made))).status, 200);
      assert.equal((await admin(`/v1/tokens/${readerId}`, { method: "DELETE" })).status, 204);
      for (const url of house.urls)
        while ((await askWith([url], null)(withTicket("/v1/accounts", made))).status !== 401);
    });

    test("no log has it", async () => {
      const made = await issue(admin, {});
      const { headers } = await nobody(withTicket("/v1/accounts", made));
      const log = (): string => house.services.flatMap((service) => service.log).join("\n");
      while (!log().includes(String(headers["x-request-id"]))) await nobody("/livez");
      assert.ok(!log().includes(made.ticket.slice(-24)));
    });
  });
}
