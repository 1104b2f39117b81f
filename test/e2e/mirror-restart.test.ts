import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { ImapFlow } from "imapflow";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { temporaryFolder } from "../servers/process.ts";
import { type RecordingProxy, startRecordingProxy } from "../servers/proxy.ts";
import { type Ask, askWith } from "./client.ts";
import { type House, startHouse } from "./house.ts";
import { deliver, otherClient } from "./mailbox.ts";

interface Page {
  items: { subject: string; flags: string[] }[];
  total: number;
}

const path = "/v1/accounts/alice/messages?mailbox=inbox&limit=50";

describe("the first list after a restart, with what was learnt before it", () => {
  let house: House;
  let dovecot: DovecotServer;
  let proxy: RecordingProxy;
  let other: ImapFlow;
  let ask: Ask;
  const env = { POSTERN_DATA_DIR: temporaryFolder("postern-restart-") };
  const endings: (() => Promise<unknown>)[] = [];

  before(async () => {
    dovecot = await startDovecot();
    endings.unshift(dovecot.stop);
    proxy = await startRecordingProxy(dovecot);
    endings.unshift(proxy.stop);
    other = await otherClient(dovecot, "alice");
    endings.unshift(() => other.logout());
    await deliver(other, ...Array.from({ length: 60 }, (_, index) => ({ subject: `Letter ${index}` })));
    await other.mailboxOpen("INBOX");
    await start();
    endings.unshift(() => house.stop());
    const imap = { host: proxy.host, port: proxy.port, security: "none", ...dovecot.user("alice") };
    const { status } = await ask("/v1/accounts?verify=true", { body: { id: "alice", imap } });
    assert.equal(status, 201);
  });

  after(async () => {
    for (const end of endings) await end();
  });

  async function start(): Promise<void> {
    house = await startHouse("together", env);
    ask = askWith(house.urls, house.adminToken);
  }

  /** Another process, and what it sends after its logins for its first list. */
  async function restart(): Promise<{ body: Page; commands: string[] }> {
    await house.stop();
    await start();
    proxy.all.length = 0;
    const { status, body } = await ask<Page>(path);
    assert.equal(status, 200);
    return { body, commands: proxy.all.filter((command) => !toLogIn.test(command)) };
  }

  test("is a STATUS where nothing has changed", async () => {
    const before = await ask<Page>(path);
    const { body, commands } = await restart();
    assert.deepEqual(body.items, before.body.items);
    assert.equal(body.total, before.body.total);
    assert.deepEqual(
      commands.map((command) => command.split(" ")[0]),
      ["STATUS"],
    );
  });

  test("is at most four commands where something has, none of which fetches what has not", async () => {
    const { body: before } = await ask<Page>(path);
    await house.stop();
    await deliver(other, { subject: "New" }, { subject: "Newer" });
    await other.messageFlagsAdd({ uid: "58" }, ["\\Flagged"], { uid: true });
    await other.messageDelete("59", { uid: true });
    await start();
    const { body, commands } = await restart();
    assert.ok(commands.length <= 4, commands.join("\n"));
    assert.equal(body.total, before.total + 1);
    assert.deepEqual(
      body.items.slice(0, 5).map(({ subject }) => subject),
      ["Newer", "New", "Letter 59", "Letter 57", "Letter 56"],
    );
    assert.deepEqual(body.items[3]?.flags, ["\\Flagged"]);
    const fetches = commands.filter((command) => /FETCH/.test(command));
    assert.ok(
      fetches.every((command) => command.startsWith("UID FETCH 61:62 ")),
      fetches.join("\n"),
    );
  });
});

const toLogIn = /^(CAPABILITY|LOGIN|AUTHENTICATE|ID|NAMESPACE|LOGOUT)\b/;
