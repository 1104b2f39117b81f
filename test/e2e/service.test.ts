import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../servers/process.ts";

const service = new URL("service.ts", import.meta.url).href;
const main = fileURLToPath(new URL("../../services/standalone/src/main.ts", import.meta.url));

test("a service ends with the process that started it, even when that is killed", { timeout: 60_000 }, async () => {
  const env = { POSTERN_PORT: "0", POSTERN_DATA_DIR: temporaryFolder("postern-test-") };
  const owner = `
    const { startService } = await import(${JSON.stringify(service)});
    const { url } = await startService(${JSON.stringify(main)}, ${JSON.stringify(env)});
    console.log(url);`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", owner], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [url] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  assert.equal(await isAlive(url), true);
  child.kill("SIGKILL");
  await once(child, "exit");
  while (await isAlive(url)) await new Promise(setImmediate);
});

async function isAlive(url: string): Promise<boolean> {
  try {
    const { ok } = await fetch(`${url}/livez`, { headers: { connection: "close" } });
    return ok;
  } catch {
    return false;
  }
}
