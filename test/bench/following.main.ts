import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { EventSource } from "eventsource";
import { createClient } from "graphql-ws";
import type { ImapFlow } from "imapflow";
import { askWith } from "../e2e/client.ts";
import { type HouseKind, startHouse } from "../e2e/house.ts";
import { deliver, otherClient } from "../e2e/mailbox.ts";
import { Receiver } from "../e2e/receiver.ts";
import { startDovecot } from "../servers/index.ts";

/** How long after a plain client in IDLE those who follow are told, of a mail alone and of each of a burst. */

const { values } = parseArgs({
  options: { kinds: { type: "string", default: "together,apart" }, bursts: { type: "string", default: "15" } },
});
const BURST = 10;
const ways = ["SSE", "subscription", "webhook"] as const;

type When = Map<string, number>;

/** The times at which mails were heard of, by subject. */
class Heard {
  readonly times: When = new Map();
  private wake = Promise.withResolvers<void>();

  hear(subject: string | null | undefined): void {
    if (!subject || this.times.has(subject)) return;
    this.times.set(subject, performance.now());
    this.wake.resolve();
    this.wake = Promise.withResolvers();
  }

  async until(subject: string): Promise<void> {
    while (!this.times.has(subject)) await this.wake.promise;
  }
}

const median = (numbers: number[]): number => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;

/** A client in IDLE, which is told how many messages there are: the n-th is the n-th that was delivered. */
function idling(client: ImapFlow, subjects: readonly string[]): Heard {
  const heard = new Heard();
  client.on("exists", ({ count, prevCount }: { count: number; prevCount: number }) => {
    for (let at = prevCount; at < count; at += 1) heard.hear(subjects[at]);
  });
  void client.idle();
  return heard;
}

async function measure(kind: HouseKind): Promise<void> {
  const dovecot = await startDovecot();
  const house = await startHouse(kind, { POSTERN_ALLOWED_WEBHOOK_HOSTS: "127.0.0.1" });
  const ask = askWith(house.urls, house.adminToken);
  const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user("alice") };
  await ask("/v1/accounts?verify=true", { body: { id: "alice", imap } });
  const { newState } = (await ask<{ newState: string }>("/v1/accounts/alice/changes")).body;
  const subjects: string[] = [];
  const sender = await otherClient(dovecot, "alice");
  const plainClient = await otherClient(dovecot, "alice");
  await plainClient.mailboxOpen("INBOX", { readOnly: true });
  const plain = idling(plainClient, subjects);
  const heard = { SSE: new Heard(), subscription: new Heard(), webhook: new Heard() };
  const headers = { authorization: `Bearer ${house.adminToken}` };
  const source = new EventSource(`${house.urls[0]}/v1/accounts/alice/events?after=${newState}`, {
    fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, ...headers } }),
  });
  source.addEventListener("message.created", ({ data }: { data: string }) =>
    heard.SSE.hear((JSON.parse(data) as { message: { subject: string } }).message.subject),
  );
  const client = createClient({ url: `${house.urls[0]?.replace("http", "ws")}/graphql`, connectionParams: headers });
  const query = `subscription { events(account: "alice", after: "${newState}") { message { subject } } }`;
  client.subscribe<{ events: { message: { subject: string } | null } }>(
    { query },
    {
      next: ({ data }) => heard.subscription.hear(data?.events.message?.subject),
      error: console.error,
      complete: () => undefined,
    },
  );
  const receiver = await Receiver.start();
  receiver.answer = ({ event }) => {
    heard.webhook.hear(event.data.message?.subject);
    return 204;
  };
  await ask("/v1/accounts/alice/webhooks", { body: { url: receiver.url } });
  const send = async (count: number): Promise<string[]> => {
    const sent: string[] = [];
    for (let each = 0; each < count; each += 1) {
      const subject = `Letter ${subjects.length + 1}`;
      subjects.push(subject);
      sent.push(subject);
      await deliver(sender, { subject });
    }
    const last = sent.at(-1) ?? "";
    await Promise.all([plain, ...Object.values(heard)].map((each) => each.until(last)));
    return sent;
  };
  // The first wakes what sleeps.
  await send(1);
  const places = [1, 2, 3, 10];
  const alone = new Map(ways.map((way) => [way, [] as number[]]));
  const inBurst = new Map(ways.map((way) => [way, new Map(places.map((place) => [place, [] as number[]]))]));
  const late = (way: (typeof ways)[number], subject = ""): number =>
    (heard[way].times.get(subject) ?? NaN) - (plain.times.get(subject) ?? NaN);
  for (let burst = 0; burst < Number(values.bursts); burst += 1) {
    const [one] = await send(1);
    const many = await send(BURST);
    for (const way of ways) {
      alone.get(way)?.push(late(way, one));
      for (const place of places)
        inBurst
          .get(way)
          ?.get(place)
          ?.push(late(way, many[place - 1]));
    }
  }
  console.log(
    `\nServices ${kind}, load ${loadavg()[0]?.toFixed(1)}: milliseconds after a plain client in IDLE, median of ${values.bursts}`,
  );
  for (const way of ways) {
    const each = places.map((place) => `${place}: ${median(inBurst.get(way)?.get(place) ?? []).toFixed(1)}`);
    console.log(`${way}: alone ${median(alone.get(way) ?? []).toFixed(1)}; of a burst of ${BURST} ${each.join(", ")}`);
  }
  source.close();
  await client.dispose();
  receiver.stop();
  sender.close();
  plainClient.close();
  await house.stop();
  await dovecot.stop();
}

for (const kind of values.kinds.split(",") as HouseKind[]) await measure(kind);
