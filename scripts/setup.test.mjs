import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "./setup.mjs";

test("setting up by hand brings the tools, and fails where they cannot be had", (t) => {
  const clone = realpathSync(mkdtempSync(join(tmpdir(), "postern-")));
  t.after(() => rmSync(clone, { recursive: true, force: true }));
  for (const file of ["scripts/setup.mjs", "pnpm-lock.yaml"]) cpSync(join(root, file), join(clone, file));
  mkdirSync(join(clone, "bin"));
  writeFileSync(join(clone, "bin", "npm"), "#!/bin/sh\nexit 7\n", { mode: 0o755 });
  const env = { ...process.env, PATH: join(clone, "bin") };
  const { status, stderr } = spawnSync(process.execPath, ["scripts/setup.mjs"], { cwd: clone, env, encoding: "utf8" });
  assert.equal(status, 7);
  assert.match(stderr, /installing Node and pnpm failed/);
});
