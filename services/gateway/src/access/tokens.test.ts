import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Failure, isFailure, scope } from "@postern/protocol";
import { KeyRing, openSqliteStore, type Store, type TokenStore } from "@postern/store";
import fc from "fast-check";
import { createTickets } from "./tickets.ts";
import { createAccess, type Access, type TokenRequest } from "./tokens.ts";

const ADMIN = "an-admin-token-of-some-length";
const START = Date.now();
const ring = KeyRing.parse(KeyRing.generate());

interface AccessHouse {
  store: Store;
  access: Access;
  clock: { now: number };
  make(request: TokenRequest): ReturnType<Access["createToken"]>;
  /** Another gateway over the same store. */
  another(tokens?: TokenStore): Access;
}

async function openAccess(t: TestContext): Promise<AccessHouse> {
  const store = await openSqliteStore(":memory:");
  t.after(() => store.close());
  const clock = { now: START };
  const another = (tokens = store.tokens): Access =>
    createAccess({
      tokens,
      tickets: createTickets(ring, () => clock.now),
      audit: store.audit,
      adminToken: ADMIN,
      now: () => clock.now,
    });
  const access = another();
  return { store, access, clock, another, make: (request) => access.createToken(request, "admin", "request-1") };
}

const unauthenticated = (error: unknown): boolean => isFailure(error, "unauthenticated");

test("the admin token does everything, everywhere", async (t) => {
  const { access } = await openAccess(t);
  const identity = await access.authenticate(`Bearer ${ADMIN}`);
  assert.deepEqual(identity, { actor: "admin", scopes: new Set(scope.options), accounts: null });
});

test("a token authenticates as itself, with its scopes and accounts and no more", async (t) => {
  const { access, make } = await openAccess(t);
  const made = await make({ scopes: ["read", "manage", "read"], accounts: ["ada", "bob", "ada"], name: "frontend" });
  assert.match(made.token, /^pst_[A-Za-z0-9]{16}_[A-Za-z0-9_-]{43}$/);
  assert.deepEqual(made.scopes, ["read", "manage"]);
  const identity = await access.authenticate(`Bearer ${made.token}`);
  assert.deepEqual(identity, {
    actor: made.id,
    scopes: new Set(["read", "manage"]),
    accounts: new Set(["ada", "bob"]),
  });
  const free = await make({ scopes: ["read"] });
  assert.equal((await access.authenticate(`bearer  ${free.token}`)).accounts, null);
});

test("no two tokens are alike", async (t) => {
  const { make } = await openAccess(t);
  const made = await Promise.all(Array.from({ length: 50 }, () => make({ scopes: ["read"] })));
  assert.equal(new Set(made.map(({ id }) => id)).size, 50);
  assert.equal(new Set(made.map(({ token }) => token.slice(-43))).size, 50);
});

test("what is kept of a token is no token", async (t) => {
  const { store, access, make } = await openAccess(t);
  const { id, token } = await make({ scopes: ["read"], name: "frontend" });
  const secret = token.slice(-43);
  const record = await store.tokens.get(id);
  const kept = JSON.stringify([record, await store.audit.list({ limit: 10 }), await access.listTokens({ limit: 10 })]);
  assert.ok(!kept.includes(secret));
  assert.match(record?.hash ?? "", /^[0-9a-f]{64}$/);
  for (const text of [record?.hash ?? "", id, `pst_${id.slice(4)}_${record?.hash}`])
    await assert.rejects(access.authenticate(`Bearer ${text}`), unauthenticated);
});

test("a token that is short of a character, or has another, is refused like one that never was", async (t) => {
  const { access, make } = await openAccess(t);
  const { token } = await make({ scopes: ["read"] });
  const failures = new Set<string>();
  const refuse = async (presented: string): Promise<void> => {
    await assert.rejects(access.authenticate(`Bearer ${presented}`), (error) => {
      assert.ok(isFailure(error, "unauthenticated"), presented);
      failures.add(JSON.stringify(error));
      return true;
    });
  };
  const others = [`pst_${"a".repeat(16)}_${"a".repeat(43)}`, token.slice(0, -1), `${token}A`, token.toUpperCase()];
  for (const other of [...others, ADMIN.slice(1), `${ADMIN}x`, "pst_", "_"]) await refuse(other);
  for (let place = 0; place < token.length; place += 1) {
    const changed = token[place] === "x" ? "y" : "x";
    await refuse(token.slice(0, place) + changed + token.slice(place + 1));
  }
  assert.equal(failures.size, 1, "nothing tells one from the other");
});

test("whatever else stands in the header lets nobody in", async (t) => {
  const { access, make } = await openAccess(t);
  const { token } = await make({ scopes: ["read"] });
  const wrong = [undefined, "", "Bearer", "Bearer ", token, `Basic ${token}`, `Bearer ${token} x`, `Bearer x ${token}`];
  for (const header of [...wrong, `Bearer\t${token}`, `Bearer ${token}\n`, ` Bearer ${token}`, `Bearer "${token}"`])
    await assert.rejects(access.authenticate(header), unauthenticated, header);
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "binary", maxLength: 2_000 }), async (text) => {
      await assert.rejects(access.authenticate(`Bearer ${text}`), unauthenticated);
    }),
  );
});

test("a token is valid until the moment it expires, and not from then on", async (t) => {
  const { access, clock, make, another } = await openAccess(t);
  const { token, expiresAt } = await make({ scopes: ["read"], expiresIn: 60 });
  assert.equal(expiresAt, new Date(START + 60_000).toISOString());
  clock.now = START + 59_999;
  await access.authenticate(`Bearer ${token}`);
  clock.now = START + 60_000;
  await assert.rejects(access.authenticate(`Bearer ${token}`), unauthenticated);
  await assert.rejects(another().authenticate(`Bearer ${token}`), unauthenticated);
});

test("a deleted token is refused at once where it was deleted, and two seconds later everywhere", async (t) => {
  const { access, another, clock, make } = await openAccess(t);
  const other = another();
  const { id, token } = await make({ scopes: ["read"] });
  await access.authenticate(`Bearer ${token}`);
  await other.authenticate(`Bearer ${token}`);
  await access.deleteToken(id, "admin", "request-2");
  await assert.rejects(access.authenticate(`Bearer ${token}`), unauthenticated);
  clock.now += 2_000;
  await assert.rejects(other.authenticate(`Bearer ${token}`), unauthenticated);
});

test("while the store is away, a token that was known is believed for half a minute, and no other", async (t) => {
  const { store, another, clock, make } = await openAccess(t);
  let isAway = false;
  const failing: TokenStore = {
    ...store.tokens,
    get: async (id) => {
      if (isAway) throw new Failure("unavailable");
      return store.tokens.get(id);
    },
  };
  const access = another(failing);
  const { token, id } = await make({ scopes: ["read"], expiresIn: 60 });
  const unknown = await make({ scopes: ["read"] });
  await access.authenticate(`Bearer ${token}`);
  isAway = true;
  for (const after of [2_000, 15_000, 29_999]) {
    clock.now = START + after;
    assert.equal((await access.authenticate(`Bearer ${token}`)).actor, id);
    assert.ok(await access.isValid(id));
    await assert.rejects(access.authenticate(`Bearer ${unknown.token}`), (error) => isFailure(error, "unavailable"));
  }
  await assert.rejects(access.authenticate(`Bearer ${token.slice(0, -1)}_`), unauthenticated);
  clock.now = START + 32_000;
  await assert.rejects(access.authenticate(`Bearer ${token}`), (error) => isFailure(error, "unavailable"));
  isAway = false;
  await access.authenticate(`Bearer ${token}`);
  await store.tokens.remove(id);
  clock.now += 2_000;
  await assert.rejects(access.authenticate(`Bearer ${token}`), unauthenticated);
});

test("a look-up that was under way while a token was deleted does not bring it back", async (t) => {
  const { store, another, make } = await openAccess(t);
  const held = Promise.withResolvers<void>();
  const isRead = Promise.withResolvers<void>();
  const slow: TokenStore = {
    ...store.tokens,
    get: async (id) => {
      const record = await store.tokens.get(id);
      isRead.resolve();
      await held.promise;
      return record;
    },
  };
  const access = another(slow);
  const { id, token } = await make({ scopes: ["read"] });
  const early = access.authenticate(`Bearer ${token}`);
  await isRead.promise;
  await access.deleteToken(id, "admin", "request-2");
  held.resolve();
  await early.catch(() => undefined);
  await assert.rejects(access.authenticate(`Bearer ${token}`), unauthenticated);
});

test("while the store cannot be reached nobody is let in by mistake, and the admin still is", async (t) => {
  const { store, another } = await openAccess(t);
  const broken = another({ ...store.tokens, get: () => Promise.reject(new Error("no connection")) });
  const unknown = `Bearer pst_${"a".repeat(16)}_${"a".repeat(43)}`;
  await assert.rejects(broken.authenticate(unknown), /no connection/);
  assert.equal((await broken.authenticate(`Bearer ${ADMIN}`)).actor, "admin");
});

test("a token that is not there cannot be deleted, and that is not written down as if", async (t) => {
  const { store, access } = await openAccess(t);
  await assert.rejects(access.deleteToken("tok_absent", "admin", "request-1"), (error) =>
    isFailure(error, "not-found"),
  );
  assert.deepEqual(await store.audit.list({ limit: 10 }), []);
});

test("who made and deleted a token is written down, without its secret", async (t) => {
  const { store, access, make } = await openAccess(t);
  const { id } = await make({ scopes: ["read", "send"], name: "frontend" });
  await access.deleteToken(id, "tok_other", "request-2");
  const entries = await store.audit.list({ limit: 10 });
  assert.deepEqual(entries.toReversed(), [
    {
      at: START,
      actor: "admin",
      action: "token.created",
      subject: id,
      requestId: "request-1",
      detail: "read, send",
    },
    { at: START, actor: "tok_other", action: "token.deleted", subject: id, requestId: "request-2", detail: null },
  ]);
});

test("however many tokens are seen, each goes on being itself", async (t) => {
  const { access, make } = await openAccess(t);
  const made = await Promise.all(
    Array.from({ length: 30 }, (_, index) => make({ scopes: ["read"], accounts: [`a${index}`] })),
  );
  for (const round of [1, 2])
    for (const { id, token, accounts } of made) {
      const identity = await access.authenticate(`Bearer ${token}`);
      assert.deepEqual([identity.actor, [...(identity.accounts ?? [])]], [id, accounts], `round ${round}`);
    }
});
