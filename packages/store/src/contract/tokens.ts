import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pair } from "./index.ts";
import { token, until } from "./samples.ts";

export function tokensContract(pair: () => Pair): void {
  test("a token is there as it was put, until it is removed", async () => {
    const { one, other } = pair();
    const bound = token("tok_a", { name: "backup", accounts: ["a", "b"], expiresAt: Date.now() + 3_600_000 });
    const free = token("tok_b", { accounts: null, scopes: ["admin"] });
    await one.tokens.create(bound);
    await one.tokens.create(free);
    assert.deepEqual(await other.tokens.get("tok_a"), bound);
    assert.deepEqual(await other.tokens.get("tok_b"), free);
    assert.equal(await other.tokens.get("tok_c"), null);
    assert.equal(await other.tokens.remove("tok_a"), true);
    assert.equal(await one.tokens.remove("tok_a"), false);
    assert.equal(await one.tokens.get("tok_a"), null);
    assert.deepEqual(await one.tokens.list({ limit: 10 }), [free]);
  });

  test("a token's id is never given to a second one", async () => {
    const { one, other } = pair();
    await one.tokens.create(token("tok_once"));
    await assert.rejects(other.tokens.create(token("tok_once", { hash: "cd".repeat(32) })));
    assert.deepEqual(await one.tokens.get("tok_once"), token("tok_once"));
  });

  test("an expired token is not there, however it is asked for", async () => {
    const { one, other } = pair();
    await one.tokens.create(token("tok_past", { expiresAt: Date.now() - 1 }));
    assert.equal(await other.tokens.get("tok_past"), null);
    assert.ok(!(await other.tokens.list({ limit: 100 })).some(({ id }) => id === "tok_past"));
    assert.equal(await other.tokens.remove("tok_past"), false);
  });

  test("a token expires by itself", async () => {
    const { one, other } = pair();
    await one.tokens.create(token("tok_soon", { expiresAt: Date.now() + 50 }));
    await until(async () => (await other.tokens.get("tok_soon")) === null);
    assert.ok(!(await other.tokens.list({ limit: 100 })).some(({ id }) => id === "tok_soon"));
  });

  test("tokens are listed by id, page after page, past those that have expired", async () => {
    const { one, other } = pair();
    const ids = Array.from({ length: 12 }, (_, index) => `tok_page_${String(index).padStart(2, "0")}`);
    for (const id of ids.toReversed()) await one.tokens.create(token(id));
    await one.tokens.create(token("tok_page_05_gone", { expiresAt: Date.now() - 1 }));
    const first = await other.tokens.list({ after: "tok_page_", limit: 7 });
    const second = await other.tokens.list({ after: first.at(-1)?.id, limit: 5 });
    assert.deepEqual(
      [...first, ...second].map(({ id }) => id),
      ids,
    );
  });

  test("an account is taken out of the tokens bound to it, and those bound to it alone are removed", async () => {
    const { one, other } = pair();
    const bindings: Record<string, string[] | null> = {
      tok_forget_alone: ["gone"],
      tok_forget_both: ["gone", "stays"],
      tok_forget_other: ["stays"],
      tok_forget_none: [],
      tok_forget_all: null,
    };
    for (const [id, accounts] of Object.entries(bindings)) await one.tokens.create(token(id, { accounts }));
    await other.tokens.forgetAccount("gone");
    const left = await one.tokens.list({ after: "tok_forget_", limit: 4 });
    assert.deepEqual(
      left.map(({ id, accounts }) => [id, accounts]),
      [
        ["tok_forget_all", null],
        ["tok_forget_both", ["stays"]],
        ["tok_forget_none", []],
        ["tok_forget_other", ["stays"]],
      ],
    );
    assert.equal(await one.tokens.get("tok_forget_alone"), null);
  });

  test("two accounts that are forgotten at once leave no token bound to either", async () => {
    const { one, other } = pair();
    const ids = Array.from({ length: 30 }, (_, index) => `tok_twice_${String(index).padStart(2, "0")}`);
    for (const id of ids) await one.tokens.create(token(id, { accounts: ["first", "second", "third"] }));
    await Promise.all([one.tokens.forgetAccount("first"), other.tokens.forgetAccount("second")]);
    for (const id of ids) assert.deepEqual((await one.tokens.get(id))?.accounts, ["third"]);
  });
}
