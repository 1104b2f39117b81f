import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import { makeCertificates } from "../servers/certificates.ts";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { temporaryFolder } from "../servers/process.ts";
import { bad, type Script, type ScriptedServer, startScriptedImap } from "../servers/scripted.ts";
import { type Answer, type Ask, askWith } from "./client.ts";
import { type House, type HouseKind, startHouse } from "./house.ts";
import { deliver, otherClient } from "./mailbox.ts";

interface Account {
  id: string;
  state: string;
  stateDetail: string | null;
  [field: string]: unknown;
}

interface Problem {
  code: string;
  detail?: string;
  upstream?: { status: string; code: string | null; text: string };
  errors?: { path: string; message: string }[];
}

/** Passwords and tokens of mailboxes: wherever one of these turns up, it has leaked. */
const SECRETS = ["correct-horse", "wrong-password", "an-oauth-access-token"];

for (const kind of ["together", "apart"] as const satisfies HouseKind[]) {
  describe(`accounts, services ${kind}`, () => {
    let house: House;
    let dovecot: DovecotServer;
    let ask: Ask;
    const answers: string[] = [];
    const endings: (() => Promise<void>)[] = [];

    before(async () => {
      dovecot = await startDovecot();
      endings.unshift(dovecot.stop);
      house = await startHouse(kind);
      endings.unshift(house.stop);
      const admin = askWith(house.urls, house.adminToken);
      ask = async <T>(...asking: Parameters<Ask>) => {
        const answer = await admin<T>(...asking);
        answers.push(JSON.stringify(answer.headers), answer.bytes.toString());
        return answer;
      };
    });

    after(async () => {
      for (const end of endings) await end();
    });

    const imapOf = (user: string, changes: object = {}): object => ({
      host: dovecot.host,
      port: dovecot.port,
      security: "none",
      ...dovecot.user(user),
      ...changes,
    });
    const register = (id: string, imap: object, query = ""): Promise<Answer<Account & Problem>> =>
      ask<Account & Problem>(`/v1/accounts${query}`, { body: { id, imap } });
    const patch = (id: string, body: object, query = ""): Promise<Answer<Account & Problem>> =>
      ask<Account & Problem>(`/v1/accounts/${id}${query}`, { method: "PATCH", body });
    const until = async (id: string, state: string): Promise<Account> => {
      for (;;) {
        const { body } = await ask<Account>(`/v1/accounts/${id}`);
        if (body.state === state) return body;
      }
    };
    const scripted = async (script: Script): Promise<ScriptedServer> => {
      const server = await startScriptedImap(script);
      endings.unshift(server.stop);
      return server;
    };

    test("an account is registered under the id that was chosen, or one that is made", async () => {
      const chosen = await register("chosen-1", imapOf("ann"));
      assert.equal(chosen.status, 201, JSON.stringify(chosen.body));
      assert.equal(chosen.headers.location, "/v1/accounts/chosen-1");
      assert.equal(chosen.body.id, "chosen-1");
      const made = await ask<Account>("/v1/accounts", { body: { name: "Ann", imap: imapOf("ann") } });
      assert.equal(made.status, 201);
      assert.match(made.body.id, /^[a-z0-9][a-z0-9-]{0,62}$/);
      const { body } = await ask<Account>(String(made.headers.location));
      assert.equal(body.name, "Ann");
      const { items } = (await ask<{ items: Account[] }>("/v1/accounts")).body;
      for (const id of ["chosen-1", made.body.id]) assert.ok(items.some((account) => account.id === id));
    });

    test("an id that is taken is refused, and its account goes on as it was", async () => {
      await register("taken", imapOf("ann"), "?verify=true");
      const again = await register("taken", imapOf("ben"));
      assert.equal(again.status, 409);
      assert.equal(again.body.code, "account-exists");
      assert.equal((await ask<{ imap: { user: string } }>("/v1/accounts/taken")).body.imap.user, "ann");
    });

    const unfit: [what: string, body: unknown, paths: string[]][] = [
      ["no settings", {}, ["imap"]],
      ["an id in capitals", { id: "Ann", imap: {} }, ["id", "imap.host", "imap.port", "imap.security", "imap.user"]],
      ["no secret", { imap: { host: "h", port: 1, security: "tls", user: "u" } }, ["imap.password"]],
      [
        "two secrets",
        { imap: { host: "h", port: 1, security: "tls", user: "u", password: "wrong-password", accessToken: "x" } },
        ["imap.password"],
      ],
      [
        "a port that is none",
        { imap: { host: "h", port: 0, security: "tls", user: "u", password: "p" } },
        ["imap.port"],
      ],
      [
        "a security that is none",
        { imap: { host: "h", port: 1, security: "ssl", user: "u", password: "p" } },
        ["imap.security"],
      ],
      [
        "an authority that is no text",
        { imap: { host: "h", port: 1, security: "tls", user: "u", password: "p", tls: { ca: 1 } } },
        ["imap.tls.ca"],
      ],
    ];
    for (const [what, body, paths] of unfit) {
      test(`${what} is refused, and the answer says where`, async () => {
        const answer = await ask<Problem>("/v1/accounts", { body });
        assert.equal(answer.status, 400);
        assert.equal(answer.body.code, "invalid-request");
        assert.deepEqual(answer.body.errors?.map(({ path }) => path).sort(), paths);
      });
    }

    test("an id that none can have is not found, and no cursor either", async () => {
      for (const id of ["ANN", "ann!", "-", "%00", "a".repeat(63), "msg_x"]) {
        const { status, body } = await ask<Problem>(`/v1/accounts/${id}`);
        assert.deepEqual([status, body.code], [404, "not-found"], id);
      }
      const page = await ask<Problem>("/v1/accounts?cursor=Nobody!");
      assert.deepEqual([page.status, page.body.errors?.[0]?.path], [400, "cursor"]);
    });

    test("a refused login is told with the server's own words, and nothing is kept of it", async () => {
      const { status, body } = await register(
        "mallory",
        imapOf("mallory", { password: "wrong-password" }),
        "?verify=true",
      );
      assert.equal(status, 422);
      assert.equal(body.code, "login-refused");
      assert.match(body.upstream?.text ?? "", /Authentication failed/);
      assert.equal((await ask("/v1/accounts/mallory")).status, 404);
    });

    test("an account whose login is refused says so, is not read, and works as soon as it has the right secret", async () => {
      assert.equal((await register("late", imapOf("ann", { password: "wrong-password" }))).status, 201);
      const refused = await until("late", "authenticationFailed");
      assert.match(refused.stateDetail ?? "", /Authentication failed/);
      const { status, body } = await ask<Problem>("/v1/accounts/late/mailboxes");
      assert.deepEqual([status, body.code], [409, "account-reauth-required"]);
      assert.match(body.upstream?.text ?? "", /Authentication failed/);
      const still = await patch("late", { imap: { password: "wrong-password" } }, "?verify=true");
      assert.deepEqual([still.status, still.body.code], [422, "login-refused"]);
      assert.equal((await patch("late", { imap: { password: dovecot.user("ann").password } })).status, 200);
      assert.equal((await ask("/v1/accounts/late/mailboxes")).status, 200);
      assert.equal((await until("late", "connected")).stateDetail, null);
    });

    test("a change that is verified and refused leaves the account working", async () => {
      await register("steady", imapOf("ann"), "?verify=true");
      const refused = await patch("steady", { imap: { password: "wrong-password" } }, "?verify=true");
      assert.deepEqual([refused.status, refused.body.code], [422, "login-refused"]);
      for (const _ of house.urls) assert.equal((await ask("/v1/accounts/steady/mailboxes")).status, 200);
    });

    test("another host or user is not given the secret that is kept", async () => {
      await register("keeper", imapOf("ann"));
      for (const imap of [{ host: "localhost" }, { user: "ben" }, { port: 1 }, { security: "starttls" }]) {
        const { status, body } = await patch("keeper", { imap });
        assert.deepEqual([status, body.errors?.[0]?.path], [400, "imap.password"]);
      }
      const moved = await patch("keeper", { imap: { ...dovecot.user("ben") } }, "?verify=true");
      assert.equal(moved.status, 200, JSON.stringify(moved.body));
    });

    test("a disabled account answers that it is, and comes back when it is enabled", async () => {
      await register("sleeper", imapOf("ann"), "?verify=true");
      assert.equal((await patch("sleeper", { disabled: true })).body.state, "disabled");
      for (const _ of house.urls) {
        const { status, body } = await ask<Problem>("/v1/accounts/sleeper/mailboxes");
        assert.deepEqual([status, body.code], [409, "account-disabled"]);
      }
      assert.equal((await patch("sleeper", { disabled: false })).status, 200);
      assert.equal((await ask("/v1/accounts/sleeper/mailboxes")).status, 200);
    });

    for (const security of ["tls", "starttls"] as const) {
      test(`a private authority is trusted for the account that names it alone, over ${security}`, async () => {
        const port = security === "tls" ? dovecot.tlsPort : dovecot.port;
        const imap = imapOf("ann", { host: "localhost", security, port });
        const trusting = await register(`own-ca-${security}`, { ...imap, tls: { ca: dovecot.ca } }, "?verify=true");
        assert.equal(trusting.status, 201, JSON.stringify(trusting.body));
        assert.equal((await ask(`/v1/accounts/own-ca-${security}/mailboxes`)).status, 200);
        const other = await makeCertificates(temporaryFolder("pst-ca-"));
        for (const tls of [undefined, { ca: other.ca }, { ca: dovecot.ca, servername: "mail.example.org" }]) {
          const { status, body } = await register("no-ca", { ...imap, ...(tls && { tls }) }, "?verify=true");
          assert.equal(status, 503);
          assert.match(body.detail ?? "", /certificate is (not signed by a known authority|for another name)/);
        }
        assert.doesNotMatch(await dovecot.log(), /wrong-password/);
      });
    }

    test("a server that refuses STARTTLS, or never offered it, is sent no password in clear", async () => {
      const refusing = { security: "starttls" as const, on: { STARTTLS: bad("What is that?") } };
      for (const script of [refusing, { security: "none" as const }]) {
        const server = await scripted(script);
        const imap = {
          host: "localhost",
          port: server.port,
          security: "starttls",
          user: "ann",
          password: "wrong-password",
        };
        const tls = server.ca === null ? {} : { tls: { ca: server.ca } };
        const { status, body } = await register("clear", { ...imap, ...tls }, "?verify=true");
        assert.equal(status, 503, JSON.stringify(body));
        assert.doesNotMatch(server.clearText(), /wrong-password|d3Jvbmct|LOGIN|AUTHENTICATE/i);
      }
    });

    for (const mechanism of ["XOAUTH2", "OAUTHBEARER"]) {
      test(`an access token logs in by ${mechanism} where that is announced`, async () => {
        const server = await scripted({
          capabilities: ["IMAP4rev1", "SASL-IR", `AUTH=${mechanism}`],
          password: "an-oauth-access-token",
        });
        const id = `oauth-${mechanism.toLowerCase()}`;
        const imap = { host: server.host, port: server.port, security: "none", user: "ann" };
        const right = await register(id, { ...imap, accessToken: "an-oauth-access-token" }, "?verify=true");
        assert.equal(right.status, 201, JSON.stringify(right.body));
        assert.equal((right.body.imap as { authentication: string }).authentication, "accessToken");
        const login = server.commands.find(({ name }) => name === "AUTHENTICATE");
        assert.equal(login?.args[0], mechanism);
        assert.match(Buffer.from(String(login?.args[1]), "base64").toString(), /auth=Bearer an-oauth-access-token\x01/);
        const wrong = await register("oauth-wrong", { ...imap, accessToken: "expired" }, "?verify=true");
        assert.deepEqual([wrong.status, wrong.body.code], [422, "login-refused"]);
      });
    }

    test("hosts that lead into the operator's network are refused in every spelling, and nobody there is called", async () => {
      const canary = createServer((socket) => socket.destroy()).listen(0, "127.0.0.2");
      await once(canary, "listening");
      let calls = 0;
      canary.on("connection", () => (calls += 1));
      const { port } = canary.address() as AddressInfo;
      const spellings = [
        "127.0.0.2",
        "127.0.0.2.",
        "127.2",
        "2130706434",
        "0x7f.2",
        "0177.0.0.2",
        "[::ffff:127.0.0.2]",
      ];
      const others = [
        "①②⑦.0.0.2",
        "::ffff:7f00:2",
        "64:ff9b::7f00:2",
        "::1",
        "0",
        "10.0.0.1",
        "fe80::1%lo",
        "169.254.169.254",
      ];
      await register("wanderer", imapOf("ann"));
      for (const host of [...spellings, ...others]) {
        for (const query of ["", "?verify=true"]) {
          const { status, body } = await register("inside", imapOf("ann", { host, port }), query);
          assert.deepEqual([status, body.code, body.errors?.[0]?.path], [422, "host-not-allowed", "imap.host"], host);
        }
        const moved = await patch("wanderer", { imap: { host, port, password: "wrong-password" } });
        assert.equal(moved.body.code, "host-not-allowed", host);
      }
      canary.close();
      await once(canary, "close");
      assert.equal(calls, 0);
    });

    test("of a deleted account nothing is left, and who takes its id starts anew", async () => {
      const other = await otherClient(dovecot, "dora");
      await deliver(other, { subject: "Dora's own" });
      await other.logout();
      await register("mortal", imapOf("dora"), "?verify=true");
      const first = await ask<{ items: { id: string; mailboxId: string }[] }>(
        "/v1/accounts/mortal/messages?mailbox=inbox",
      );
      const { id = "", mailboxId = "" } = first.body.items[0] ?? {};
      const bound = await ask<{ token: string }>("/v1/tokens", { body: { scopes: ["read"], accounts: ["mortal"] } });
      assert.equal((await ask("/v1/accounts/mortal", { method: "DELETE" })).status, 204);
      for (const _ of house.urls) {
        assert.equal((await ask("/v1/accounts/mortal")).status, 404);
        assert.equal((await ask("/v1/accounts/mortal/messages?mailbox=inbox")).status, 404);
        assert.equal((await ask("/v1/accounts/mortal", { method: "DELETE" })).status, 404);
      }
      await register("mortal", imapOf("emil"), "?verify=true");
      for (const path of [`messages/${id}`, `messages/${id}/raw`, `mailboxes/${mailboxId}`])
        assert.equal((await ask(`/v1/accounts/mortal/${path}`)).status, 404, path);
      const anew = await ask<{ items: unknown[] }>("/v1/accounts/mortal/messages?mailbox=inbox");
      assert.deepEqual(anew.body.items, []);
      const stranger = askWith(house.urls, bound.body.token);
      assert.equal((await stranger("/v1/accounts/mortal")).status, 401, "its tokens went with the account");
    });

    test("no mail secret is in any answer, log line or metric", async () => {
      const metrics = await Promise.all(
        house.services.map(({ url }) => fetch(`${url}/metrics`).then((got) => got.text())),
      );
      const log = house.services.flatMap((service) => service.log);
      assert.ok(answers.length > 100 && log.length > 20, "there was something to look through");
      for (const secret of SECRETS) {
        const spelt = [secret, Buffer.from(secret).toString("base64").replace(/=+$/, "")];
        for (const text of spelt)
          assert.ok(![...answers, ...log, ...metrics].some((where) => where.includes(text)), text);
      }
      assert.ok(!log.some((line) => line.includes(house.adminToken)));
    });
  });
}
