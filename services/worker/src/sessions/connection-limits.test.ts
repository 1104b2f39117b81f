import assert from "node:assert/strict";
import { test } from "node:test";
import { type Behaviour, bye, drop, hangUp, no, type ScriptedServer } from "@postern/test/servers/scripted";
import { scripted } from "../imap/testing.ts";
import { HostPlaces } from "./limits.ts";
import { count, failureOf, type Holding, houseAt, letIn, limitedTo, type SessionsHouse, told } from "./testing.ts";

/** So many jobs at the same time, each of which waits for the others as far as they get. */
async function crowd(house: SessionsHouse, size: number, atOnce: number): Promise<void> {
  const jobs = Array.from({ length: size }, () => house.hold());
  const running: Holding[] = [];
  for (const job of jobs) job.done.catch(() => undefined);
  while (running.length < atOnce) {
    const started = jobs.filter((job) => !running.includes(job));
    running.push(await Promise.race(started.map((job) => job.started.then(() => job))));
  }
  for (const job of jobs) job.letGo();
  await Promise.all(jobs.map(({ done }) => done));
}

/** In the words of several servers. */
const refusals: Record<string, Behaviour> = {
  "NO [LIMIT]": no("[LIMIT] Too many connections"),
  "NO [UNAVAILABLE]": no("[UNAVAILABLE] Maximum number of connections from user+IP exceeded"),
  "NO without a code": no("Too many simultaneous connections. (Failure)"),
  "NO [AUTHENTICATIONFAILED] and the reason in words": no("[AUTHENTICATIONFAILED] Too many simultaneous connections"),
  BYE: bye("Too many connections for this user"),
  "an end without a word": hangUp,
  "a cut": drop,
};

for (const [name, otherwise] of Object.entries(refusals)) {
  test(`a server that says ${name} to the fourth connection is asked for three from then on, and all are served`, async (t) => {
    const { script, most } = limitedTo(3, otherwise);
    const server = await scripted(t, script);
    const house = houseAt(t, server);
    await crowd(house, 8, 3);
    const logins = count(server, "LOGIN");
    house.clock.now += 30_000;
    await crowd(house, 8, 3);
    assert.equal(most(), 3);
    assert.equal(count(server, "LOGIN"), logins, "the limit is not tried again");
    assert.ok(!house.states.some((state) => /authenticationFailed|unreachable/.test(state)), house.states.join());
  });
}

test("a limit that is counted only after the login is learnt as well", async (t) => {
  let inside = 0;
  const late: Behaviour = async (connection, command) => {
    inside += 1;
    await letIn(connection, command);
    if (inside <= 2) return;
    await connection.say("* BYE [LIMIT] Too many connections for this user");
    connection.end();
  };
  const server = await scripted(t, { on: { LOGIN: late } });
  const house = houseAt(t, server);
  await crowd(house, 6, 2);
  const logins = count(server, "LOGIN");
  await crowd(house, 6, 2);
  assert.equal(count(server, "LOGIN"), logins);
});

test("after a while one more is tried, in case the limit was raised", async (t) => {
  let limit = 2;
  const first = limitedTo(2, no("[LIMIT] Too many connections"));
  const second = limitedTo(5, no("[LIMIT] Too many connections"));
  const login: Behaviour = (connection, command) =>
    (limit === 2 ? first : second).script.on?.LOGIN?.(connection, command);
  const server = await scripted(t, { on: { LOGIN: login } });
  const house = houseAt(t, server);
  await crowd(house, 4, 2);
  limit = 5;
  house.clock.now += 10 * 60_000;
  await crowd(house, 4, 3);
  assert.equal(server.connections(), 3);
});

test("where others have taken all connections of the account, one is told of the limit and when to come again", async (t) => {
  const server = await scripted(t, { on: { LOGIN: no("[LIMIT] Too many connections") } });
  const house = houseAt(t, server);
  const failure = await failureOf(house.use((session) => session.noop()));
  assert.equal(failure.code, "upstream-connection-limit");
  assert.equal(failure.upstream?.code, "LIMIT");
  assert.ok(failure.retryAfter !== undefined);
  await told(failureOf(house.use((session) => session.noop())), "upstream-connection-limit", /Too many connections/);
  assert.equal(house.attempts(), 1, "it is not tried again at once");
});

test("a server that was away for a moment is not taken for one with a limit of one", async (t) => {
  let isAway = true;
  const flaky: Behaviour = (connection, command) => (isAway ? connection.drop() : letIn(connection, command));
  const server = await scripted(t, { on: { LOGIN: flaky } });
  const house = houseAt(t, server);
  const jobs = Array.from({ length: 5 }, () => house.hold());
  for (const { done } of jobs) await told(failureOf(done), "upstream-unreachable", /./);
  isAway = false;
  house.clock.now += 1_000;
  await crowd(house, 5, 5);
});

test("no more than five connections are opened for an account, however many jobs there are", async (t) => {
  const { script, most } = limitedTo(100, drop);
  const server = await scripted(t, script);
  await crowd(houseAt(t, server), 20, 5);
  assert.equal(most(), 5);
});

test("downloads never take the last place: who waits in front of a screen is served while they go on", async (t) => {
  const server = await scripted(t);
  const house = houseAt(t, server);
  const downloads = Array.from({ length: 10 }, () => house.hold({ lane: "bulk" }));
  await Promise.all(downloads.slice(0, 4).map(({ started }) => started));
  await house.use((session) => session.noop());
  assert.equal(downloads.filter(({ hasStarted }) => hasStarted()).length, 4);
  for (const { letGo } of downloads) letGo();
  await Promise.all(downloads.map(({ done }) => done));
});

test("when too many wait for an account, the next is told to come again; those who wait are served", async (t) => {
  const server = await scripted(t);
  const house = houseAt(t, server);
  const busy = Array.from({ length: 5 }, () => house.hold());
  await Promise.all(busy.map(({ started }) => started));
  const waiting = Array.from({ length: 500 }, () => house.use((session) => session.noop()));
  const failure = await failureOf(house.use((session) => session.noop()));
  assert.equal(failure.code, "too-many-requests");
  assert.equal(failure.retryAfter, 1);
  for (const { letGo } of busy) letGo();
  await Promise.all(waiting);
});

/** The most connections at once, looked at whenever there is one more. */
function peak(server: () => ScriptedServer): { watch: Behaviour; most: () => number } {
  let most = 0;
  const watch: Behaviour = (connection, command) => {
    most = Math.max(most, server().connections());
    return letIn(connection, command);
  };
  return { watch, most: () => most };
}

test("a host's places are shared by accounts: what one does not use is logged out for another", async (t) => {
  const { watch, most } = peak(() => server);
  const server = await scripted(t, { on: { LOGIN: watch } });
  const house = houseAt(t, server, { places: new HostPlaces(2) });
  for (const account of ["ada", "bob", "eve", "ada", "bob"]) await house.use((session) => session.noop(), { account });
  assert.equal(most(), 2);
  assert.equal(count(server, "LOGIN"), 5);
  assert.equal(count(server, "LOGOUT"), 3);
});

test("an account that is always busy does not keep others of the host out", async (t) => {
  const { watch, most } = peak(() => server);
  const server = await scripted(t, { on: { LOGIN: watch } });
  const house = houseAt(t, server, { places: new HostPlaces(2) });
  const busy = Array.from({ length: 4 }, () => house.hold());
  await Promise.race(busy.map(({ started }) => started));
  const other = house.use((session) => session.noop(), { account: "bob" });
  for (const { letGo } of busy) letGo();
  await Promise.all([other, ...busy.map(({ done }) => done)]);
  assert.equal(most(), 2);
});

test("who waits in vain for a place of the host is told so", async (t) => {
  const server = await scripted(t);
  const house = houseAt(t, server, { places: new HostPlaces(1) });
  const busy = house.hold();
  await busy.started;
  const waiting = house.use((session) => session.noop(), { account: "bob", withinMs: 1 });
  await told(failureOf(waiting), "upstream-timeout", /No connection to the mail host was to be had/);
  busy.letGo();
  await busy.done;
});
