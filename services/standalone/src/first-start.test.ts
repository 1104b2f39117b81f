import assert from "node:assert/strict";
import { mkdtempSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { KeyRing } from "@postern/store";
import { adminToken, secretKeys } from "./first-start.ts";

function newFolder(): string {
  return join(mkdtempSync(join(tmpdir(), "postern-")), "data");
}

test("secrets are made on the first start, for the owner's eyes only, and are the same ever after", () => {
  const folder = newFolder();
  const first = adminToken(undefined, folder);
  assert.equal(first.isNew, true);
  assert.match(first.value, /^pst_admin_[\w-]{43}$/);
  assert.deepEqual(adminToken(undefined, folder), { value: first.value, isNew: false });
  assert.equal(statSync(join(folder, "admin-token")).mode & 0o777, 0o600);
  assert.ok(KeyRing.parse(secretKeys(undefined, folder).value));
});

test("what the operator gives is neither changed nor written down", () => {
  const folder = newFolder();
  assert.deepEqual(adminToken("given", folder), { value: "given", isNew: false });
  assert.equal(adminToken(undefined, folder).isNew, true);
});
