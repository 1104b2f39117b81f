import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure, type Scope, scope } from "@postern/protocol";
import { canSee, type Identity, requireAccount, requireScope } from "./index.ts";

function bearer(scopes: Scope[], accounts: string[] | null = null): Identity {
  return { actor: "tok_test", scopes: new Set(scopes), accounts: accounts && new Set(accounts) };
}

function codeOf(work: () => void): string | null {
  try {
    work();
    return null;
  } catch (error) {
    return error instanceof Failure ? error.code : "not a failure";
  }
}

test("no scope implies another", () => {
  for (const has of scope.options)
    for (const wanted of scope.options) {
      const refused = has === wanted ? null : "scope-missing";
      assert.equal(
        codeOf(() => requireScope(bearer([has]), wanted)),
        refused,
        `${has} for ${wanted}`,
      );
    }
});

test("one of the scopes that will do is enough, and none is not", () => {
  assert.equal(
    codeOf(() => requireScope(bearer(["manage"]), "read", "manage")),
    null,
  );
  assert.equal(
    codeOf(() => requireScope(bearer([]), "read")),
    "scope-missing",
  );
});

test("a token bound to accounts sees these alone; one bound to none at all sees nothing", () => {
  assert.ok(canSee(bearer(["read"]), "ada"));
  assert.ok(canSee(bearer(["read"], ["ada"]), "ada"));
  assert.ok(!canSee(bearer(["read"], ["ada"]), "bob"));
  assert.ok(!canSee(bearer(["admin"], []), "ada"));
  assert.ok(!canSee(bearer(["admin"]), "Ada!"), "no account has such an id");
});

test("what may not be seen is not found, whatever scopes there are; only what is seen may be forbidden", () => {
  for (const scopes of [[], ["read"], ["admin"]] satisfies Scope[][])
    assert.equal(
      codeOf(() => requireAccount(bearer(scopes, ["ada"]), "bob", "read")),
      "not-found",
    );
  assert.equal(
    codeOf(() => requireAccount(bearer(["write"], ["ada"]), "ada", "read")),
    "scope-missing",
  );
  assert.equal(
    codeOf(() => requireAccount(bearer(["read"], ["ada"]), "ada", "read")),
    null,
  );
});
