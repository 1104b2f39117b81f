import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { after, before, describe, it, type TestContext } from "node:test";
import { isFailure, type Mail } from "@postern/protocol";
import { connectMail } from "@postern/wire";
import { startWorker } from "../e2e/house.ts";
import type { Service } from "../e2e/service.ts";
import { type RedisServer, startRedis } from "../servers/index.ts";
import { type ScriptedServer, startScriptedImap } from "../servers/scripted.ts";
import { items, list, newCall } from "./asking.ts";
import { breaks } from "./breaks.ts";
import { withoutTls } from "./clear-text.ts";
import { type Hostility, late, mailboxes } from "./hostility.ts";
import { lies } from "./lies.ts";
import { lists } from "./lists.ts";

const SECRET = "the secret of this cluster";
const PASSWORD = "a password that nobody else has";
/** How long is waited for a server that says nothing that is of use, and for one that says too much. */
const SILENCE_MS = 2_000;
const FLOOD_MS = 30_000;
/** What a machine that is busy needs to say that the time is over. */
const GRACE_MS = 25_000;
/** With its code a worker takes a fifth of this. */
const MOST_MEMORY = 900 << 20;

let redis: RedisServer;
let worker: Service;
let mail: Mail;
const endings: (() => Promise<unknown>)[] = [];
let accounts = 0;

before(async () => {
  redis = await startRedis();
  endings.unshift(redis.stop);
  worker = await startWorker({ POSTERN_REDIS_URL: redis.url, POSTERN_CLUSTER_SECRET: SECRET });
  endings.unshift(worker.stop);
  const link = connectMail({ url: worker.url, secret: SECRET });
  endings.unshift(link.close);
  mail = link.mail;
  const calm = await startScriptedImap({ mailboxes });
  endings.push(calm.stop);
  await register("calm", calm);
});

after(async () => {
  for (const end of endings) await end();
});

async function register(
  id: string,
  server: ScriptedServer,
  security: "none" | "starttls" | "tls" = "none",
): Promise<void> {
  const { host, port } = server;
  const password = security === "none" ? "secret" : PASSWORD;
  const tls = server.ca === null ? {} : { tls: { ca: server.ca } };
  const imap = { host, port, security, user: "ada", password, ...tls };
  await mail.createAccount({ account: { id, imap }, verify: false }, newCall(60_000));
}

/** The most that the worker ever had. */
const peakMemory = (): number =>
  Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${worker.process.pid}/status`, "utf8"))?.[1]) << 10;

/** Another account of the same worker is asked all the time until then. Told is how long its answers took. */
async function answersMeanwhile<T>(t: TestContext, work: Promise<T>): Promise<T> {
  let isOver = false;
  const times: number[] = [];
  const over = work.finally(() => {
    isOver = true;
  });
  const ask = async (): Promise<void> => {
    do {
      const began = performance.now();
      assert.equal((await items(mail, "calm", 60_000)).length, 3);
      times.push(performance.now() - began);
    } while (!isOver);
  };
  const [result] = await Promise.all([over, ask()]);
  const median = times.toSorted((a, b) => a - b)[times.length >> 1] ?? 0;
  const slowest = Math.max(...times);
  t.diagnostic(
    `beside it ${times.length} answers, half of them in ${median.toFixed(1)} ms, all in ${slowest.toFixed(0)} ms`,
  );
  return result;
}

type Ending = { answer: string[] } | { code: string };

async function endingOf({ ask }: Hostility, account: string, deadlineMs: number): Promise<Ending> {
  try {
    return { answer: await ask(mail, account, deadlineMs) };
  } catch (error) {
    if (!isFailure(error)) throw error;
    return { code: error.code };
  }
}

async function suffer(t: TestContext, hostility: Hostility): Promise<void> {
  const server = await startScriptedImap(hostility.script);
  try {
    const account = `hostile-${(accounts += 1)}`;
    await register(account, server);
    const deadlineMs = hostility.fails === late ? SILENCE_MS : FLOOD_MS;
    const tooLate = AbortSignal.timeout(deadlineMs + GRACE_MS);
    const ending = await answersMeanwhile(t, endingOf(hostility, account, deadlineMs));
    assert.ok(!tooLate.aborted, "nobody waits beyond the deadline");
    if ("code" in ending) assert.ok(hostility.fails?.includes(ending.code), `it ended in ${ending.code}`);
    else assert.ok(hostility.answers?.(ending.answer), `it answered ${ending.answer.join(", ").slice(0, 300)}`);
    const memory = peakMemory();
    assert.ok(memory < MOST_MEMORY, `the worker took ${memory >> 20} MB`);
    await mail.deleteAccount({ account }, newCall(60_000));
  } finally {
    await server.stop();
  }
}

const suffers = { timeout: 120_000 };

describe("a mail server that answers with", () => {
  for (const hostility of [...breaks, ...lies]) it(hostility.what, suffers, (t) => suffer(t, hostility));
});

describe("a mail server that lists", () => {
  for (const hostility of lists) it(hostility.what, suffers, (t) => suffer(t, hostility));
});

describe("where TLS was asked for, no password is sent to a mail server that", () => {
  for (const { what, script } of withoutTls)
    it(what, suffers, async () => {
      const server = await startScriptedImap({ mailboxes, ...script, password: PASSWORD });
      try {
        const account = `clear-${(accounts += 1)}`;
        await register(account, server, "starttls");
        await assert.rejects(list(mail, account, SILENCE_MS), (error) => {
          assert.ok(isFailure(error) && error.code.startsWith("upstream-"), String(error));
          return true;
        });
        assert.ok(!server.clearText().includes(PASSWORD));
        assert.ok(!server.clearText().includes(Buffer.from(PASSWORD).toString("base64").slice(2, 20)));
        assert.ok(!server.commands.some(({ name }) => /LOGIN|AUTHENTICATE/.test(name)));
        await mail.deleteAccount({ account }, newCall(60_000));
      } finally {
        await server.stop();
      }
    });

  it("speaks in clear where TLS is spoken from the start", suffers, async () => {
    let heard = "";
    const server = createServer((socket) => {
      socket.on("error", () => undefined).on("data", (chunk: Buffer) => (heard += chunk.toString("latin1")));
      socket.write("* OK [CAPABILITY IMAP4rev1] Ready\r\n");
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      const { port } = server.address() as AddressInfo;
      const imap = { host: "127.0.0.1", port, security: "tls" as const, user: "ada", password: PASSWORD };
      await mail.createAccount({ account: { id: "clear", imap }, verify: false }, newCall(60_000));
      await assert.rejects(list(mail, "clear", SILENCE_MS), (error) => isFailure(error, "upstream-unreachable"));
      assert.ok(!heard.includes(PASSWORD));
      await mail.deleteAccount({ account: "clear" }, newCall(60_000));
    } finally {
      server.close();
    }
  });
});
