import assert from "node:assert/strict";
import { test } from "node:test";
import { isFailure } from "@postern/protocol";
import { startDovecot } from "@postern/test/servers";
import { no } from "@postern/test/servers/scripted";
import { scripted } from "../imap/testing.ts";
import { connectSession } from "../imap/index.ts";
import { createSessions, type LiveSessions } from "../sessions/index.ts";
import { openCredentials } from "./credentials.ts";
import { type AccountsHouse, call, openAccounts, settings } from "./testing.ts";

const nowhere = { host: "127.0.0.1", port: 1 };
const refused = (code: string) => (error: unknown) => error instanceof Error && "code" in error && error.code === code;

test("an account that is registered without an id is given one, and its secret is sealed", async (t) => {
  const house = await openAccounts(t);
  const account = await house.create({ name: "Ada", imap: settings(nowhere) });
  assert.match(account.id, /^[a-z2-7]{16}$/);
  assert.equal(account.state, "connecting");
  assert.deepEqual(house.woken, [account.id]);
  const record = await house.record(account.id);
  assert.ok(!JSON.stringify(record).includes("secret"));
  assert.deepEqual(openCredentials(house.ring, record).imap, { password: "secret" });
  assert.ok(!JSON.stringify(account).includes("secret"));
});

test("an id that is taken is told before anybody logs in, and the account that has it stays as it is", async (t) => {
  const house = await openAccounts(t);
  const server = await scripted(t);
  await house.create({ id: "ada", name: "first", imap: settings(nowhere) });
  const before = await house.record("ada");
  await assert.rejects(house.create({ id: "ada", imap: settings(server) }), refused("account-exists"));
  await assert.rejects(house.create({ id: "ada", imap: settings(server) }, true), refused("account-exists"));
  assert.deepEqual(await house.record("ada"), before);
  assert.deepEqual(server.commands, []);
});

test("verifying logs in first; what the server refuses is not kept, and its words are told", async (t) => {
  const house = await openAccounts(t);
  const server = await scripted(t, { on: { LOGIN: no("[AUTHENTICATIONFAILED] Not with that key") } });
  await assert.rejects(house.create({ id: "ada", imap: settings(server) }, true), (error) => {
    assert.ok(isFailure(error, "login-refused"));
    assert.deepEqual(error.upstream, { status: "NO", code: "AUTHENTICATIONFAILED", text: "Not with that key" });
    assert.ok(!JSON.stringify(error).includes("secret"));
    return true;
  });
  assert.equal(await house.store.accounts.get("ada"), null);
  assert.deepEqual(await house.store.audit.list({ limit: 10 }), []);
});

test("an account that was verified is connected from the start, and need not be woken", async (t) => {
  const house = await openAccounts(t);
  const server = await scripted(t);
  const account = await house.create({ id: "ada", imap: settings(server) }, true);
  assert.equal(account.state, "connected");
  assert.deepEqual(house.woken, []);
  assert.ok(server.commands.some(({ name }) => name === "LOGOUT"));
});

test("mail hosts that lead inside are refused for IMAP and for SMTP, and the answer says which", async (t) => {
  const house = await openAccounts(t, []);
  house.names["mail.example.org"] = ["93.184.215.14"];
  house.names["intra.example.org"] = ["10.0.0.1"];
  const good = settings({ host: "mail.example.org", port: 993 });
  const smtp = { host: "intra.example.org", port: 587, security: "tls" } as const;
  await assert.rejects(house.create({ id: "ada", imap: { ...good, host: "127.1" } }), (error) => {
    assert.ok(isFailure(error, "host-not-allowed"));
    assert.equal(error.errors?.[0]?.path, "imap.host");
    return true;
  });
  await assert.rejects(house.create({ id: "ada", imap: good, smtp }), (error) => {
    assert.ok(isFailure(error, "host-not-allowed"));
    assert.equal(error.errors?.[0]?.path, "smtp.host");
    return true;
  });
  assert.equal(await house.store.accounts.get("ada"), null);
  await house.create({ id: "ada", imap: good });
  const moved = house.update("ada", { imap: { host: "intra.example.org", password: "other" } });
  await assert.rejects(moved, refused("host-not-allowed"));
  await assert.rejects(house.update("ada", { smtp }), refused("host-not-allowed"));
  assert.equal((await house.record("ada")).imap.host, "mail.example.org");
  assert.equal((await house.record("ada")).smtp, null);
});

test("a name that nobody knows just now may be registered", async (t) => {
  const house = await openAccounts(t, []);
  const account = await house.create({ imap: settings({ host: "mail.example.org", port: 993 }) });
  assert.equal(account.state, "connecting");
});

test("a name that leads outside when it is registered and inside later is not followed inside", async (t) => {
  const house = await openAccounts(t, []);
  house.names["mail.example.org"] = ["93.184.215.14"];
  await house.create({ id: "ada", imap: settings({ host: "mail.example.org", port: 993 }) });
  const { options } = await house.accounts.reach("ada");
  const { address, host } = await options();
  assert.deepEqual({ address, host }, { address: "93.184.215.14", host: "mail.example.org" });
  house.names["mail.example.org"] = ["127.0.0.1"];
  await assert.rejects(options(), refused("host-not-allowed"));
  house.names["mail.example.org"] = ["93.184.215.14", "169.254.169.254"];
  await assert.rejects(options(), refused("host-not-allowed"));
});

test("what is dialled is the address that was vetted, and the certificate is checked for the name", async (t) => {
  const server = await scripted(t, { security: "tls" });
  const house = await openAccounts(t);
  const imap = { ...settings(server), host: "mail.example.org", security: "tls" as const };
  const tls = { ca: server.ca ?? "" };
  house.names["mail.example.org"] = [server.host];
  await assert.rejects(house.create({ id: "ada", imap: { ...imap, tls } }, true), (error) => {
    assert.ok(isFailure(error, "upstream-unreachable"));
    assert.match(error.detail ?? "", /certificate is for another name/);
    return true;
  });
  await house.create({ id: "ada", imap: { ...imap, tls: { ...tls, servername: "localhost" } } }, true);
});

test("a patch changes what it names and keeps the rest", async (t) => {
  const house = await openAccounts(t);
  await house.create({ id: "ada", name: "Ada", imap: { ...settings(nowhere), tls: { servername: "mail" } } });
  const before = await house.record("ada");
  const shown = await house.update("ada", { name: "Countess" });
  assert.equal(shown.name, "Countess");
  const after = await house.record("ada");
  assert.deepEqual(after.imap, before.imap);
  assert.deepEqual(openCredentials(house.ring, after), openCredentials(house.ring, before));
  assert.equal(after.generation, before.generation, "sessions and what was learnt by them live on");
  assert.equal(after.key, before.key, "ids of messages live on");
  assert.deepEqual(house.changed, [], "nobody was told to close its sessions");
  assert.equal((await house.update("ada", { name: null })).name, null);
});

test("a new secret makes a refused account try again", async (t) => {
  const house = await openAccounts(t);
  await house.create({ id: "ada", imap: settings(nowhere) });
  const before = await house.record("ada");
  await house.store.accounts.setState("ada", before.generation, "authenticationFailed", "Wrong password", 1);
  assert.equal((await house.accounts.reach("ada")).refusal, "Wrong password");
  await house.update("ada", { name: "still refused" });
  assert.equal((await house.accounts.reach("ada")).refusal, "Wrong password");
  const shown = await house.update("ada", { imap: { password: "better" } });
  assert.deepEqual([shown.state, shown.stateDetail], ["connecting", null]);
  const after = await house.record("ada");
  assert.ok(after.generation > before.generation);
  assert.deepEqual(openCredentials(house.ring, after).imap, { password: "better" });
  assert.equal((await house.accounts.reach("ada")).refusal, null);
  assert.deepEqual(house.changed, ["ada"]);
  await house.store.accounts.setState("ada", before.generation, "authenticationFailed", "late news", 2);
  assert.equal((await house.record("ada")).state, "connecting", "the old secret's fate says nothing about the new one");
});

test("an access token takes the place of a password, and the other way round", async (t) => {
  const house = await openAccounts(t);
  await house.create({ id: "ada", imap: settings(nowhere) });
  const shown = await house.update("ada", { imap: { accessToken: "ya29" } });
  assert.equal(shown.imap.authentication, "accessToken");
  assert.deepEqual(openCredentials(house.ring, await house.record("ada")).imap, { accessToken: "ya29" });
  assert.equal((await house.update("ada", { imap: { password: "again" } })).imap.authentication, "password");
  assert.deepEqual(openCredentials(house.ring, await house.record("ada")).imap, { password: "again" });
});

for (const [what, imap] of Object.entries({
  host: { host: "127.0.0.2" },
  port: { port: 2 },
  security: { security: "tls" },
  user: { user: "eve" },
  authority: { tls: { ca: "PEM" } },
} as const)) {
  test(`a new ${what} demands the secret anew, so that a kept one is not sent where its owner never meant`, async (t) => {
    const house = await openAccounts(t, ["127.0.0.0/8"]);
    await house.create({ id: "ada", imap: settings(nowhere) });
    const before = await house.record("ada");
    await assert.rejects(house.update("ada", { imap }), (error) => {
      assert.ok(isFailure(error, "invalid-request"));
      assert.equal(error.errors?.[0]?.path, "imap.password");
      return true;
    });
    assert.deepEqual(await house.record("ada"), before);
    await house.update("ada", { imap: { ...imap, password: "anew" } });
    assert.ok((await house.record("ada")).generation > before.generation);
  });
}

test("a patch with two secrets is refused", async (t) => {
  const house = await openAccounts(t);
  await house.create({ id: "ada", imap: settings(nowhere) });
  const both = house.update("ada", { imap: { password: "one", accessToken: "two" } });
  await assert.rejects(both, refused("invalid-request"));
});

test("a patch that is verified and refused changes nothing", async (t) => {
  const house = await openAccounts(t);
  const server = await scripted(t);
  await house.create({ id: "ada", imap: settings(server) }, true);
  const before = await house.record("ada");
  await assert.rejects(house.update("ada", { imap: { password: "wrong" } }, true), refused("login-refused"));
  assert.deepEqual(await house.record("ada"), before);
  assert.deepEqual(house.changed, []);
});

test("a disabled account connects to nothing until it is enabled", async (t) => {
  const house = await openAccounts(t);
  const server = await scripted(t);
  await house.create({ id: "ada", imap: settings(server) });
  assert.equal((await house.update("ada", { disabled: true })).state, "disabled");
  await assert.rejects(house.accounts.reach("ada"), refused("account-disabled"));
  assert.equal((await house.update("ada", { imap: { password: "other" } })).state, "disabled");
  assert.deepEqual(house.woken, ["ada"], "only when it was registered");
  assert.deepEqual(server.commands, []);
  const verified = await house.update("ada", { imap: { password: "secret" } }, true);
  assert.equal(verified.state, "disabled", "a login that was asked for leaves it so");
  assert.equal((await house.update("ada", { disabled: false })).state, "connecting");
  assert.deepEqual(house.woken, ["ada", "ada"]);
});

test("SMTP settings are kept, shown without their secret, and taken away by null", async (t) => {
  const house = await openAccounts(t);
  const smtp = { host: "127.0.0.1", port: 587, security: "tls", user: "ada", password: "smtp-secret" } as const;
  const shown = await house.create({ id: "ada", imap: settings(nowhere), smtp });
  assert.deepEqual(shown.smtp, { host: "127.0.0.1", port: 587, security: "tls", user: "ada" });
  await house.update("ada", { imap: { password: "other" } });
  assert.deepEqual(openCredentials(house.ring, await house.record("ada")).smtp, { password: "smtp-secret" });
  assert.equal((await house.update("ada", { smtp: null })).smtp, null);
  assert.equal(openCredentials(house.ring, await house.record("ada")).smtp, null);
});

test("two changes at once are both there in the end", async (t) => {
  const house = await openAccounts(t);
  await house.create({ id: "ada", imap: settings(nowhere) });
  const other = house.another();
  await Promise.all([house.update("ada", { name: "Ada" }), other.update("ada", { imap: { password: "new" } })]);
  const record = await house.record("ada");
  assert.equal(record.name, "Ada");
  assert.deepEqual(openCredentials(house.ring, record).imap, { password: "new" });
});

test("deleting erases all that was kept of the account, and takes it out of the tokens", async (t) => {
  const house = await openAccounts(t);
  const { store } = house;
  await house.create({ id: "ada", imap: settings(nowhere) });
  await house.create({ id: "bob", imap: settings(nowhere) });
  const { key } = await house.record("ada");
  const mailbox = {
    path: "INBOX",
    uidValidity: 1,
    formerUidValidities: [],
    mailboxId: null,
    uidNext: 1,
    goneAt: null,
    sightings: [],
  };
  await store.mailboxes.apply("ada", 0, { add: [mailbox], update: [] });
  await store.cache.setMany("ada", [["k", new Uint8Array([1])]], 60);
  const token = { hash: "00".repeat(32), name: null, scopes: ["read" as const], createdAt: 1, expiresAt: null };
  await store.tokens.create({ ...token, id: "tok_ada", accounts: ["ada"] });
  await store.tokens.create({ ...token, id: "tok_both", accounts: ["ada", "bob"] });
  await house.accounts.deleteAccount({ account: "ada" }, call);
  assert.equal(await store.accounts.get("ada"), null);
  assert.equal(await store.accounts.idOfKey(key), null);
  assert.deepEqual((await store.mailboxes.list("ada")).records, []);
  assert.deepEqual(await store.cache.getMany("ada", ["k"]), [null]);
  assert.equal(await store.tokens.get("tok_ada"), null);
  assert.deepEqual((await store.tokens.get("tok_both"))?.accounts, ["bob"]);
  assert.deepEqual(house.changed, ["ada"]);
  await assert.rejects(house.accounts.getAccount({ account: "ada" }, call), refused("not-found"));
  await assert.rejects(house.accounts.deleteAccount({ account: "ada" }, call), refused("not-found"));
  await assert.rejects(house.update("ada", { name: "x" }), refused("not-found"));
});

test("an account made under a deleted one's id never sees the other's mail, whoever still has its sessions", async (t) => {
  const dovecot = await startDovecot();
  t.after(dovecot.stop);
  const house = await openAccounts(t);
  const elsewhere = house.another();
  const sessions = sessionsOf(elsewhere);
  t.after(() => sessions.drain());
  await dovecot.doveadm("mailbox", "create", "-u", "ada", "Ada's own");
  const paths = async (): Promise<string[]> => {
    const borrow = {
      account: "shared",
      lane: "interactive",
      call: { ...call, deadline: Date.now() + 60_000 },
    } as const;
    const listed = await sessions.use(borrow, (session) => session.list({ counters: false }));
    return listed.map(({ path }) => path);
  };
  await house.create({ id: "shared", imap: { ...settings(dovecot), ...dovecot.user("ada") } });
  assert.ok((await paths()).includes("Ada's own"));
  await house.accounts.deleteAccount({ account: "shared" }, call);
  await house.create({ id: "shared", imap: { ...settings(dovecot), ...dovecot.user("bob") } });
  elsewhere.accounts.forget("shared");
  assert.ok(!(await paths()).includes("Ada's own"));
});

test("who registered, changed and deleted an account is written down, with the names of what changed alone", async (t) => {
  const house = await openAccounts(t);
  await house.create({ id: "ada", imap: settings(nowhere) });
  await house.update("ada", {
    name: "Countess",
    disabled: true,
    smtp: null,
    imap: { password: "very-new", user: "eve" },
  });
  await house.accounts.deleteAccount({ account: "ada" }, call);
  const entries = await house.store.audit.list({ limit: 10 });
  const common = { at: 0, actor: "tok_tester", requestId: "request-1", subject: "ada" };
  assert.deepEqual(
    entries.toReversed().map((entry) => ({ ...entry, at: 0 })),
    [
      { ...common, action: "account.created", detail: null },
      { ...common, action: "account.changed", detail: "name, disabled, imap.password, imap.user, smtp" },
      { ...common, action: "account.deleted", detail: null },
    ],
  );
  assert.doesNotMatch(JSON.stringify(entries), /very-new|Countess|eve/);
});

test("credentials that no key at hand opens are an operator's problem, and are told without any of them", async (t) => {
  const house = await openAccounts(t);
  await house.create({ id: "ada", imap: settings(nowhere) });
  const other = await openAccounts(t);
  const record = await house.record("ada");
  await other.store.accounts.create(record);
  const { options } = await other.accounts.reach("ada");
  await assert.rejects(options(), refused("unavailable"));
  await other.store.accounts.create({ ...record, id: "eve", key: record.key - 1 });
  await house.store.accounts.create({ ...record, id: "eve", key: record.key - 1 });
  const moved = await house.accounts.reach("eve");
  await assert.rejects(moved.options(), refused("unavailable"), "sealed for one account, they do not open for another");
});

test("accounts are listed in the order of their ids, page by page, and only those asked for", async (t) => {
  const house = await openAccounts(t);
  for (const id of ["c", "a", "d", "b"]) await house.create({ id, imap: settings(nowhere) });
  const first = await house.accounts.listAccounts({ limit: 3 }, call);
  assert.deepEqual([first.items.map(({ id }) => id), first.next], [["a", "b", "c"], "c"]);
  const second = await house.accounts.listAccounts({ limit: 3, after: "c" }, call);
  assert.deepEqual([second.items.map(({ id }) => id), second.next], [["d"], null]);
  const some = await house.accounts.listAccounts({ limit: 10, ids: ["d", "a", "absent"] }, call);
  assert.deepEqual([some.items.map(({ id }) => id), some.next], [["a", "d"], null]);
  assert.doesNotMatch(JSON.stringify([first, second, some]), /secret|sealed/);
});

function sessionsOf({ accounts, store }: AccountsHouse): LiveSessions {
  return createSessions({
    connect: connectSession,
    reach: accounts.reach,
    onState: (id, generation, state, detail) => void store.accounts.setState(id, generation, state, detail, Date.now()),
    onCommand: () => undefined,
  });
}
