import assert from "node:assert/strict";
import { test } from "node:test";
import { createLogger } from "./log.ts";

function logged(write: (log: ReturnType<typeof createLogger>) => void): string {
  let lines = "";
  write(createLogger({ level: "trace", service: "test" }, { write: (line) => (lines += line) }));
  return lines;
}

test("secrets do not reach a log line, however deep they lie", () => {
  const secret = "canary-71c2";
  const lines = logged((log) => {
    log.info({ password: secret, imap: { accessToken: secret }, request: { headers: { authorization: secret } } }, "x");
    log.info({ list: [{ password: secret }], a: { b: { c: { d: { e: { f: { token: secret } } } } } } }, "x");
  });
  assert.doesNotMatch(lines, new RegExp(secret));
  assert.match(lines, /\[redacted\]/);
});

test("an error is logged with its causes, without what else hangs on it", () => {
  const error = Object.assign(new Error("outer", { cause: new Error("inner") }), { response: "canary-93d1" });
  const lines = logged((log) => log.error({ err: error }, "failed"));
  assert.match(lines, /outer/);
  assert.match(lines, /inner/);
  assert.doesNotMatch(lines, /canary-93d1/);
});
