import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { readWorkerConfig } from "./config.ts";

const base = {
  POSTERN_REDIS_URL: "redis://localhost",
  POSTERN_SECRET_KEYS: `k1:${randomBytes(32).toString("base64")}`,
};

test("exemptions of mail hosts are read in every form they may have", () => {
  const list = "localhost, mail.internal:143,10.0.0.0/8,fd00::/8,[::1]:143";
  const { allowedMailHosts } = readWorkerConfig({ ...base, POSTERN_ALLOWED_MAIL_HOSTS: list });
  assert.deepEqual(allowedMailHosts, ["localhost", "mail.internal:143", "10.0.0.0/8", "fd00::/8", "[::1]:143"]);
});

test("an exemption that cannot be understood keeps the worker from starting, instead of exempting too much", () => {
  for (const list of ["10.0.0.0/", "localhost,10.0.0.0/40", "https://mail.internal"]) {
    const read = (): unknown => readWorkerConfig({ ...base, POSTERN_ALLOWED_MAIL_HOSTS: list });
    assert.throws(read, { name: "ConfigurationError", message: /^POSTERN_ALLOWED_MAIL_HOSTS: / });
  }
});
