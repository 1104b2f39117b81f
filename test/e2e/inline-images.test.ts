import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { type Ask, askWith } from "./client.ts";
import { type House, type HouseKind, startHouse } from "./house.ts";
import { otherClient } from "./mailbox.ts";

const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const letter = [
  "From: Ada <ada@example.org>",
  "Subject: Picture",
  "MIME-Version: 1.0",
  'Content-Type: multipart/related; boundary="b"',
  "",
  "--b",
  "Content-Type: text/html",
  "",
  '<p>Look <img src="cid:logo%40example.org" alt="logo"> <img src="cid:none@example.org"> <img src="https://tracker.example/x.gif"></p>',
  "--b",
  "Content-Type: image/png",
  "Content-ID: <logo@example.org>",
  "Content-Transfer-Encoding: base64",
  "",
  pixel,
  "--b--",
  "",
].join("\r\n");

interface Shown {
  id: string;
  html: string;
  attachments?: object[];
}

for (const kind of ["together", "apart"] as const satisfies HouseKind[]) {
  describe(`a message's own images, services ${kind}`, () => {
    let house: House;
    let dovecot: DovecotServer;
    let ask: Ask;
    let nobody: Ask;
    const endings: (() => Promise<unknown>)[] = [];

    before(async () => {
      dovecot = await startDovecot();
      endings.unshift(dovecot.stop);
      house = await startHouse(kind);
      endings.unshift(house.stop);
      ask = askWith(house.urls, house.adminToken);
      nobody = askWith(house.urls, null);
      const other = await otherClient(dovecot, "alice");
      await other.append("INBOX", letter);
      await other.logout();
      const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user("alice") };
      assert.equal((await ask("/v1/accounts?verify=true", { body: { id: "alice", imap } })).status, 201);
    });

    after(async () => {
      for (const end of endings) await end();
    });

    const first = async (): Promise<string> => {
      const { body } = await ask<{ items: { id: string }[] }>("/v1/accounts/alice/messages?limit=1");
      return body.items[0]?.id ?? assert.fail();
    };
    const addressIn = (html: string): URL =>
      new URL(/<img src="(http[^"]*)" alt="logo"/.exec(html)?.[1] ?? assert.fail(html));

    test("load by their addresses, without a header, through any gateway, and open nothing else", async () => {
      const id = await first();
      const { body, headers } = await ask<Shown>(`/v1/accounts/alice/messages/${id}?fields=html`);
      assert.deepEqual([Object.keys(body).sort(), headers["cache-control"]], [["html", "id"], "no-store"]);
      assert.doesNotMatch(body.html, /tracker/);
      assert.match(body.html, /src="cid:none@example\.org"/);
      const { pathname, search } = addressIn(body.html);
      for (let turn = 0; turn < 2; turn += 1) {
        const image = await nobody(pathname + search);
        assert.deepEqual([image.status, image.headers["content-type"]], [200, "image/png"]);
        assert.equal(image.bytes.toString("base64"), pixel);
        assert.equal(image.headers["cross-origin-resource-policy"], "cross-origin");
        assert.match(String(image.headers["content-security-policy"]), /sandbox/);
        assert.equal(image.headers["x-content-type-options"], "nosniff");
      }
      assert.equal((await nobody(pathname)).status, 401);
      assert.equal((await nobody(`${pathname.replace(/2$/, "1")}${search}`)).status, 401);
      assert.equal((await nobody(`/v1/accounts/alice/messages${search}`)).status, 401);
    });

    test("have the same addresses however they are asked for, and none outlives its token", async () => {
      const id = await first();
      const made = await ask<{ id: string; token: string }>("/v1/tokens", { body: { scopes: ["read"] } });
      const reader = askWith(house.urls, made.body.token);
      const many = await reader<{ items: Shown[] }>("/v1/accounts/alice/messages/get", { body: { ids: [id] } });
      const query = `{ account(id: "alice") { message(id: "${id}") { html } } }`;
      const graph = await reader<{ data: { account: { message: Shown } } }>("/graphql", { body: { query } });
      const [one, other] = [many.body.items[0]?.html ?? "", graph.body.data.account.message.html].map(addressIn);
      assert.equal(one?.pathname, other?.pathname);
      const path = `${other?.pathname}${other?.search}`;
      assert.equal((await nobody(path)).status, 200);
      await ask(`/v1/tokens/${made.body.id}`, { method: "DELETE" });
      for (const url of house.urls) while ((await askWith([url], null)(path)).status !== 401);
    });
  });
}
