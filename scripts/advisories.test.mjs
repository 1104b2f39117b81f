import assert from "node:assert/strict";
import { test } from "node:test";
import { unsafe } from "./advisories.mjs";

const lockfile = `
packages:

  fastify@5.12.0:
    resolution: {}
  '@fastify/busboy@3.2.1':
    resolution: {}
  left-pad@1.0.0:

snapshots:
`;

test("a version older than the first safe one is found, a safe one is not", () => {
  const firstSafe = { fastify: "5.12.1", "@fastify/busboy": "3.2.1" };
  assert.deepEqual(unsafe(lockfile, firstSafe), ["fastify@5.12.0"]);
});
