import assert from "node:assert/strict";
import { test } from "node:test";
import { isFailure, scope } from "@postern/protocol";
import { KeyRing, openSqliteStore } from "@postern/store";
import fc from "fast-check";
import { createTickets, opens, targetOf, type Ticket } from "./tickets.ts";
import { createAccess } from "./tokens.ts";

const START = Date.now();
const ring = KeyRing.parse(KeyRing.generate());
const unauthenticated = (error: unknown): boolean => isFailure(error, "unauthenticated");
const sample: Ticket = {
  actor: "tok_1",
  scopes: ["read"],
  accounts: ["ada"],
  expiresAt: Math.floor(START / 1_000) + 60,
  path: "/v1/accounts/ada/messages",
};

test("what was written is read, by every process that has the key, and reads the same each time", () => {
  const text = createTickets(ring, () => START).write(sample);
  assert.deepEqual(createTickets(ring, () => START).read(text), sample);
  assert.equal(createTickets(ring, () => START).write(sample), text);
  assert.match(text, /^tkt_[A-Za-z0-9_.-]+$/);
});

test("a ticket of a key that was put behind another is still good, one of a key that is gone is not", () => {
  const old = KeyRing.generate();
  const text = createTickets(KeyRing.parse(old), () => START).write(sample);
  const turned = KeyRing.parse(`${KeyRing.generate()},${old}`);
  assert.deepEqual(createTickets(turned, () => START).read(text), sample);
  assert.throws(() => createTickets(ring, () => START).read(text), unauthenticated);
});

test("a ticket that was changed anywhere, cut or made up is none", () => {
  const tickets = createTickets(ring, () => START);
  const text = tickets.write(sample);
  for (let at = 0; at < text.length; at += 1)
    for (const octet of ["A", "B", "."]) {
      const changed = text.slice(0, at) + octet + text.slice(at + 1);
      if (changed !== text) assert.throws(() => tickets.read(changed), unauthenticated, changed);
    }
  fc.assert(
    fc.property(fc.string(), (noise) => {
      assert.throws(() => tickets.read(noise), unauthenticated);
      assert.throws(() => tickets.read(`tkt_${noise}`), unauthenticated);
    }),
  );
});

test("a ticket ends by itself", () => {
  const clock = { now: START };
  const tickets = createTickets(ring, () => clock.now);
  const text = tickets.write(sample);
  clock.now = sample.expiresAt * 1_000 - 1;
  tickets.read(text);
  clock.now += 1;
  assert.throws(() => tickets.read(text), unauthenticated);
});

test("a path opens itself with any query, or with the one that it names", () => {
  assert.equal(targetOf("/a?ticket=x"), "/a");
  assert.equal(targetOf("/a?b=1&ticket=x&c=2"), "/a?b=1&c=2");
  assert.ok(opens(null, "/anything"));
  assert.ok(opens("/a", "/a") && opens("/a", "/a?b=1"));
  assert.ok(!opens("/a", "/a/b") && !opens("/a", "/b") && !opens("/a", "/"));
  assert.ok(opens("/a?b=1", "/a?b=1"));
  assert.ok(!opens("/a?b=1", "/a") && !opens("/a?b=1", "/a?b=2") && !opens("/a?b=1", "/a?b=1&c=2"));
});

test("a ticket opens what it is for, by GET and HEAD, as long as its token lasts, and makes nobody greater", async (t) => {
  const store = await openSqliteStore(":memory:");
  t.after(() => store.close());
  const clock = { now: START };
  const access = createAccess({
    tokens: store.tokens,
    tickets: createTickets(ring, () => clock.now),
    audit: store.audit,
    adminToken: "an-admin-token-of-some-length",
    now: () => clock.now,
  });
  const made = await access.createToken({ scopes: ["read", "write"], accounts: ["ada", "bob"] }, "admin", "r");
  const maker = await access.authenticate(`Bearer ${made.token}`);
  const { text } = access.issueTicket(maker, { scopes: ["read"], accounts: ["ada"], path: "/v1/x", expiresIn: 60 });
  const show = (method: string, url: string, authorization?: string) =>
    access.admit({ authorization, ticket: text, method, url });
  const identity = await show("GET", `/v1/x?ticket=${text}`);
  assert.deepEqual(
    [identity.actor, [...identity.scopes], [...(identity.accounts ?? [])]],
    [made.id, ["read"], ["ada"]],
  );
  await show("HEAD", `/v1/x?limit=1&ticket=${text}`);
  for (const [method, url] of [
    ["POST", "/v1/x"],
    ["DELETE", "/v1/x"],
    ["QUERY", "/v1/x"],
    ["GET", "/v1/y"],
  ] as const)
    await assert.rejects(show(method, url), unauthenticated, `${method} ${url}`);
  await assert.rejects(
    show("GET", "/v1/x", "Bearer wrong"),
    unauthenticated,
    "a header counts, not the ticket beside it",
  );

  const refused = (
    code: "scope-missing" | "invalid-request",
    request: Parameters<typeof access.issueTicket>[1],
  ): void =>
    assert.throws(
      () => access.issueTicket(maker, request),
      (error) => isFailure(error, code),
    );
  refused("scope-missing", { scopes: ["read", "send"], expiresIn: 60 });
  refused("invalid-request", { scopes: ["read"], accounts: ["eve"], expiresIn: 60 });
  const all = access.issueTicket(maker, { scopes: ["read"], expiresIn: 60 });
  assert.deepEqual(all.accounts, ["ada", "bob"]);

  await access.deleteToken(made.id, "admin", "r");
  await assert.rejects(show("GET", "/v1/x"), unauthenticated, "the token is gone");
});

test("the admin's ticket is for every account, and has no scope that it was not given", async (t) => {
  const store = await openSqliteStore(":memory:");
  t.after(() => store.close());
  const adminToken = "an-admin-token-of-some-length";
  const access = createAccess({ tokens: store.tokens, tickets: createTickets(ring), audit: store.audit, adminToken });
  const admin = await access.authenticate(`Bearer ${adminToken}`);
  for (const name of scope.options) {
    const { text } = access.issueTicket(admin, { scopes: [name], expiresIn: 60 });
    const identity = await access.admit({ authorization: undefined, ticket: text, method: "GET", url: "/" });
    assert.deepEqual([[...identity.scopes], identity.accounts], [[name], null]);
  }
});
