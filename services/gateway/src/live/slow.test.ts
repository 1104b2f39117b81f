import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { test } from "node:test";
import type { Event } from "@postern/protocol";
import { SseStream } from "./sse.ts";
import { createWatchdog } from "./watchdog.ts";

const event: Event = {
  id: "1-1",
  type: "account.connected",
  time: "2026-01-02T03:04:05.678Z",
  accountId: "a",
  cause: null,
  account: { state: "connected", detail: "x".repeat(10_000) },
};

/** A stream to somebody who takes nothing, from a source that never ends; and how much of it was read. */
function unread() {
  const over = new AbortController();
  let read = 0;
  async function* endless(): AsyncGenerator<readonly Event[]> {
    while (!over.signal.aborted) {
      read += 1;
      yield [event];
    }
  }
  const options = { source: endless(), wants: () => true, idAfter: () => "1-1", idNow: "1-0", signal: over.signal };
  const stream = new SseStream(options);
  stream.body.on("error", () => undefined);
  stream.body.pipe(new Writable({ write: () => undefined }));
  return { stream, read: () => read, end: () => over.abort() };
}

/** As long as something may still be under way. */
async function settled(look: () => unknown): Promise<void> {
  for (let [before, same] = [look(), 0]; same < 50; ) {
    await new Promise(setImmediate);
    same = look() === before ? same + 1 : 0;
    before = look();
  }
}

test("to who does not read no more is read than a little, and it is known since when", async () => {
  const { stream, read, end } = unread();
  await settled(read);
  assert.ok(read() > 0 && read() < 10, `${read()} batches were read ahead`);
  assert.equal(typeof stream.stuckSince(), "number");
  end();
  stream.body.destroy();
});

test("who has not read for half a minute is cut off, and nobody else", { timeout: 30_000 }, async (t) => {
  const { stream, read, end } = unread();
  await settled(read);
  let now = Date.now();
  const watchdog = createWatchdog(
    async () => true,
    () => now,
  );
  t.after(watchdog.close);
  const cut = Promise.withResolvers<string>();
  watchdog.add({ actor: "one", stuckSince: () => stream.stuckSince(), end: cut.resolve });
  watchdog.add({ actor: "other", stuckSince: () => null, end: () => assert.fail("they read") });
  now += 31_000;
  assert.equal(await cut.promise, "slow");
  end();
  stream.body.destroy();
});

test("whose token is valid no longer is ended within five seconds, with all their streams", {
  timeout: 30_000,
}, async (t) => {
  const valid = new Set(["one", "other"]);
  const watchdog = createWatchdog(async (actor) => valid.has(actor));
  t.after(watchdog.close);
  const ends = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
  for (const { resolve } of ends) watchdog.add({ actor: "one", stuckSince: () => null, end: resolve });
  watchdog.add({ actor: "other", stuckSince: () => null, end: () => assert.fail("it is valid") });
  valid.delete("one");
  const revoked = await Promise.all(ends.map(({ promise }) => promise));
  assert.deepEqual(revoked, ["revoked", "revoked"]);
});
