import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import * as z from "zod";
import { ConfigurationError, commaList, portNumber, readEnvironment } from "./env.ts";

const shape = { PORT: portNumber.default(8025), ADMIN_TOKEN: z.string().min(16).optional(), CORS_ORIGINS: commaList };

test("what is unset or empty takes its default", () => {
  assert.deepEqual(readEnvironment({ POSTERN_PORT: "" }, shape), { PORT: 8025, CORS_ORIGINS: [] });
});

test("a list is split at commas", () => {
  const { CORS_ORIGINS } = readEnvironment({ POSTERN_CORS_ORIGINS: "https://a.example, https://b.example," }, shape);
  assert.deepEqual(CORS_ORIGINS, ["https://a.example", "https://b.example"]);
});

test("a secret may be mounted as a file", () => {
  const path = join(mkdtempSync(join(tmpdir(), "postern-")), "token");
  writeFileSync(path, "a-token-of-some-length\n");
  assert.equal(readEnvironment({ POSTERN_ADMIN_TOKEN_FILE: path }, shape).ADMIN_TOKEN, "a-token-of-some-length");
});

test("every mistake is told by its variable's name, and no value is repeated", () => {
  const env = { POSTERN_PORT: "99999", POSTERN_ADMIN_TOKEN: "short" };
  assert.throws(
    () => readEnvironment(env, shape),
    (error) => {
      assert.ok(error instanceof ConfigurationError);
      assert.match(error.message, /POSTERN_PORT: .*\nPOSTERN_ADMIN_TOKEN: /);
      assert.doesNotMatch(error.message, /99999|short\b/);
      return true;
    },
  );
});

test("a value given both ways is an error, as is a file that is not there", () => {
  const both = { POSTERN_ADMIN_TOKEN: "x".repeat(16), POSTERN_ADMIN_TOKEN_FILE: "/nowhere" };
  assert.throws(() => readEnvironment(both, shape), /both set/);
  assert.throws(() => readEnvironment({ POSTERN_ADMIN_TOKEN_FILE: "/nowhere" }, shape), /cannot be read/);
});
