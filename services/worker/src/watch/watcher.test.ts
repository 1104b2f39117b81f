import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { type DovecotOptions, startDovecot } from "@postern/test/servers";
import { type RecordingProxy, startRecordingProxy } from "@postern/test/servers/proxy";
import { type CoreOver, newCall, startCore } from "../testing/core-house.ts";
import { letter, RawClient } from "../testing/raw-client.ts";
import { createWatch } from "./watch.ts";
import { Watcher, type WatcherTimes } from "./watcher.ts";

interface Scene extends CoreOver {
  /** What the watcher and all others of Postern have said to the server. */
  proxy: RecordingProxy;
  client: RawClient;
}

/** Postern behind a line that can fall silent, and another client that has one of its own. */
async function scene(t: TestContext, options: DovecotOptions = {}): Promise<Scene> {
  const server = await startDovecot(options);
  t.after(server.stop);
  const proxy = await startRecordingProxy(server);
  t.after(proxy.stop);
  const over = await startCore({ host: proxy.host, port: proxy.port, user: server.user });
  t.after(over.stop);
  const client = await RawClient.login(server, server.user("alice"));
  t.after(() => client.close());
  return { ...over, proxy, client };
}

/** A watcher, and the way to wait until it had news so many times. */
function watching(t: TestContext, { parts, sessions }: Scene, times: Partial<WatcherTimes> = {}) {
  let told = 0;
  let wake = Promise.withResolvers<void>();
  const watcher = new Watcher({
    account: "alice",
    sessions: parts.sessions,
    onNews: () => {
      told += 1;
      wake.resolve();
      wake = Promise.withResolvers();
    },
    isWanted: () => sessions.isWanted("alice"),
    times,
  });
  t.after(() => watcher.stop());
  return async (more: number): Promise<void> => {
    const enough = told + more;
    while (told < enough) await wake.promise;
  };
}

const count = ({ proxy }: Scene, command: RegExp): number => proxy.all.filter((each) => command.test(each)).length;

/** Resolves when Postern has said it so many times. */
async function said(on: Scene, command: RegExp, times: number): Promise<void> {
  while (count(on, command) < times) await new Promise(setImmediate);
}

describe("a watcher", { timeout: 60_000 }, () => {
  test("that is stopped while it gives up its connection has stopped", async (t) => {
    const { parts } = await scene(t);
    const asked = Promise.withResolvers<Promise<void>>();
    const watcher = new Watcher({
      account: "alice",
      sessions: parts.sessions,
      onNews: () => undefined,
      isWanted: () => {
        asked.resolve(watcher.stop());
        return true;
      },
    });
    await asked.promise;
  });

  test("notices that its connection is half open, and listens on another", async (t) => {
    const on = await scene(t);
    const news = watching(t, on, { listen: 100, answer: 100, again: [0] });
    await said(on, /^IDLE/, 1);
    on.proxy.hold();
    const before = count(on, /^EXAMINE/);
    await said(on, /^EXAMINE/, before + 1);
    await said(on, /^IDLE/, count(on, /^IDLE/) + 1);
    const come = news(1);
    await on.client.append("INBOX", [letter({ subject: "On the new one" })]);
    await come;
  });

  test("is told of all mailboxes by NOTIFY, and enters IDLE again and again", async (t) => {
    const on = await scene(t);
    await on.client.command("CREATE Elsewhere");
    const news = watching(t, on, { listen: 50 });
    await said(on, /^IDLE/, 3);
    assert.equal(count(on, /^NOTIFY SET/), 1);
    const come = news(1);
    await on.client.append("Elsewhere", [letter({ subject: "New" })]);
    await come;
    const flagged = news(1);
    await on.client.command("SELECT Elsewhere");
    await on.client.command("STORE 1 +FLAGS (\\Seen)");
    await flagged;
    assert.equal(count(on, /^(UID )?FETCH/), 0);
  });

  for (const [without, command] of [
    [["NOTIFY"], /^LIST .*STATUS/],
    [["NOTIFY", "LIST-STATUS"], /^STATUS/],
  ] as const)
    test(`asks for the other mailboxes' counters without ${without.join(" and ")}, between one IDLE and the next`, async (t) => {
      const on = await scene(t, { without: [...without] });
      await on.client.command("CREATE Elsewhere");
      // When it begins to listen, and at its first look.
      const news = watching(t, on, { listen: 50, askEach: 50 });
      await news(2);
      await said(on, command, 1);
      const come = news(1);
      await on.client.append("Elsewhere", [letter({ subject: "New" })]);
      await come;
      await said(on, /^IDLE/, count(on, /^IDLE/) + 1);
      assert.equal(count(on, /^NOTIFY/), 0);
    });

  test("gives its connection up for those who wait for one, and comes back", async (t) => {
    const on = await scene(t, { maxConnections: 2 });
    watching(t, on, { yield: 50 });
    await said(on, /^IDLE/, 1);
    const page = await on.core.listMessages({ account: "alice", limit: 9, fields: ["id"] }, newCall());
    assert.ok(!page.notModified);
    await said(on, /^IDLE/, 2);
  });
});

test("an account that nobody follows any more has no watcher", { timeout: 60_000 }, async (t) => {
  const on = await scene(t);
  const watch = createWatch({
    core: on.parts,
    log: on.store.events,
    isWanted: on.sessions.isWanted,
    isOwned: () => true,
    onError: (error) => assert.fail(String(error)),
    times: { follow: 200, tendEvery: 20 },
  });
  t.after(watch.stop);
  await on.core.listMessages({ account: "alice", limit: 9, fields: ["id"] }, newCall());
  await watch.operations.getChanges({ account: "alice", limit: 9 }, newCall());
  assert.equal(count(on, /^IDLE/), 0);
  await watch.operations.followAccount({ account: "alice" }, newCall());
  await said(on, /^IDLE/, 1);
  while (watch.size > 0) await new Promise(setImmediate);
  await said(on, /^NOTIFY NONE/, 1);
});
