import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { isFailure } from "@postern/protocol";
import { type Behaviour, startScriptedImap } from "@postern/test/servers/scripted";
import { LoginPace } from "./login-pace.ts";
import { houseAt, letIn } from "./testing.ts";

const never = new AbortController().signal;

/** A pace under a clock that goes when it is told to, and when each login began. */
function paced(t: TestContext, options: { atOnce: number; burst: number; perSecond: number }) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let now = 0;
  let seed = 1;
  const random = (): number => {
    seed = (seed * 16_807) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const pace = new LoginPace({ ...options, now: () => now, random });
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return {
    pace,
    now: () => now,
    go: async (ms: number) => {
      await settle();
      for (const until = now + ms; now < until; ) {
        now += 1;
        t.mock.timers.tick(1);
        await settle();
      }
    },
  };
}

test("a thousand logins that come at once begin at the host's pace, and not in step", async (t) => {
  const { pace, now, go } = paced(t, { atOnce: 1_000, burst: 20, perSecond: 100 });
  const starts: number[] = [];
  for (let login = 0; login < 1_000; login += 1) void pace.turn("h", true, never).then(() => starts.push(now()));
  await go(12_000);
  assert.equal(starts.length, 1_000);
  for (const [index, start] of starts.entries()) {
    const within = starts.filter((other) => other >= start && other < start + 1_000).length;
    assert.ok(within <= 20 + 150, `${within} logins in the second after the ${index}th`);
  }
  const gaps = new Set(starts.slice(20).map((start, index) => start - (starts[index + 19] ?? 0)));
  assert.ok(gaps.size > 5, "all gaps are alike");
});

test("so many are under way at once, and another host has its own pace", async (t) => {
  const { pace, go } = paced(t, { atOnce: 2, burst: 10, perSecond: 100 });
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const login = async (host: string, name: string): Promise<void> => {
    const end = await pace.turn(host, true, never);
    begun.push(name);
    ends.push(end);
  };
  const all = [login("h", "a"), login("h", "b"), login("h", "c"), login("other", "d")];
  await go(1);
  assert.deepEqual(begun, ["a", "b", "d"]);
  ends[0]?.();
  ends[0]?.();
  await go(1);
  await Promise.all(all);
  assert.deepEqual(begun, ["a", "b", "d", "c"]);
});

test("an account without a connection comes before one that wants another", async (t) => {
  const { pace, go } = paced(t, { atOnce: 1, burst: 10, perSecond: 100 });
  const begun: string[] = [];
  const login = async (name: string, isFirst: boolean): Promise<void> => {
    const done = await pace.turn("h", isFirst, never);
    begun.push(name);
    done();
  };
  const hold = await pace.turn("h", true, never);
  const all = [login("further", false), login("first", true), login("second", true)];
  hold();
  await go(1);
  await Promise.all(all);
  assert.deepEqual(begun, ["first", "second", "further"]);
});

test("who does not want it any more is let go at once", async (t) => {
  const { pace } = paced(t, { atOnce: 1, burst: 10, perSecond: 100 });
  await pace.turn("h", true, never);
  const controller = new AbortController();
  const waiting = pace.turn("h", true, controller.signal);
  controller.abort();
  await assert.rejects(waiting, (error) => isFailure(error, "unavailable"));
  await assert.rejects(pace.turn("h", true, controller.signal), (error) => isFailure(error, "unavailable"));
});

test("a thousand accounts that come at once log in, a few at a time", { timeout: 120_000 }, async (t) => {
  let most = 0;
  let held: (() => void)[] = [];
  // Nobody is answered before ten are there: were there never so many, this would not end.
  const login: Behaviour = async (connection, command) => {
    await new Promise<void>((resolve) => {
      held.push(resolve);
      most = Math.max(most, held.length);
      if (held.length === 10) setImmediate(letAllIn);
    });
    return letIn(connection, command);
  };
  const letAllIn = (): void => {
    for (const resolve of held) resolve();
    held = [];
  };
  const server = await startScriptedImap({ on: { LOGIN: login } });
  t.after(server.stop);
  const house = houseAt(t, server, { logins: new LoginPace({ atOnce: 10, burst: 20, perSecond: 5_000 }) });
  const accounts = Array.from({ length: 1_000 }, (_, index) => `account-${index}`);
  await Promise.all(accounts.map((account) => house.use((session) => session.noop(), { account })));
  assert.equal(most, 10);
  assert.equal(server.commands.filter(({ name }) => name === "LOGIN").length, 1_000);
});
