import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { startRedis } from "@postern/test/servers";
import { account } from "./contract/samples.ts";
import { openStore } from "./open.ts";
import { KeyRing, accountSealContext } from "./seal.ts";

const command = join(import.meta.dirname, "reseal.main.ts");
const [oldKey, newKey] = [KeyRing.generate(), KeyRing.generate()];

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "postern-reseal-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

function run(env: Record<string, string>): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [command], { env }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, output: stdout + stderr }),
    );
  });
}

test("the command seals anew in the data folder, with keys from a file", async (t) => {
  const dataDir = join(newFolder(t), "data");
  const store = await openStore({ dataDir });
  t.after(() => store.close());
  await store.accounts.create(account("a", { sealed: KeyRing.parse(oldKey).seal("secret", accountSealContext("a")) }));
  const file = join(newFolder(t), "keys");
  writeFileSync(file, `${newKey},${oldKey}\n`);
  const { code, output } = await run({ POSTERN_DATA_DIR: dataDir, POSTERN_SECRET_KEYS_FILE: file });
  assert.deepEqual([code, output], [0, "1 accounts, 1 sealed anew, 0 that no key opens\n"]);
  const sealed = (await store.accounts.get("a"))?.sealed ?? "";
  assert.equal(KeyRing.parse(newKey).open(sealed, accountSealContext("a")), "secret");
});

test("the command seals anew in Redis, and fails where a secret stays as it was", async (t) => {
  const redis = await startRedis();
  t.after(redis.stop);
  const store = await openStore({ redisUrl: redis.url });
  t.after(() => store.close());
  await store.accounts.create(account("a", { sealed: KeyRing.parse(oldKey).seal("secret", accountSealContext("a")) }));
  const { code, output } = await run({ POSTERN_REDIS_URL: redis.url, POSTERN_SECRET_KEYS: newKey });
  assert.equal(code, 1);
  assert.match(output, /1 accounts, 0 sealed anew, 1 that no key opens\n.*account a\n/);
});

test("the command says in one line what is wrong, without the keys", async () => {
  const missing = await run({});
  assert.deepEqual([missing.code, missing.output], [1, "POSTERN_SECRET_KEYS is not set\n"]);
  const broken = await run({ POSTERN_SECRET_KEYS: "canary:canary" });
  assert.deepEqual([broken.code, broken.output], [1, "key 1 of the ring is not 32 bytes of base64\n"]);
});
