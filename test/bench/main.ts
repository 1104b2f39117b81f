import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { type Ask, askWith } from "../e2e/client.ts";
import { type House, type HouseKind, startHouse } from "../e2e/house.ts";
import { deliver, write } from "../e2e/mailbox.ts";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { load, type Rate, repeat } from "./load.ts";
import { connect, listFifty, readText, searchFifty, startPlain } from "./plain.ts";

/** Compares Postern, in one run and as ratios, with what one would write oneself, and with ImapFlow without HTTP. */

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "5" }, clients: { type: "string", default: "32" } },
});
const seconds = Number(values.seconds);
const clients = Number(values.clients);
const MESSAGES = 1_000;
const LARGE = 10 << 20;

interface Row {
  what: string;
  postern: Rate;
  plain: Rate;
  bare: Rate;
}

const dovecot = await startDovecot();
await fill(dovecot);
const kinds: HouseKind[] = ["together", "apart"];
for (const kind of kinds) {
  const house = await startHouse(kind);
  const rows = await compare(house);
  print(kind, rows);
  await house.stop();
}
await dovecot.stop();

async function fill(server: DovecotServer): Promise<void> {
  const client = await connect(server, "bench");
  for (let number = 1; number <= MESSAGES; number += 1)
    await deliver(client, { subject: `Message ${number}`, text: "word ".repeat(200) });
  await client.append(
    "INBOX",
    write({ subject: "Large", text: `${"x".repeat(76)}\r\n`.repeat(Math.ceil(LARGE / 78)) }),
  );
  await client.logout();
}

async function compare(house: House): Promise<Row[]> {
  const ask = askWith(house.urls, house.adminToken);
  await register(ask);
  const [url = ""] = house.urls;
  const headers = { authorization: `Bearer ${house.adminToken}` };
  const plain = await startPlain(dovecot, "bench");
  const bare = await connect(dovecot, "bench");
  await bare.mailboxOpen("INBOX", { readOnly: true });
  const messages = `${url}/v1/accounts/bench/messages`;
  const { body } = await ask<{ items: { id: string }[] }>(
    "/v1/accounts/bench/messages?mailbox=inbox&limit=2&fields=id",
  );
  const [large, small] = body.items.map((item) => item.id);
  const uids = await bare.search({ all: true }, { uid: true });
  const [smallUid, largeUid] = uids ? uids.slice(-2).map(String) : [];
  const drain = async (uid: string): Promise<void> => {
    const { content } = await bare.download(uid, undefined, { uid: true });
    for await (const _ of content ?? []) continue;
  };
  const rows = [
    {
      what: "list of 50",
      postern: await load({ url: `${messages}?mailbox=inbox`, headers }, clients, seconds),
      plain: await load({ url: `${plain.url}/list` }, clients, seconds),
      bare: await repeat(async () => void (await listFifty(bare)), seconds),
    },
    {
      what: "a message with its text",
      postern: await load({ url: `${messages}/${small}`, headers }, clients, seconds),
      plain: await load({ url: `${plain.url}/message/${smallUid}` }, clients, seconds),
      bare: await repeat(async () => void (await readText(bare, smallUid ?? "")), seconds),
    },
    {
      what: "search by subject",
      postern: await load({ url: `${messages}?mailbox=inbox&subject=7`, headers }, clients, seconds),
      plain: await load({ url: `${plain.url}/search` }, clients, seconds),
      bare: await repeat(async () => void (await searchFifty(bare)), seconds),
    },
    {
      what: "raw message of 10 MB",
      postern: await load({ url: `${messages}/${large}/raw`, headers }, 2, seconds),
      plain: await load({ url: `${plain.url}/raw/${largeUid}` }, 1, seconds),
      bare: await repeat(() => drain(largeUid ?? ""), seconds),
    },
  ];
  await plain.stop();
  await bare.logout();
  return rows;
}

async function register(ask: Ask): Promise<void> {
  const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user("bench") };
  const { status, body } = await ask("/v1/accounts?verify=true", { body: { id: "bench", imap } });
  if (status !== 201) throw new Error(JSON.stringify(body));
}

function print(kind: string, rows: readonly Row[]): void {
  console.log(
    `\nServices ${kind}; ${cpus().length} cores, Node ${process.versions.node}; ${clients} clients, ${seconds} s each\n`,
  );
  console.log("| what | Postern, a second | p50, p99 ms | fastify + ImapFlow | ratio | ImapFlow alone | ratio |");
  console.log("|---|---|---|---|---|---|---|");
  for (const { what, postern, plain, bare } of rows) {
    const cells = [
      what,
      postern.perSecond.toFixed(1),
      `${postern.p50.toFixed(1)}, ${postern.p99.toFixed(1)}`,
      plain.perSecond.toFixed(1),
      `${(postern.perSecond / plain.perSecond).toFixed(2)} ×`,
      bare.perSecond.toFixed(1),
      `${(postern.perSecond / bare.perSecond).toFixed(2)} ×`,
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
}
