// Reads all of the real messages with everything that can be asked of them, compares what came out with what another parser
// makes of them, and tells what it took: `pnpm corpus`. Exits with 1 where something is not as it should be.
import { createHash } from "node:crypto";
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import { allMessageFields, type Message, type MessageField } from "@postern/protocol";
import { simpleParser } from "mailparser";
import { type CoreHouse, newCall, startCoreHouse } from "./core-house.ts";
import { collect } from "./octets.ts";
import { type Real, realMessages } from "./real-messages.ts";

const fields: MessageField[] = [...allMessageFields, "markedHtml"];
/** What the thread that answers everybody may be kept for by one thing. */
const MOST_HELD_MS = 250;
/** Of memory for each octet of the largest message: more is out of proportion. */
const MOST_GROWTH = 600 << 20;

/** Others are wrong, too, or have it otherwise: what differs is told, to be looked at. */
const MOST_DIFFERING = 0.01;
const RESOLUTION_MS = 5;

const every = Number(process.argv[2] ?? 1);

interface Read {
  real: Real;
  message: Message;
  ms: number;
  /** Of all threads, and of the one that answers everybody. */
  cpuMs: number;
  ownMs: number;
  /** The longest that its event loop was held. */
  heldMs: number;
  attachments: string[];
}

const problems: string[] = [];
const house = await startCoreHouse();
try {
  const wanted = realMessages().filter((_, index) => index % every === 0);
  await deliver(house, wanted);
  const read = await readAll(house, wanted);
  await compareAll(read);
} finally {
  await house.stop();
}
for (const problem of problems) console.log(problem);
process.exitCode = problems.length === 0 ? 0 : 1;

async function deliver({ otherClient }: CoreHouse, messages: readonly Real[]): Promise<void> {
  const client = await otherClient("corpus");
  for (let at = 0; at < messages.length; at += 50)
    await client.append(
      "INBOX",
      messages.slice(at, at + 50).map(({ octets }) => ({ source: octets })),
    );
}

async function idsOf({ core }: CoreHouse): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const input = { account: "corpus", mailbox: "inbox", limit: 200, fields: ["id" as const] };
    const page = await core.listMessages({ ...input, ...(cursor !== undefined && { cursor }) }, newCall());
    if (page.notModified) throw new Error("not modified, though no etag was sent");
    ids.unshift(...page.items.map(({ id }) => id).reverse());
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return ids;
}

async function readAll(of: CoreHouse, messages: readonly Real[]): Promise<Read[]> {
  const ids = await idsOf(of);
  const memory = process.memoryUsage().rss;
  let most = memory;
  const held = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  held.enable();
  const started = performance.now();
  const read: Read[] = [];
  for (const [index, real] of messages.entries()) {
    const id = ids[index] ?? "";
    held.reset();
    const before = process.cpuUsage();
    const own = process.threadCpuUsage();
    const at = performance.now();
    const [result] = (await of.core.getMessages({ account: "corpus", ids: [id], fields }, newCall())).results;
    const ms = performance.now() - at;
    const cpuMs = millis(process.cpuUsage(before));
    const ownMs = millis(process.threadCpuUsage(own));
    const heldMs = Math.max(0, held.max / 1e6 - RESOLUTION_MS);
    most = Math.max(most, process.memoryUsage().rss);
    if (!result || !("message" in result)) {
      problems.push(`${real.name} cannot be read: ${JSON.stringify(result)}`);
      continue;
    }
    const { message } = result;
    const attachments: string[] = [];
    for (const { part } of message.attachments ?? [])
      attachments.push(
        digestOf(await collect((await of.core.readPart({ account: "corpus", message: id, part }, newCall())).body)),
      );
    read.push({ real, message, ms, cpuMs, ownMs, heldMs, attachments });
  }
  held.disable();
  const seconds = (performance.now() - started) / 1_000;
  console.log(`${read.length} messages in ${seconds.toFixed(1)} s; memory grew by ${(most - memory) >> 20} MB`);
  for (const [what, of] of [
    ["all threads", "cpuMs"],
    ["the main thread", "ownMs"],
    ["the event loop, held", "heldMs"],
    ["clock", "ms"],
  ] as const)
    tell(what, read, (each) => each[of]);
  const longest = Math.max(...read.map(({ ownMs }) => ownMs));
  if (longest > MOST_HELD_MS) problems.push(`a message took ${longest.toFixed(0)} ms of the main thread`);
  if (most - memory > MOST_GROWTH) problems.push(`memory grew by ${(most - memory) >> 20} MB`);
  return read;
}

function tell(what: string, read: readonly Read[], of: (each: Read) => number): void {
  const sorted = read.toSorted((a, b) => of(a) - of(b));
  const at = (share: number): string => of(sorted[Math.floor(share * (sorted.length - 1))] as Read).toFixed(1);
  console.log(`ms of ${what}, for one message: ${at(0.5)} (p50), ${at(0.99)} (p99), ${at(1)} (most)`);
  for (const each of sorted.slice(-4).reverse())
    console.log(`  ${of(each).toFixed(1)}: ${each.real.octets.length} octets, ${each.real.name}`);
}

async function compareAll(read: readonly Read[]): Promise<void> {
  const differing = { subject: 0, text: 0, attachments: 0 };
  let withText = 0;
  for (const { real, message, attachments } of read) {
    const other = await simpleParser(real.octets, {
      skipTextToHtml: true,
      skipHtmlToText: true,
      skipImageLinks: true,
      keepCidLinks: true,
    });
    const theirs = other.attachments.map(({ content }) => digestOf(content)).sort();
    if (JSON.stringify(theirs) !== JSON.stringify(attachments.toSorted())) {
      differing.attachments += 1;
      const names = other.attachments.map(({ filename, contentType, size }) => `${filename} ${contentType} ${size}`);
      console.log(
        `attachments of ${real.name}\n  theirs ${names.join(", ")}\n  ours ${JSON.stringify(message.attachments)}`,
      );
    }
    if (flat(other.subject ?? "") !== flat(message.subject ?? "")) {
      differing.subject += 1;
      console.log(`subject of ${real.name}\n  theirs ${other.subject}\n  ours ${message.subject}`);
    }
    // Octets that the other could not read are no measure.
    if (other.text === undefined || other.html || other.text.includes("\ufffd")) continue;
    withText += 1;
    if (flat(other.text) !== flat(message.text ?? "")) {
      differing.text += 1;
      console.log(
        `text of ${real.name}\n  theirs ${excerpt(other.text, message.text ?? "")}\n  ours ${excerpt(message.text ?? "", other.text)}`,
      );
    }
  }
  console.log(`${withText} of plain text; different: ${JSON.stringify(differing)}`);
  for (const [what, count] of Object.entries(differing))
    if (count > read.length * MOST_DIFFERING)
      problems.push(`${what} of ${count} messages are read otherwise by another parser`);
}

function millis({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1_000;
}

function digestOf(octets: Uint8Array): string {
  return createHash("sha1").update(octets).digest("hex");
}

/** Parsers differ in blanks, and in those behind the marks of quotes (RFC 3676 section 4.4). */
function flat(text: string): string {
  return text
    .replace(/[\s\0]+/g, " ")
    .replace(/> (?=>)|(?<=>) /g, "")
    .trim();
}

/** From a little before where the two part. */
function excerpt(text: string, other: string): string {
  const [one, two] = [flat(text), flat(other)];
  let at = 0;
  while (at < one.length && one[at] === two[at]) at += 1;
  return JSON.stringify(one.slice(Math.max(0, at - 30), at + 60));
}
