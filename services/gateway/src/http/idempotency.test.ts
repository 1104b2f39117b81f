import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Failure } from "@postern/protocol";
import { openSqliteStore } from "@postern/store";
import fastify, { type FastifyInstance } from "fastify";
import { handleErrors } from "./errors.ts";
import { takeIdempotencyKeys } from "./idempotency.ts";

type Work = (body: unknown) => unknown;

/** Two gateways over one store, with one route that makes something. */
async function gateways(t: TestContext, work: Work) {
  const store = await openSqliteStore(":memory:");
  const make = (): FastifyInstance => {
    const app = fastify();
    handleErrors(app);
    app.decorateRequest("identity", null);
    app.decorateRequest("call", null);
    app.decorateRequest("claim", null);
    app.addHook("onRequest", async (request) => {
      const actor = request.headers.authorization ?? "admin";
      request.identity = { actor, scopes: new Set(), accounts: null };
    });
    takeIdempotencyKeys(app, store.idempotency);
    app.post("/things", { schema: { operationId: "makeThing" } }, async (request, reply) =>
      reply
        .code(201)
        .header("location", "/things/1")
        .send(await work(request.body)),
    );
    t.after(() => app.close());
    return app;
  };
  t.after(() => store.close());
  const [one, other] = [make(), make()];
  const ask = (app: FastifyInstance, key: string, payload: object, headers: Record<string, string> = {}) =>
    app.inject({ method: "POST", url: "/things", payload, headers: { "idempotency-key": key, ...headers } });
  return { store, one, other, ask };
}

test("the same key and body get the same answer through another gateway, and are carried out once", async (t) => {
  let made = 0;
  const { one, other, ask } = await gateways(t, () => ({ number: ++made }));
  const first = await ask(one, "k1", { a: 1 });
  const again = await ask(other, "k1", { a: 1 });
  assert.deepEqual([first.statusCode, first.json()], [201, { number: 1 }]);
  assert.deepEqual([again.statusCode, again.body, again.headers.location], [201, first.body, "/things/1"]);
  assert.equal(again.headers["content-type"], first.headers["content-type"]);
  assert.equal((await ask(other, "k1", { a: 1 }, { authorization: "tok_1" })).json<{ number: number }>().number, 2);
  assert.equal((await ask(other, "k2", { a: 1 })).json<{ number: number }>().number, 3);
});

test("another body under the same key is refused, and so is what is no key", async (t) => {
  let made = 0;
  const { one, other, ask } = await gateways(t, () => ({ number: ++made }));
  await ask(one, "k1", { a: 1 });
  const reused = await ask(other, "k1", { a: 2 });
  assert.deepEqual([reused.statusCode, reused.json<{ code: string }>().code], [422, "idempotency-key-reused"]);
  assert.equal((await ask(one, "two words", {})).statusCode, 400);
  assert.equal(made, 1);
});

test("while the first is under way the same key is refused, and later answered", async (t) => {
  const held = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const { one, other, ask } = await gateways(t, async () => {
    begun.resolve();
    await held.promise;
    return { ok: true };
  });
  const first = ask(one, "k1", {}).then((answer) => answer);
  await begun.promise;
  const second = await ask(other, "k1", {});
  assert.deepEqual([second.statusCode, second.json<{ code: string }>().code], [409, "idempotency-key-in-use"]);
  assert.ok(Number(second.headers["retry-after"]) >= 1);
  held.resolve();
  const { body } = await first;
  assert.equal((await ask(other, "k1", {})).body, body);
});

test("what was not done is not remembered; what may have been done is, and so is what was", async (t) => {
  const answers: (Failure | object)[] = [
    new Failure("not-found"),
    new Failure("upstream-unreachable", { outcome: "none" }),
    new Failure("upstream-unreachable", { outcome: "unknown" }),
    { ok: true },
  ];
  const { one, other, ask } = await gateways(t, () => {
    const answer = answers.shift();
    if (answer instanceof Failure) throw answer;
    return answer;
  });
  assert.equal((await ask(one, "k1", {})).statusCode, 404);
  assert.equal((await ask(other, "k1", {})).json<{ outcome: string }>().outcome, "none");
  const unknown = await ask(one, "k1", {});
  assert.equal(unknown.json<{ outcome: string }>().outcome, "unknown");
  assert.equal((await ask(other, "k1", {})).body, unknown.body);
  assert.equal((await ask(other, "k2", {})).statusCode, 201);
});

test("when whoever carried it out is gone without an answer, that is told, and it is not done again", async (t) => {
  let made = 0;
  const { store, one, ask } = await gateways(t, () => ({ number: ++made }));
  const record = { version: 1, fingerprint: null, leaseUntil: Date.now() - 1, answer: null };
  await store.idempotency.begin("admin", "k1", record, 60_000);
  const answer = await ask(one, "k1", {});
  const { code, outcome } = answer.json<{ code: string; outcome: string }>();
  assert.deepEqual([answer.statusCode, code, outcome, made], [409, "outcome-unknown", "unknown", 0]);
});
