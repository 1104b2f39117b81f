import assert from "node:assert/strict";
import { test } from "node:test";
import { climbs, cycles } from "./fences.mjs";

const forbidden = [
  ["services/worker/src/mail/list.ts", "imapflow"],
  ["services/worker/src/mail/list.ts", "node:crypto"],
  ["services/worker/src/mail/list.ts", "fastify"],
  ["services/worker/src/sessions/open.ts", "imapflow"],
  ["services/worker/src/pool/pool.ts", "@postern/protocol"],
  ["services/worker/src/pool/pool.ts", "../sessions/index.ts"],
  ["services/worker/src/mirror/state.ts", "redis"],
  ["packages/store/src/sqlite/cache.ts", "redis"],
  ["packages/protocol/src/ids.ts", "fastify"],
  ["services/gateway/src/rest/messages.ts", "graphql"],
  ["services/gateway/src/rest/messages.ts", "imapflow"],
  ["services/gateway/src/access/tokens.ts", "fastify"],
  ["services/gateway/src/rest/messages.ts", "@postern/worker"],
  ["services/gateway/src/rest/messages.ts", "../../../worker/src/index.ts"],
  ["services/gateway/src/rest/messages.ts", "@postern/store/src/seal.ts"],
];

for (const [file, name] of forbidden) {
  test(`${file} may not import ${name}`, () => {
    assert.equal(climbs(file, `import { x } from "${name}";\n`).length > 0, true);
    assert.equal(climbs(file, `const x = await import("${name}");\n`).length > 0, true);
    assert.equal(climbs(file, `export * from "${name}";\n`).length > 0, true);
  });
}

test("what a room needs is not forbidden to it", () => {
  assert.deepEqual(climbs("services/worker/src/imap/connect.ts", 'import { ImapFlow } from "imapflow";\n'), []);
  assert.deepEqual(climbs("packages/store/src/redis/client.ts", 'import { createClient } from "redis";\n'), []);
  assert.deepEqual(climbs("services/gateway/src/graphql/index.ts", 'import mercurius from "mercurius";\n'), []);
  assert.deepEqual(climbs("services/worker/src/mail/list.ts", 'import { Failure } from "@postern/protocol";\n'), []);
});

test("an import cycle is found, unless types alone go round", () => {
  const valueCycle = new Map([
    ["a.ts", 'import { b } from "./b.ts";\n'],
    ["b.ts", 'import { a } from "./a.ts";\n'],
  ]);
  assert.deepEqual(cycles(valueCycle), ["a.ts → b.ts → a.ts"]);
  valueCycle.set("b.ts", 'import type { A } from "./a.ts";\n');
  assert.deepEqual(cycles(valueCycle), []);
});
