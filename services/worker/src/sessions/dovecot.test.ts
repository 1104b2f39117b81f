import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type DovecotOptions, type DovecotServer, startDovecot } from "@postern/test/servers";
import { failureOf, houseAt, type SessionsHouse, told } from "./testing.ts";

async function withDovecot(
  t: TestContext,
  options: DovecotOptions = {},
): Promise<{ server: DovecotServer; house: SessionsHouse }> {
  const server = await startDovecot(options);
  t.after(() => server.stop());
  const house = houseAt(t, server);
  house.settings.password = server.user("ada").password;
  return { server, house };
}

/** Dovecot counts a connection a moment after it has let it in; until then it lets more in than it should. */
async function counted(server: DovecotServer, expected: number): Promise<void> {
  const count = async (): Promise<number> => {
    const [, line = ""] = (await server.doveadm("-f", "tab", "who", "ada")).trim().split("\n");
    return Number(line.split("\t")[1] ?? 0);
  };
  while ((await count()) !== expected) await new Promise(setImmediate);
}

test("Dovecot's limit of connections is learnt from its refusal, and kept to", async (t) => {
  const { server, house } = await withDovecot(t, { maxConnections: 2 });
  const first = [house.hold(), house.hold()];
  await Promise.all(first.map(({ started }) => started));
  await counted(server, 2);
  const work = (): Promise<unknown>[] =>
    Array.from({ length: 10 }, () => house.use((session) => session.examine("INBOX")));
  const others = work();
  for (const { letGo } of first) letGo();
  await Promise.all([...others, ...first.map(({ done }) => done)]);
  while ((house.sessions.counts().states.opening ?? 0) > 0) await new Promise(setImmediate);
  const attempts = house.attempts();
  assert.ok(attempts > 2);
  await Promise.all(work());
  assert.equal(house.attempts(), attempts);
  assert.ok((house.sessions.counts().states.free ?? 0) >= 2, "what was let in is kept");
  assert.ok(house.states.every((state) => state === "1 connected"));
});

test("where others have all of Dovecot's connections, the account is not taken for refused, and read when one is free", async (t) => {
  const { server, house } = await withDovecot(t, { maxConnections: 1 });
  const other = houseAt(t, server);
  other.settings.password = house.settings.password;
  const busy = other.hold();
  await busy.started;
  await counted(server, 1);
  const failure = await failureOf(house.use((session) => session.noop()));
  assert.ok(["upstream-connection-limit", "upstream-unreachable"].includes(failure.code), failure.code);
  assert.match(failure.detail ?? "", /Maximum number of connections/);
  busy.letGo();
  await busy.done;
  await other.sessions.drain();
  house.clock.now += 60_000;
  await house.use((session) => session.examine("INBOX"));
});

test("Dovecot's refusal of a wrong password is told in its words, and not tried again until it is changed", async (t) => {
  const { server, house } = await withDovecot(t);
  house.settings.password = "wrong";
  for (let time = 0; time < 3; time += 1) {
    await told(failureOf(house.use((session) => session.noop())), "account-reauth-required", /Authentication failed/);
    house.clock.now += 3_600_000;
  }
  assert.equal(house.attempts(), 1);
  house.settings.generation = 2;
  house.settings.password = server.user("ada").password;
  await house.use((session) => session.noop());
});

test("who is kicked out by Dovecot's operator is in again without the caller noticing", async (t) => {
  const { server, house } = await withDovecot(t);
  const jobs = [house.hold(), house.hold()];
  await Promise.all(jobs.map(({ started }) => started));
  for (const { letGo } of jobs) letGo();
  await Promise.all(jobs.map(({ done }) => done));
  await server.doveadm("kick", "ada");
  assert.equal((await house.use((session) => session.examine("INBOX")))?.path, "INBOX");
  assert.equal((await house.use((session) => session.examine("INBOX")))?.path, "INBOX");
});

test("a Dovecot that is gone is named as unreachable, with the cause", async (t) => {
  const { server, house } = await withDovecot(t);
  await house.use((session) => session.noop());
  await server.stop();
  await told(failureOf(house.use((session) => session.noop())), "upstream-unreachable", /refused the connection/);
  assert.match(house.states.at(-1) ?? "", /^1 unreachable: The mail server refused the connection/);
});

test("closing logs out of Dovecot", async (t) => {
  const { server, house } = await withDovecot(t);
  await house.use((session) => session.examine("INBOX"));
  await house.sessions.drain();
  // Its log is written by a process of its own.
  while (!/imap\(ada\).*Logged out/.test(await server.log())) await new Promise(setImmediate);
});
