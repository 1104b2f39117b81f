import { readdirSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { Answered, Api } from "./api.ts";
import type { Lying } from "./final.ts";
import { markerIn } from "./letters.ts";
import { show } from "./states.ts";
import { type Account, BOXES, type World } from "./world.ts";

/** Within a minute, by which time an account that rests after failures is tried again. */
export async function isServed(api: Api): Promise<boolean> {
  for (let tries = 0; tries < 140; tries += 1) {
    const { status } = await api.ask("GET", "messages?mailbox=inbox&limit=1&fields=id");
    if (status === 200) return true;
    await delay(500);
  }
  return false;
}

/** What was broken last may take a moment to be over. */
async function patiently(api: Api, path: string): Promise<Answered> {
  for (let tries = 1; ; tries += 1) {
    const answer = await api.ask("GET", path);
    if (answer.status === 200 || tries === 60) return answer;
    await delay(500);
  }
}

interface Page {
  items: { id: string; subject: string; flags: string[] }[];
  nextCursor: string | null;
}

/** Postern shows what is there: every mailbox, to the last page. */
export async function compareViews(api: Api, account: Account, lying: readonly Lying[]): Promise<string[]> {
  const wrong: string[] = [];
  for (const box of BOXES) {
    const shown: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const path = `messages?mailbox=${account.boxIds.get(box)}&limit=200&fields=id,subject,flags`;
      const answer = await patiently(api, `${path}${cursor === "" ? "" : `&cursor=${cursor}`}`);
      if (answer.status !== 200) {
        wrong.push(`view: ${box} of ${account.id} cannot be listed: ${answer.status} ${JSON.stringify(answer.body)}`);
        break;
      }
      const page = answer.body as unknown as Page;
      for (const { subject, flags } of page.items) shown.push(`${markerIn(subject)} ${show({ box, flags })}`);
      cursor = page.nextCursor;
    }
    const there = lying.filter((each) => each.box === box).map((each) => `${each.marker} ${show(each)}`);
    if (shown.toSorted().join("\n") !== there.toSorted().join("\n"))
      wrong.push(`view: ${box} of ${account.id} is shown with ${difference(shown, there)}`);
  }
  return wrong;
}

function difference(shown: readonly string[], there: readonly string[]): string {
  const more = shown.filter((each) => !there.includes(each)).slice(0, 5);
  const missing = there.filter((each) => !shown.includes(each)).slice(0, 5);
  return `${shown.length} messages, ${more.join(", ")}; and has ${there.length}, ${missing.join(", ")}`;
}

/** How many files each process has open, by its id. */
export function openDescriptors({ gateways, workers }: World): Map<number, number> {
  const pids = [...gateways, ...workers].map(({ process }) => process.pid ?? 0);
  return new Map(pids.map((pid) => [pid, readdirSync(`/proc/${pid}/fd`).length]));
}

/** More than a process had when it had just started: connections to mail servers, to each other and to clients that have just left. */
const MAY_BE_MORE = 60;

/** Ends Postern, and tells what it has left behind. */
export async function leftovers(world: World, before: ReadonlyMap<number, number>): Promise<string[]> {
  const wrong: string[] = [];
  const least = Math.min(...before.values());
  for (const [pid, count] of openDescriptors(world))
    if (count > (before.get(pid) ?? least) + MAY_BE_MORE)
      wrong.push(`leaked: a process has ${count} descriptors, and had ${before.get(pid) ?? least} at first`);
  await world.stop();
  for (const end of world.badEnds) wrong.push(`leaked: a service ended with ${end}`);
  let sessions = await world.imapPids();
  for (let tries = 0; sessions.length > 0 && tries < 100; tries += 1) {
    await delay(50);
    sessions = await world.imapPids();
  }
  if (sessions.length > 0) wrong.push(`leaked: ${sessions.length} sessions on the mail server`);
  for (const lease of await heldLeases(world)) wrong.push(`leaked: ${lease}`);
  return wrong;
}

/** Once whoever could not say goodbye is over, which takes no longer than a lease lasts. */
async function heldLeases({ redis, redisCli }: World): Promise<string[]> {
  const leases = (await redisCli(redis, "--scan", "--pattern", "*}:lease")).split("\n").filter(Boolean);
  const held: string[] = [];
  for (const key of leases) {
    const holder = (await redisCli(redis, "HGET", key, "holder")).trim();
    if (holder === "") continue;
    const until = Number(await redisCli(redis, "ZSCORE", "postern:{workers}:holder-expiry", holder));
    if (until > Date.now() + 10_000) held.push(`${key} is held for ${until - Date.now()} ms more`);
  }
  return held;
}
