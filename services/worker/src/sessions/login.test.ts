import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "@postern/protocol";
import { type Behaviour, bye, drop, hangUp, inTurn, no, silence } from "@postern/test/servers/scripted";
import { scripted } from "../imap/testing.ts";
import { count, failureOf, houseAt, letIn, told } from "./testing.ts";

test("a refused login is told with the server's words, and not tried again", async (t) => {
  const server = await scripted(t, { password: "another" });
  const house = houseAt(t, server);
  for (let time = 0; time < 3; time += 1) {
    const failure = await failureOf(house.use((session) => session.noop()));
    assert.equal(failure.code, "account-reauth-required");
    assert.match(failure.detail ?? "", /Wrong user or password/);
    assert.deepEqual(failure.upstream, {
      status: "NO",
      code: "AUTHENTICATIONFAILED",
      text: "Wrong user or password",
    });
    house.clock.now += 24 * 3_600_000;
  }
  assert.equal(count(server, "LOGIN"), 1);
  assert.deepEqual(house.states, ["1 authenticationFailed: Wrong user or password"]);
});

test("all who wait while a login is refused are told, and none of them is waited for", async (t) => {
  const server = await scripted(t, { password: "another" });
  const house = houseAt(t, server);
  const jobs = Array.from({ length: 20 }, () => failureOf(house.use((session) => session.noop())));
  for (const job of jobs) await told(job, "account-reauth-required", /Wrong user or password/);
  assert.ok(count(server, "LOGIN") <= 5);
});

test("with new credentials it is tried again", async (t) => {
  const server = await scripted(t, { password: "another" });
  const house = houseAt(t, server);
  await told(failureOf(house.use((session) => session.noop())), "account-reauth-required", /Wrong/);
  house.settings.generation = 2;
  house.settings.password = "another";
  await house.use((session) => session.noop());
  assert.equal(house.states.at(-1), "2 connected");
});

test("a refusal that another process met with is not tried here", async (t) => {
  const server = await scripted(t);
  const house = houseAt(t, server);
  house.settings.refusal = "Wrong user or password";
  await told(failureOf(house.use((session) => session.noop())), "account-reauth-required", /Wrong user or password/);
  assert.equal(house.attempts(), 0);
});

test("a refusal that another process met with since ends what is connected here as well", async (t) => {
  const server = await scripted(t);
  const house = houseAt(t, server);
  await house.use((session) => session.noop());
  house.settings.refusal = "The password was changed";
  await told(failureOf(house.use((session) => session.noop())), "account-reauth-required", /The password was changed/);
});

test("a refusal that another process met with counts no longer than it is on record", async (t) => {
  const server = await scripted(t);
  const house = houseAt(t, server);
  house.settings.refusal = "Wrong user or password";
  await told(failureOf(house.use((session) => session.noop())), "account-reauth-required", /Wrong/);
  house.settings.refusal = null;
  await house.use((session) => session.noop());
});

/** The library calls all of them failed authentications. */
const passing: Record<string, Behaviour> = {
  "[LIMIT]": no("[LIMIT] Not now"),
  "[UNAVAILABLE]": no("[UNAVAILABLE] Backend is down"),
  "Too many simultaneous connections": no("[AUTHENTICATIONFAILED] Too many simultaneous connections"),
  "a temporary failure in words": no("Temporary authentication failure"),
  "BYE in place of an answer": bye("Shutting down"),
  "no answer and the end": hangUp,
  "a cut": drop,
};

for (const [name, behaviour] of Object.entries(passing)) {
  test(`${name} to a login is not taken for a refusal: it is tried again after a rest`, async (t) => {
    const server = await scripted(t, { on: { LOGIN: inTurn(behaviour, letIn) } });
    const house = houseAt(t, server);
    const failure = await failureOf(house.use((session) => session.noop()));
    assert.ok(["upstream-connection-limit", "upstream-unreachable"].includes(failure.code), failure.code);
    house.clock.now += 1_000;
    await house.use((session) => session.noop());
    assert.equal(house.states.length, 2);
    assert.match(house.states[0] ?? "", /^1 unreachable/);
    assert.equal(house.states[1], "1 connected");
  });
}

test("while a server rests nobody connects, and all are told the cause and when to come again", async (t) => {
  const server = await scripted(t, { greeting: bye("Down for maintenance") });
  const house = houseAt(t, server);
  await told(failureOf(house.use((session) => session.noop())), "upstream-unreachable", /Down for maintenance/);
  house.clock.now += 999;
  const failure = await failureOf(house.use((session) => session.noop()));
  assert.match(failure.detail ?? "", /Down for maintenance/);
  assert.equal(failure.retryAfter, 1);
  assert.equal(house.attempts(), 1);
});

test("the rest is longer after each failure, with jitter", async (t) => {
  const server = await scripted(t, { greeting: bye("Down for maintenance") });
  const house = houseAt(t, server, { random: () => 0.5 });
  for (const [attempt, ms] of [750, 1_500, 3_000, 6_000].entries()) {
    await failureOf(house.use((session) => session.noop()));
    assert.equal(house.attempts(), attempt + 1);
    house.clock.now += ms - 1;
    await failureOf(house.use((session) => session.noop()));
    assert.equal(house.attempts(), attempt + 1, "still resting");
    house.clock.now += 1;
  }
});

test("after a rest one tries for all who wait, and all are served when it goes well", async (t) => {
  const login = Promise.withResolvers<void>();
  const slowly: Behaviour = async (connection, command) => {
    await login.promise;
    await letIn(connection, command);
  };
  const server = await scripted(t, { on: { LOGIN: inTurn(drop, slowly) } });
  const house = houseAt(t, server);
  await failureOf(house.use((session) => session.noop()));
  house.clock.now += 1_000;
  const trial = server.next("LOGIN");
  const jobs = Array.from({ length: 10 }, () => house.use((session) => session.noop()));
  await trial;
  assert.equal(house.attempts(), 2);
  login.resolve();
  await Promise.all(jobs);
});

test("a failed attempt to open one more does not hinder what is connected", async (t) => {
  const server = await scripted(t, { on: { LOGIN: inTurn(letIn, silence) } });
  const house = houseAt(t, server, { timeouts: { connectMs: 50, commandMs: 60_000 } });
  const first = house.hold();
  await first.started;
  const trial = server.next("LOGIN");
  const second = house.use((session) => session.noop());
  await trial;
  const failed = house.use((session) => session.noop(), { account: "bob" });
  await told(failureOf(failed), "upstream-timeout", /No answer to the login within/);
  first.letGo();
  await Promise.all([first.done, second]);
  assert.deepEqual(
    house.states.filter((state) => state.startsWith("1 unreachable")),
    ["1 unreachable: No answer to the login within 0.1 s."],
    "only the account that has nothing else",
  );
});

test("a server that never greets is named as the cause", async (t) => {
  const server = await scripted(t, { greeting: null });
  const house = houseAt(t, server, { timeouts: { connectMs: 50, commandMs: 60_000 } });
  const failure = failureOf(house.use((session) => session.noop()));
  await told(failure, "upstream-timeout", /No greeting of the mail server/);
});

test("who waits for a login longer than the request may take is told that it was the login", async (t) => {
  const server = await scripted(t, { on: { LOGIN: silence } });
  const house = houseAt(t, server);
  const waiting = failureOf(house.use((session) => session.noop(), { withinMs: 30 }));
  await told(
    waiting,
    "upstream-timeout",
    /The login at the mail server was not done when the time of the request was over/,
  );
});

test("who waits for busy connections is told that they were busy, and why there are no more of them", async (t) => {
  const server = await scripted(t, { on: { LOGIN: inTurn(letIn, no("[LIMIT] One is enough")) } });
  const house = houseAt(t, server);
  const busy = house.hold();
  await busy.started;
  const refused = server.next("LOGIN");
  const waiting = house.hold();
  await refused;
  const next = failureOf(house.use((session) => session.noop(), { withinMs: 30 }));
  await told(next, "upstream-timeout", /All connections of the account \(1\) were busy .* One is enough/);
  busy.letGo();
  waiting.letGo();
  await Promise.all([busy.done, waiting.done]);
});

test("a caller who gives up does not cancel the login: the session is there for the next", async (t) => {
  const login = Promise.withResolvers<void>();
  const slowly: Behaviour = async (connection, command) => {
    await login.promise;
    await letIn(connection, command);
  };
  const server = await scripted(t, { on: { LOGIN: slowly } });
  const house = houseAt(t, server);
  const caller = new AbortController();
  const asked = server.next("LOGIN");
  const gone = failureOf(house.use((session) => session.noop(), { signal: caller.signal }));
  await asked;
  caller.abort();
  assert.equal((await gone).code, "cancelled");
  login.resolve();
  await house.use((session) => session.noop());
  assert.equal(count(server, "LOGIN"), 1);
});

test("new settings end what was built on the old: what is lent ends its job, and those who wait get a new one", async (t) => {
  const server = await scripted(t);
  const house = houseAt(t, server);
  const [first, second] = [house.hold(), house.hold()];
  await Promise.all([first.started, second.started]);
  second.letGo();
  await second.done;
  const [goodbye, login] = [server.next("LOGOUT"), server.next("LOGIN")];
  house.settings.generation = 2;
  await house.use((session) => session.noop());
  await Promise.all([goodbye, login]);
  assert.equal(house.states.at(-1), "2 connected");
  const end = server.next("LOGOUT");
  first.letGo();
  await Promise.all([first.done, end]);
  assert.equal(count(server, "LOGIN"), 3);
});

test("while an account's settings change, no more connections are open than the account may have", async (t) => {
  const server = await scripted(t);
  const house = houseAt(t, server);
  const old = Array.from({ length: 5 }, () => house.hold());
  await Promise.all(old.map(({ started }) => started));
  house.settings.generation = 2;
  const next = house.use((session) => session.noop());
  assert.equal(server.connections(), 5);
  const connections = new Promise<number>((resolve) => {
    void server.next("LOGIN").then(() => resolve(server.connections()));
  });
  for (const { letGo } of old) letGo();
  await Promise.all([next, ...old.map(({ done }) => done)]);
  assert.ok((await connections) <= 5);
});

test("an old login that is refused after the settings were changed is not held against the new", async (t) => {
  const answer = Promise.withResolvers<void>();
  const late: Behaviour = async (connection, command) => {
    await answer.promise;
    await no("[AUTHENTICATIONFAILED] Wrong user or password")(connection, command);
  };
  const server = await scripted(t, { on: { LOGIN: inTurn(late, letIn) } });
  const house = houseAt(t, server);
  const asked = server.next("LOGIN");
  const first = house.use((session) => session.noop());
  await asked;
  house.settings.generation = 2;
  await house.use((session) => session.noop());
  answer.resolve();
  await first;
  await house.use((session) => session.noop());
});

test("who waits for an account that is deleted meanwhile is told that it is gone", async (t) => {
  const server = await scripted(t);
  const house = houseAt(t, server);
  const busy = Array.from({ length: 5 }, () => house.hold());
  await Promise.all(busy.map(({ started }) => started));
  const waiting = failureOf(house.use((session) => session.noop()));
  house.settings.failure = new Failure("not-found", { detail: "There is no such account." });
  house.sessions.forget("ada");
  for (const { letGo } of busy) letGo();
  await told(waiting, "not-found", /There is no such account/);
});

test("an account that is deleted elsewhere is logged out of at the next call", async (t) => {
  const server = await scripted(t);
  const house = houseAt(t, server);
  await house.use((session) => session.noop());
  const goodbye = server.next("LOGOUT");
  house.settings.failure = new Failure("not-found", { detail: "There is no such account." });
  await told(failureOf(house.use((session) => session.noop())), "not-found", /no such account/);
  await goodbye;
});

test("an account made anew under the same name is logged in with its own credentials", async (t) => {
  const server = await scripted(t);
  const house = houseAt(t, server);
  await house.use((session) => session.noop());
  house.sessions.forget("ada");
  house.settings.password = "wrong";
  await told(failureOf(house.use((session) => session.noop())), "account-reauth-required", /Wrong/);
});
