import { monitorEventLoopDelay } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { listFields, type MessagePage, newReport, type Report } from "@postern/protocol";
import { fileURLToPath } from "node:url";
import type { ImapSession } from "../../services/worker/src/imap/index.ts";
import { packCursor } from "../../services/worker/src/mail/list/cursor.ts";
import { listQuestion } from "../../services/worker/src/mail/list/question.ts";
import { type CoreOver, newCall, startCore } from "../../services/worker/src/testing/core-house.ts";
import { letter, RawClient, withAttachment } from "../../services/worker/src/testing/raw-client.ts";
import { askWith } from "../e2e/client.ts";
import { startHouse } from "../e2e/house.ts";
import { type Service, startService } from "../e2e/service.ts";
import { type DovecotServer, startDovecot } from "../servers/index.ts";

/**
 * What lists cost where they cannot come from memory: at first sight, deep in a list, after changes, in mailboxes of 1,000
 * and of 1,024,000 messages; and cold lists against what one would write oneself. In ratios of one run.
 */
const { values } = parseArgs({
  options: { rounds: { type: "string", default: "20" }, doublings: { type: "string", default: "10" } },
});
const rounds = Number(values.rounds);
const doublings = Number(values.doublings);
const SMALL = 1_000;
const sizes = { small: SMALL, large: SMALL * 2 ** doublings };
type Size = keyof typeof sizes;

// Copies share their octets in mdbox: a million messages are made in seconds.
const dovecot = await startDovecot({ storage: "mdbox" });
const clients = new Map<Size, RawClient>();
for (const size of ["small", "large"] as const) clients.set(size, await fill(size));

console.log(
  "| what | 1,000 ms | " + sizes.large.toLocaleString("en") + " ms | ratio | commands |\n|---|---|---|---|---|",
);
await compare("first page, nothing known", first);
await compare("(the server alone: the first EXAMINE of a connection)", serverOpens);
await compare("deep page, nothing known of it", deep);
await compare("list after 10 flags were changed", changed);
await compare("(the server alone: STATUS, and NOOP on another connection, after 10 flags)", serverTells);
await compare("list after 10 messages came", appended);
await flood();
await coldLists();
for (const client of clients.values()) client.close();
await dovecot.stop();

async function fill(size: Size): Promise<RawClient> {
  const client = await RawClient.login(dovecot, dovecot.user(size));
  const one = (at: number): ReturnType<typeof letter> =>
    (at % 2 === 0 ? letter : plainAttachment)({ subject: `Message ${at}` });
  await client.append(
    "INBOX",
    Array.from({ length: SMALL }, (_, at) => one(at)),
  );
  await client.command("SELECT INBOX");
  for (let count = SMALL; count < sizes[size]; count *= 2) await client.command("COPY 1:* INBOX");
  return client;
}

function plainAttachment({ subject }: { subject: string }): ReturnType<typeof letter> {
  return withAttachment(subject);
}

interface Sample {
  ms: number;
  report: Report;
}

async function compare(what: string, measure: (size: Size) => Promise<Sample[]>): Promise<void> {
  const small = await measure("small");
  const large = await measure("large");
  const [a, b] = [median(small), median(large)];
  const commands = [small, large].map((samples) => samples.at(-1)?.report.commands ?? 0).join(", ");
  console.log(`| ${what} | ${a.toFixed(2)} | ${b.toFixed(2)} | ${(b / a).toFixed(2)} × | ${commands} |`);
}

function median(samples: readonly Sample[]): number {
  const times = samples.map(({ ms }) => ms).sort((a, b) => a - b);
  return times[Math.floor(times.length / 2)] ?? Number.NaN;
}

async function open(size: Size): Promise<CoreOver> {
  const core = await startCore(dovecot);
  // Both connections are there, as in a worker that has served the account before, and what the account has is known.
  const wish = { account: size, lane: "interactive", call: newCall() } as const;
  await core.sessions.use(wish, () => core.sessions.use(wish, (session) => session.noop()));
  await core.core.listMailboxes({ account: size }, newCall());
  // What a process of the server needs to open a large mailbox for the first time is its own affair, and is shown by itself.
  const warm = (session: ImapSession): Promise<unknown> => session.status("INBOX");
  await core.sessions.use(wish, async (one) => {
    await core.sessions.use(wish, warm);
    await one.examine("INBOX");
  });
  return core;
}

async function list(core: CoreOver, size: Size, cursor?: string): Promise<Sample & { page: MessagePage }> {
  const call = newCall();
  const input = { account: size, mailbox: "inbox", limit: 50, fields: [...listFields], ...(cursor && { cursor }) };
  const started = performance.now();
  const page = await core.core.listMessages(input, call);
  const ms = performance.now() - started;
  if (page.notModified || page.items.length !== 50) throw new Error("no page of fifty");
  return { ms, report: call.report, page };
}

async function first(size: Size): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const core = await open(size);
    samples.push(await list(core, size));
    await core.stop();
  }
  return samples;
}

async function serverOpens(size: Size): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const client = await RawClient.login(dovecot, dovecot.user(size));
    samples.push(await bare(() => client.command("EXAMINE INBOX")));
    client.close();
  }
  return samples;
}

async function serverTells(size: Size): Promise<Sample[]> {
  const [prover, holder] = [
    await RawClient.login(dovecot, dovecot.user(size)),
    await RawClient.login(dovecot, dovecot.user(size)),
  ];
  await holder.command("ENABLE QRESYNC");
  const opened = await holder.command("EXAMINE INBOX");
  const count = Number(/(\d+) EXISTS/.exec(opened)?.[1]);
  const status = (): Promise<string> => prover.command("STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ)");
  await status();
  const samples: Sample[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await flag(size, round, count);
    samples.push(await bare(async () => [await status(), await holder.command("NOOP")]));
  }
  prover.close();
  holder.close();
  return samples;
}

async function bare(work: () => Promise<unknown>): Promise<Sample> {
  const started = performance.now();
  await work();
  return { ms: performance.now() - started, report: newReport() };
}

async function flag(size: Size, round: number, count: number): Promise<void> {
  const sign = round % 2 === 0 ? "+" : "-";
  await clients.get(size)?.command(`STORE ${count - 9}:${count} ${sign}FLAGS.SILENT (\\Flagged)`);
}

async function deep(size: Size): Promise<Sample[]> {
  const core = await open(size);
  await list(core, size);
  const record = (await core.store.mailboxes.list(size)).records.find(({ path }) => path === "INBOX");
  const account = await core.store.accounts.get(size);
  const question = listQuestion({ id: size, key: account?.key ?? 0 }, record?.key ?? 0, {
    account: size,
    limit: 50,
    fields: ["id"],
  });
  const samples: Sample[] = [];
  for (let round = 0; round < Math.min(rounds, 9); round += 1) {
    const uid = Math.floor(sizes[size] / 2) - round * 50;
    const cursor = await packCursor(question, { order: "uid", uidValidity: record?.uidValidity ?? 0, uid });
    samples.push(await list(core, size, cursor));
  }
  await core.stop();
  return samples;
}

async function changed(size: Size): Promise<Sample[]> {
  return afterEach(size, (_, round, count) => flag(size, round, count));
}

async function appended(size: Size): Promise<Sample[]> {
  return afterEach(size, async (client) => {
    await client.append(
      "INBOX",
      Array.from({ length: 10 }, (_, at) => letter({ subject: `New ${at}` })),
    );
  });
}

async function afterEach(
  size: Size,
  change: (client: RawClient, round: number, count: number) => Promise<void>,
): Promise<Sample[]> {
  const core = await open(size);
  const client = clients.get(size);
  if (!client) throw new Error("no client");
  const { page } = await list(core, size);
  const samples: Sample[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await change(client, round, page.total ?? 0);
    samples.push(await list(core, size));
  }
  await core.stop();
  return samples;
}

/** How long everybody else has to wait while a flood of changes is taken in. */
async function flood(): Promise<void> {
  const MANY = Math.min(97_000, sizes.large);
  const core = await open("large");
  await list(core, "large");
  await clients.get("large")?.command(`STORE 1:${MANY} +FLAGS.SILENT (\\Answered)`);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const { ms, report } = await list(core, "large");
  delay.disable();
  const longest = (delay.max / 1e6).toFixed(1);
  console.log(
    `\nList after ${MANY} flags were changed elsewhere: ${ms.toFixed(0)} ms, ${report.commands} commands, ` +
      `${report.bytes} octets; the event loop stood still for ${longest} ms at most.\n`,
  );
  await core.stop();
}

/** The first list of each of many mailboxes, over HTTP, one client. */
async function coldLists(): Promise<void> {
  const MAILBOXES = 80;
  const WARM_UP = 40;
  // Not copies of each other: what was shown elsewhere before is another matter, for one's own handler has no ids.
  const letters = (box: number): ReturnType<typeof letter>[] =>
    Array.from({ length: 60 }, (_, at) => (at % 2 === 0 ? letter : plainAttachment)({ subject: `m${box} ${at}` }));
  const user = dovecot.user("cold");
  const client = await RawClient.login(dovecot, user);
  await client.append("INBOX", letters(MAILBOXES));
  for (let at = 0; at < MAILBOXES; at += 1) {
    await client.command(`CREATE Box${at}`);
    await client.append(`Box${at}`, letters(at));
    // What the server itself has to find out the first time it is asked would fall to whoever comes first.
    await client.command(`EXAMINE Box${at}`);
    await client.command("FETCH 1:* (UID FLAGS ENVELOPE BODYSTRUCTURE INTERNALDATE RFC822.SIZE)");
  }
  const own = await ownHandler(dovecot, user);
  const house = await startHouse("together");
  const ask = askWith(house.urls, house.adminToken);
  await ask("/v1/accounts?verify=true", {
    body: { id: "cold", imap: { ...endpoint(dovecot), security: "none", ...user } },
  });
  const { body } = await ask<{ items: { id: string; path: string }[] }>("/v1/accounts/cold/mailboxes");
  const ids = body.items.filter(({ path }) => path.startsWith("Box")).map(({ id, path }) => ({ id, path }));
  await ask("/v1/accounts/cold/messages?mailbox=inbox");
  await fetch(`${own.url}/list/INBOX`);
  const times: { postern: number[]; own: number[] } = { postern: [], own: [] };
  // In turn, so that whatever else this machine does hits both alike; which one comes first changes.
  for (const [at, { id, path }] of ids.entries()) {
    const turns = [
      async () => timed(times.postern, async () => (await ask(`/v1/accounts/cold/messages?mailbox=${id}`)).status),
      async () => timed(times.own, async () => (await fetchAll(`${own.url}/list/${path}`)).status),
    ];
    for (const turn of at % 2 === 0 ? turns : turns.toReversed()) await turn();
  }
  const [mine, theirs] = [middle(times.postern.slice(WARM_UP)), middle(times.own.slice(WARM_UP))];
  console.log(
    `Cold list of 50, ${ids.length - WARM_UP} mailboxes: ${mine.toFixed(2)} ms against ${theirs.toFixed(2)} ms of fastify + ImapFlow, ` +
      `${(theirs / mine).toFixed(2)} ×`,
  );
  await house.stop();
  await own.stop();
  client.close();
}

function endpoint({ host, port }: DovecotServer): { host: string; port: number } {
  return { host, port };
}

async function timed(into: number[], work: () => Promise<number>): Promise<void> {
  const started = performance.now();
  const status = await work();
  if (status !== 200) throw new Error(`answered with ${status}`);
  into.push(performance.now() - started);
}

function middle(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN;
}

async function fetchAll(url: string): Promise<Response> {
  const response = await fetch(url);
  await response.arrayBuffer();
  return response;
}

function ownHandler(
  { host, port }: DovecotServer,
  { user, password }: { user: string; password: string },
): Promise<Service> {
  const args = ["--host", host, "--port", String(port), "--user", user, "--password", password];
  return startService(fileURLToPath(new URL("plain.main.ts", import.meta.url)), {}, args);
}
