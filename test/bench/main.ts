import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { request } from "undici";
import { type Ask, askWith } from "../e2e/client.ts";
import { type House, type HouseKind, startHouse } from "../e2e/house.ts";
import { deliver, write } from "../e2e/mailbox.ts";
import { type Service, startService } from "../e2e/service.ts";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { connect, drain, listFifty, readText, searchFifty } from "./imap.ts";
import { load, type Rate, repeat, type Target } from "./load.ts";

/** Compares Postern, in one run and as ratios, with what one would write oneself, and with ImapFlow without HTTP. */

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "5" }, clients: { type: "string", default: "32" } },
});
const seconds = Number(values.seconds);
const clients = Number(values.clients);
const MESSAGES = 1_000;
const LARGE = 10 << 20;
const USER = "bench";

interface Row {
  what: string;
  postern: Rate;
  /** What it is measured against, by name. */
  against: Record<string, Rate>;
}

const dovecot = await startDovecot();
const mailServer = { host: dovecot.host, port: dovecot.port, ...dovecot.user(USER) };
await fill();
const plain = await startPlain(dovecot);
const kinds: HouseKind[] = ["together", "apart"];
for (const kind of kinds) {
  const house = await startHouse(kind);
  print(kind, await compare(house));
  await house.stop();
}
await plain.stop();
await dovecot.stop();

async function fill(): Promise<void> {
  const client = await connect(mailServer);
  for (let number = 1; number <= MESSAGES; number += 1)
    await deliver(client, { subject: `Message ${number}`, text: "word ".repeat(200) });
  const large = write({ subject: "Large", text: `${"x".repeat(76)}\r\n`.repeat(Math.ceil(LARGE / 78)) });
  await client.append("INBOX", large);
  await client.logout();
}

function startPlain({ host, port, user }: DovecotServer): Promise<Service> {
  const { user: name, password } = user(USER);
  const args = ["--host", host, "--port", String(port), "--user", name, "--password", password];
  return startService(fileURLToPath(new URL("plain.main.ts", import.meta.url)), {}, args);
}

async function compare(house: House): Promise<Row[]> {
  const ask = askWith(house.urls, house.adminToken);
  await register(ask);
  const headers = { authorization: `Bearer ${house.adminToken}` };
  const pids = house.services.map(({ process }) => process.pid ?? 0);
  const base = `${house.urls[0]}/v1/accounts/${USER}/messages`;
  const postern = (path: string, more: Partial<Target> = {}): Target => ({
    url: base + path,
    pids,
    ...more,
    headers: { ...headers, ...more.headers },
  });
  const handler = (path: string): Target => ({ url: plain.url + path, pids: [plain.process.pid ?? 0] });

  const bare = await connect(mailServer);
  await bare.mailboxOpen("INBOX", { readOnly: true });
  const found = await ask<{ items: { id: string }[] }>(`/v1/accounts/${USER}/messages?mailbox=inbox&limit=2&fields=id`);
  const [large = "", small = ""] = found.body.items.map(({ id }) => id);
  const uids = await bare.search({ all: true }, { uid: true });
  const [smallUid = "", largeUid = ""] = uids ? uids.slice(-2).map(String) : [];

  const list = "?mailbox=inbox";
  const page = await ask(`/v1/accounts/${USER}/messages${list}`);
  const memory = await ceiling(page.bytes);
  const etag = { "if-none-match": String(page.headers.etag) };
  const query = `{ account(id: "${USER}") { mailbox(role: INBOX) { messages(first: 50) { nodes { subject from { name address } flags } } } } }`;
  const graphql = { url: `${house.urls[0]}/graphql`, body: { query }, pids, headers };

  const run = (target: Target, many = clients): Promise<Rate> => load(target, many, seconds);
  const listRate = await run(postern(list));
  const listCeiling = await run(memory);
  const rows: Row[] = [
    {
      what: "fresh list of 50, nothing changed",
      postern: listRate,
      against: {
        "fastify + ImapFlow": await run(handler("/list")),
        "ImapFlow alone": await repeat(async () => void (await listFifty(bare)), seconds),
        "fastify, equal bytes from memory": listCeiling,
      },
    },
    {
      what: "the same, one client",
      postern: await run(postern(list), 1),
      against: { "fastify, equal bytes from memory": await run(memory, 1) },
    },
    {
      what: "the same, 304",
      postern: await run(postern(list, { headers: etag, status: 304 })),
      against: { "fastify, equal bytes from memory": listCeiling },
    },
    {
      what: "GraphQL list of 50 (subject, from, flags)",
      postern: await run(graphql),
      against: { "REST list": listRate },
    },
    {
      what: "a message with its text",
      postern: await run(postern(`/${small}`)),
      against: {
        "fastify + ImapFlow": await run(handler(`/message/${smallUid}`)),
        "ImapFlow alone": await repeat(async () => void (await readText(bare, smallUid)), seconds),
      },
    },
    {
      what: "search by subject",
      postern: await run(postern(`${list}&subject=7`)),
      against: {
        "fastify + ImapFlow": await run(handler("/search")),
        "ImapFlow alone": await repeat(async () => void (await searchFifty(bare)), seconds),
      },
    },
    {
      what: "raw message of 10 MB, one client",
      postern: await run(postern(`/${large}/raw`), 1),
      against: {
        "fastify + ImapFlow": await run(handler(`/raw/${largeUid}`), 1),
        "ImapFlow alone": await repeat(() => drain(bare, largeUid), seconds),
      },
    },
  ];
  await bare.logout();
  return rows;
}

/** The same octets, without any mail behind them. */
async function ceiling(octets: Buffer): Promise<Target> {
  const url = `${plain.url}/memory`;
  await request(url, { method: "PUT", body: octets, headers: { "content-type": "application/octet-stream" } });
  return { url, pids: [plain.process.pid ?? 0] };
}

async function register(ask: Ask): Promise<void> {
  const { host, port, user, password } = mailServer;
  const imap = { host, port, security: "none", user, password };
  const { status, body } = await ask("/v1/accounts?verify=true", { body: { id: USER, imap } });
  if (status !== 201) throw new Error(JSON.stringify(body));
}

function print(kind: string, rows: readonly Row[]): void {
  console.log(
    `\nServices ${kind}; ${cpus().length} cores, Node ${process.versions.node}; ${clients} clients, ${seconds} s each\n`,
  );
  console.log("| what | a second | p50, p99 ms | CPU ms each | against | a second | CPU ms each | ratio |");
  console.log("|---|---|---|---|---|---|---|---|");
  for (const { what, postern, against } of rows) {
    for (const [name, rate] of Object.entries(against)) {
      const cells = [
        what,
        postern.perSecond.toFixed(1),
        `${postern.p50.toFixed(1)}, ${postern.p99.toFixed(1)}`,
        cpuText(postern),
        name,
        rate.perSecond.toFixed(1),
        cpuText(rate),
        `${(postern.perSecond / rate.perSecond).toFixed(2)} ×`,
      ];
      console.log(`| ${cells.join(" | ")} |`);
    }
  }
}

function cpuText({ cpu }: Rate): string {
  return cpu === null ? "–" : cpu.toFixed(3);
}
