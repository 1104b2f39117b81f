import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { inspect } from "node:util";
import { ConfigurationError } from "@postern/service";
import { openCredentials } from "./credentials.ts";
import { syncDeclared } from "./declared.ts";
import { type AccountsHouse, call, openAccounts, settings } from "./testing.ts";

const imap = { host: "mail.example.org", port: 993, security: "tls", user: "ada", password: "top-secret" };

interface DeclaredHouse extends AccountsHouse {
  /** Writes a file beside the accounts file. */
  put(name: string, content: string): void;
  /** Writes the accounts file, as JSON unless it is a text, and takes it over. */
  declare(content: unknown): Promise<string[]>;
  actions(): Promise<string[]>;
}

async function declaring(t: TestContext): Promise<DeclaredHouse> {
  const folder = mkdtempSync(join(tmpdir(), "pst-declared-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const house = await openAccounts(t);
  const put = (name: string, content: string): void => writeFileSync(join(folder, name), content);
  return {
    ...house,
    put,
    declare: (content) => {
      put("accounts.json", typeof content === "string" ? content : JSON.stringify(content));
      return syncDeclared(join(folder, "accounts.json"), house.store, house.ring);
    },
    actions: async () => {
      const entries = await house.store.audit.list({ limit: 100 });
      return entries.toReversed().map(({ actor, action, subject }) => `${actor} ${action} ${subject}`);
    },
  };
}

test("accounts of the file are registered, with their secrets sealed, and shown as declared", async (t) => {
  const house = await declaring(t);
  const files = [
    { id: "ada", name: "Ada", imap },
    { id: "bob", imap: { ...imap, tls: { servername: "mail" } } },
  ];
  assert.deepEqual(await house.declare({ accounts: files }), ["ada", "bob"]);
  const account = await house.accounts.getAccount({ account: "ada" }, call);
  assert.equal(account.declared, true);
  assert.equal(account.name, "Ada");
  const record = await house.record("ada");
  assert.doesNotMatch(JSON.stringify(record), /top-secret/);
  assert.deepEqual(openCredentials(house.ring, record).imap, { password: "top-secret" });
  assert.deepEqual(await house.actions(), ["file account.created ada", "file account.created bob"]);
});

test("a bare list will do, and a file that says the same again changes nothing", async (t) => {
  const house = await declaring(t);
  const files = [{ id: "ada", name: "Ada", imap: { ...imap, tls: { servername: "mail", ca: "PEM" } } }];
  await house.declare(files);
  const before = await house.record("ada");
  assert.deepEqual(await house.declare(files), []);
  assert.deepEqual(await house.record("ada"), before);
});

test("secrets may lie in files of their own, beside the accounts file", async (t) => {
  const house = await declaring(t);
  const rest = { ...imap, password: undefined };
  house.put("ada.password", "from-a-file\n");
  house.put("bob.token", "ya29.token\n");
  const files = [
    { id: "ada", imap: { ...rest, passwordFile: "ada.password" } },
    { id: "bob", imap: { ...rest, accessTokenFile: "bob.token" } },
  ];
  await house.declare(files);
  assert.deepEqual(openCredentials(house.ring, await house.record("ada")).imap, { password: "from-a-file" });
  assert.deepEqual(openCredentials(house.ring, await house.record("bob")).imap, { accessToken: "ya29.token" });
  house.put("bob.token", "ya29.newer");
  assert.deepEqual(await house.declare(files), ["bob"]);
  assert.deepEqual(openCredentials(house.ring, await house.record("bob")).imap, { accessToken: "ya29.newer" });
});

test("what has changed is changed under the same ids, and a refused login is tried again", async (t) => {
  const house = await declaring(t);
  await house.declare([{ id: "ada", imap }]);
  const before = await house.record("ada");
  await house.store.accounts.setState("ada", before.generation, "authenticationFailed", "No", 1);
  assert.deepEqual(await house.declare([{ id: "ada", imap: { ...imap, password: "new" } }]), ["ada"]);
  const after = await house.record("ada");
  assert.ok(after.generation > before.generation);
  assert.equal(after.key, before.key);
  assert.equal(after.createdAt, before.createdAt);
  assert.equal(after.state, "connecting");
  assert.deepEqual(await house.actions(), ["file account.created ada", "file account.changed ada"]);
});

test("a secret that no key opens any more is taken from the file anew", async (t) => {
  const house = await declaring(t);
  await house.declare([{ id: "ada", imap }]);
  await house.store.accounts.update({ ...(await house.record("ada")), sealed: "v1.lost.AAAA" });
  assert.deepEqual(await house.declare([{ id: "ada", imap }]), ["ada"]);
  assert.deepEqual(openCredentials(house.ring, await house.record("ada")).imap, { password: "top-secret" });
});

test("a new name leaves the account's sessions and state as they are", async (t) => {
  const house = await declaring(t);
  await house.declare([{ id: "ada", imap }]);
  const { generation } = await house.record("ada");
  await house.store.accounts.setState("ada", generation, "connected", null, 1);
  await house.declare([{ id: "ada", name: "Countess", imap }]);
  const after = await house.record("ada");
  assert.deepEqual([after.name, after.generation, after.state], ["Countess", generation, "connected"]);
});

test("what is no longer in the file is erased with the tokens bound to it; accounts made otherwise stay", async (t) => {
  const house = await declaring(t);
  await house.create({ id: "own", imap: settings({ host: "127.0.0.1", port: 1 }) });
  await house.declare([
    { id: "ada", imap },
    { id: "bob", imap },
  ]);
  const token = { hash: "00".repeat(32), name: null, scopes: ["read" as const], createdAt: 1, expiresAt: null };
  await house.store.tokens.create({ ...token, id: "tok_bob", accounts: ["bob"] });
  assert.deepEqual(await house.declare([{ id: "ada", imap }]), ["bob"]);
  const left = await house.store.accounts.list({ limit: 10 });
  assert.deepEqual(
    left.map(({ id }) => id),
    ["ada", "own"],
  );
  assert.equal(await house.store.tokens.get("tok_bob"), null);
  assert.ok((await house.actions()).includes("file account.deleted bob"));
});

test("many accounts are gone through to the last", async (t) => {
  const house = await declaring(t);
  const files = Array.from({ length: 401 }, (_, index) => ({ id: `account-${String(index).padStart(3, "0")}`, imap }));
  assert.equal((await house.declare(files)).length, 401);
  assert.deepEqual(await house.declare(files.slice(0, 400)), ["account-400"]);
  assert.deepEqual(
    await house.declare([]),
    files.slice(0, 400).map(({ id }) => id),
  );
});

test("a declared account is changed and deleted in its file alone", async (t) => {
  const house = await declaring(t);
  await house.declare([{ id: "ada", imap }]);
  const isDeclared = { code: "account-declared" };
  await assert.rejects(house.update("ada", { name: "x" }), isDeclared);
  await assert.rejects(house.accounts.deleteAccount({ account: "ada" }, call), isDeclared);
  await assert.rejects(house.create({ id: "ada", imap: settings({ host: "127.0.0.1", port: 1 }) }), {
    code: "account-exists",
  });
});

test("an id that was taken through the API stops the file before anything of it is done", async (t) => {
  const house = await declaring(t);
  await house.create({ id: "bob", imap: settings({ host: "127.0.0.1", port: 1 }) });
  await assert.rejects(
    house.declare([
      { id: "ada", imap },
      { id: "bob", imap },
    ]),
    {
      name: "ConfigurationError",
      message: "account bob is in the accounts file and was made through the API too",
    },
  );
  assert.equal(await house.store.accounts.get("ada"), null);
  assert.equal((await house.record("bob")).source, "api");
});

test("several workers that take the same file over at once register every account once", async (t) => {
  const house = await declaring(t);
  const files = ["a", "b", "c", "d"].map((id) => ({ id, imap }));
  const touched = await Promise.all([house.declare(files), house.declare(files), house.declare(files)]);
  assert.deepEqual(touched.flat().sort(), ["a", "b", "c", "d"]);
  assert.deepEqual(
    (await house.actions()).sort(),
    ["a", "b", "c", "d"].map((id) => `file account.created ${id}`),
  );
  await Promise.all([house.declare([]), house.declare([])]);
  const deleted = (await house.actions()).filter((action) => action.includes("deleted"));
  assert.equal(deleted.length, 4);
});

const bad: [what: string, content: unknown, message: RegExp][] = [
  ["is no JSON", '[{"id": "ada", "imap": {"password": top-secret}}]', /is no JSON/],
  ["is cut off", '[{"id": "ada", "imap": {"password": "top-secret"', /is no JSON.*line 1/s],
  ["is no list", '"top-secret"', /is not as it should be/],
  ["has something else in it", { accounts: [], password: "top-secret" }, /password/],
  ["has an account without an id", [{ imap }], /\[0\]\.id/],
  ["has an account with an id that none can have", { accounts: [{ id: "Ada!", imap }] }, /accounts\[0\]\.id/],
  ["has an account without settings", [{ id: "ada" }], /\[0\]\.imap/],
  ["has a misspelt setting", [{ id: "ada", imap: { ...imap, prot: 1 } }], /account ada .*prot/s],
  ["has a port that is none", [{ id: "ada", imap: { ...imap, port: 70_000 } }], /account ada .*port/s],
  ["has two secrets for one account", [{ id: "ada", imap: { ...imap, accessToken: "top-secret" } }], /exactly one/],
  ["has a secret and a file for it", [{ id: "ada", imap: { ...imap, passwordFile: "x" } }], /ada .*passwordFile/s],
  ["has no secret", [{ id: "ada", imap: { ...imap, password: undefined } }], /exactly one of password/],
  [
    "names a secret's file that is not there",
    [{ id: "ada", imap: { ...imap, password: undefined, passwordFile: "x" } }],
    /secret of account ada/,
  ],
  [
    "has an id twice",
    [
      { id: "ada", imap },
      { id: "ada", imap },
    ],
    /an id twice/,
  ],
];
for (const [what, content, message] of bad) {
  test(`a file that ${what} is told as such, without what it holds, and changes nothing`, async (t) => {
    const house = await declaring(t);
    await house.declare([{ id: "kept", imap }]);
    await assert.rejects(house.declare(content), (error) => {
      assert.ok(error instanceof ConfigurationError);
      assert.match(error.message, message);
      assert.doesNotMatch(inspect(error), /top-secret/, "the cause goes into the log as well");
      return true;
    });
    assert.ok(await house.record("kept"));
    assert.equal((await house.store.accounts.list({ limit: 10 })).length, 1);
  });
}
