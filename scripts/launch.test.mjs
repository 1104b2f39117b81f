import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { root } from "./setup.mjs";

for (const signal of ["SIGTERM", "SIGINT"]) {
  test(`${signal} to npm start alone drains the service, and nothing is left running`, {
    timeout: 60_000,
  }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "postern-"));
    const env = { ...process.env, POSTERN_PORT: "0", POSTERN_DATA_DIR: folder };
    const npm = spawn("npm", ["start"], { cwd: root, env, detached: true, stdio: ["ignore", "pipe", "inherit"] });
    t.after(() => {
      killGroup(npm.pid);
      rmSync(folder, { recursive: true, force: true });
    });
    const lines = [];
    const listening = Promise.withResolvers();
    const output = createInterface({ input: npm.stdout }).on("line", (line) => {
      lines.push(line);
      if (line.includes('"msg":"listening"')) listening.resolve();
    });
    // The output closes when the last process that writes to it has ended, whoever started that.
    const ended = once(output, "close");
    await Promise.race([listening.promise, ended]);
    npm.kill(signal);
    await ended;
    assert.match(lines.at(-1), /"msg":"draining"/);
  });
}

function killGroup(leader) {
  try {
    process.kill(-leader, "SIGKILL");
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}
