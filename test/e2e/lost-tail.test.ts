import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { startDovecot, startRedis } from "../servers/index.ts";
import { temporaryFolder } from "../servers/process.ts";
import { type Ask, askWith } from "./client.ts";
import { startHouse } from "./house.ts";
import { deliver, otherClient } from "./mailbox.ts";

interface Told {
  id: string;
  type: string;
  message: { subject: string };
}

/** The events after a state, up to one about a letter with this subject. */
async function eventsUntil(url: string, token: string, state: string, subject: string): Promise<Told[]> {
  const over = new AbortController();
  const { body } = await fetch(`${url}/v1/accounts/alice/events?types=message.created&after=${state}`, {
    headers: { authorization: `Bearer ${token}` },
    signal: over.signal,
  });
  assert.ok(body);
  let text = "";
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const lines = text.slice(0, text.lastIndexOf("\n")).split("\n");
    const events = lines.flatMap((line) => (line.startsWith("data: ") ? [JSON.parse(line.slice(6)) as Told] : []));
    if (!events.some(({ message }) => message.subject === subject)) continue;
    over.abort();
    return events;
  }
  return assert.fail("the stream ended");
}

async function save(port: number): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  socket.write("SAVE\r\n");
  const [answer] = (await once(socket, "data")) as [Buffer];
  assert.equal(answer.toString(), "+OK\r\n");
  socket.destroy();
}

/** While those who serve find out that their store is another one, they say so. */
async function state(ask: Ask): Promise<string> {
  for (;;) {
    const { status, body } = await ask<{ newState: string }>("/v1/accounts/alice/changes");
    if (status === 200) return body.newState;
    assert.equal(status, 503);
  }
}

test("where the durable Redis has lost its latest writes, no position is given twice, and what was in them is told again", {
  timeout: 120_000,
}, async (t) => {
  const endings: (() => unknown)[] = [];
  t.after(async () => {
    for (const end of endings) await end();
  });
  const dovecot = await startDovecot();
  endings.unshift(dovecot.stop);
  const folder = temporaryFolder("postern-tail-");
  const first = await startRedis({ folder });
  endings.unshift(first.stop);
  const house = await startHouse("apart", { POSTERN_REDIS_URL: first.url, POSTERN_LEASE_SECONDS: "2" });
  endings.unshift(house.stop);
  const ask = askWith(house.urls, house.adminToken);
  const other = await otherClient(dovecot, "alice");
  endings.unshift(() => other.logout());
  const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user("alice") };
  assert.equal((await ask("/v1/accounts?verify=true", { body: { id: "alice", imap } })).status, 201);
  const begun = await state(ask);
  const follow = (from: string, subject: string): Promise<Told[]> =>
    eventsUntil(house.urls[0] ?? "", house.adminToken, from, subject);

  await deliver(other, { subject: "Kept" });
  const [kept] = await follow(begun, "Kept");
  await save(first.port);
  await deliver(other, { subject: "Lost" });
  const lost = (await follow(begun, "Lost")).at(-1);
  const lostState = await state(ask);

  process.kill(first.pid, "SIGKILL");
  await first.stop();
  const second = await startRedis({ folder, port: first.port });
  // Those who serve are stopped before it.
  endings.push(second.stop);
  await deliver(other, { subject: "After" });
  await state(ask);
  // Those who listen already are sent away, since the gateway was further than the log is now.
  const again = await follow(begun, "After").catch(() => follow(begun, "After"));
  assert.deepEqual(
    again.map(({ message }) => message.subject),
    ["Kept", "Lost", "After"],
  );
  assert.deepEqual(again[0], kept);
  assert.ok(lost && !again.some(({ id }) => id === lost.id), "its position is given to no other event, nor to itself");
  const { body } = await ask<{ created: string[] }>(`/v1/accounts/alice/changes?since=${lostState}`);
  assert.equal(body.created.length, 2, "what was lost is told again to those who have it, and nothing is missed");
});
