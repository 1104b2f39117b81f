/** What one process of Postern holds in memory for idle accounts. By hand: `node test/bench/memory.ts`; about a minute. */
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { request } from "undici";
import { startHouse } from "../e2e/house.ts";
import { startScriptedImap } from "../servers/scripted.ts";

/** With those of the warm-up as many as one process opens at one host. */
const ACCOUNTS = 480;
const WARM_UP = 20;

const server = await startScriptedImap({ security: "tls" });
const preload = new URL("collect.ts", import.meta.url).href;
const house = await startHouse("together", {
  NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ""} --import ${preload}`,
});
const [base = ""] = house.urls;
const pid = house.services[0]?.process.pid ?? 0;
const headers = { authorization: `Bearer ${house.adminToken}`, "content-type": "application/json" };
const tls = { ca: server.ca ?? "", servername: "localhost" };
const imap = { host: server.host, port: server.port, security: "tls", tls, user: "ada", password: "secret" };

async function register(id: string): Promise<void> {
  const body = JSON.stringify({ id, imap });
  const answer = await request(`${base}/v1/accounts`, { method: "POST", headers, body });
  const text = await answer.body.text();
  if (answer.statusCode !== 201) throw new Error(text);
}

/** Kilobytes: what is resident, and what of it JavaScript holds; when garbage is gone. */
async function memory(): Promise<{ resident: number; heap: number }> {
  for (let turn = 0; turn < 4; turn += 1) {
    process.kill(pid, "SIGUSR2");
    await delay(500);
  }
  const resident = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  const text = await (await request(`${base}/metrics`)).body.text();
  const gauge = (name: string): number => Number(new RegExp(`^${name} (\\S+)`, "m").exec(text)?.[1] ?? 0) / 1024;
  return { resident, heap: gauge("nodejs_heap_size_used_bytes") + gauge("nodejs_external_memory_bytes") };
}

async function connected(count: number): Promise<void> {
  while (server.connections() !== count) await delay(50);
}

const each = (kilobytes: number): string => (kilobytes / ACCOUNTS).toFixed(1);
const whole = (kilobytes: number): string => (kilobytes / 1024).toFixed(0);

for (let index = 0; index < WARM_UP; index += 1) await register(`warm-${index}`);
await connected(WARM_UP);
const before = await memory();
for (let index = 0; index < ACCOUNTS; index += 1) await register(`idle-${index}`);
await connected(WARM_UP + ACCOUNTS);
const open = await memory();
server.cut();
await connected(0);
const closed = await memory();

console.table({
  [`${WARM_UP} accounts, all in MB`]: { resident: whole(before.resident), heap: whole(before.heap) },
  [`${ACCOUNTS} more, each with a TLS connection, all in MB`]: {
    resident: whole(open.resident),
    heap: whole(open.heap),
  },
  "an account with its TLS connection, in KB": {
    resident: each(open.resident - before.resident),
    heap: each(open.heap - before.heap),
  },
  "an account without its connection, in KB": {
    resident: `at most ${each(closed.resident - before.resident)}`,
    heap: each(closed.heap - before.heap),
  },
});
await house.stop();
await server.stop();
