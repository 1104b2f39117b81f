import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { drop, type Script, type ScriptedServer, silence } from "@postern/test/servers/scripted";
import { scripted } from "../imap/testing.ts";
import { count, failureOf, houseAt, type SessionsHouse, told } from "./testing.ts";

const MINUTE = 60_000;

interface Tended {
  server: ScriptedServer;
  house: SessionsHouse;
  /** Lets time pass, up to the next look at what is free. */
  pass: (ms: number) => void;
}

async function tended(t: TestContext, script: Script = {}): Promise<Tended> {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const server = await scripted(t, script);
  const house = houseAt(t, server);
  const pass = (ms: number): void => {
    house.clock.now += ms;
    t.mock.timers.tick(30_000);
  };
  return { server, house, pass };
}

test("a session that nobody uses for two minutes is kept alive, and keeps its mailbox", async (t) => {
  const { server, house, pass } = await tended(t);
  await house.use((session) => session.examine("INBOX"));
  pass(MINUTE);
  assert.equal(count(server, "NOOP"), 0);
  const noop = server.next("NOOP");
  pass(MINUTE);
  await noop;
  await freeAgain(house);
  assert.equal(await house.use(async (session) => session.selected, { mailbox: "INBOX" }), "INBOX");
});

test("being kept alive is no use: what nobody uses is logged out after five minutes", async (t) => {
  const { server, house, pass } = await tended(t);
  await house.use((session) => session.noop());
  for (let alive = 0; alive < 2; alive += 1) {
    const noop = server.next("NOOP");
    pass(2 * MINUTE);
    await noop;
    await freeAgain(house);
  }
  const logout = server.next("LOGOUT");
  pass(2 * MINUTE);
  await logout;
  assert.equal(count(server, "NOOP"), 3);
});

/** The answer to what keeps alive has come: a job is given the session. */
async function freeAgain({ sessions }: SessionsHouse): Promise<void> {
  while (sessions.counts().states.free === 0) await new Promise(setImmediate);
}

test("what is used is not sent anything to keep it alive", async (t) => {
  const { server, house, pass } = await tended(t);
  for (let minute = 0; minute < 10; minute += 1) {
    await house.use((session) => session.examine("INBOX"));
    pass(MINUTE);
  }
  assert.equal(count(server, "NOOP"), 0);
  assert.equal(count(server, "LOGIN"), 1);
});

test("a session that does not answer to being kept alive hinders nobody", async (t) => {
  const { server, house, pass } = await tended(t, { on: { NOOP: silence } });
  await house.use((session) => session.examine("INBOX"));
  const noop = server.next("NOOP");
  pass(2 * MINUTE);
  await noop;
  await house.use((session) => session.examine("INBOX"));
  assert.equal(count(server, "LOGIN"), 2);
});

test("a session that dies of being kept alive is let go of", async (t) => {
  const { server, house, pass } = await tended(t, { on: { NOOP: drop } });
  await house.use((session) => session.examine("INBOX"));
  const noop = server.next("NOOP");
  pass(2 * MINUTE);
  await noop;
  await house.use((session) => session.examine("INBOX"));
  assert.equal(count(server, "LOGIN"), 2);
});

test("a server's limit is remembered when all sessions have been logged out for want of use", async (t) => {
  let inside = 0;
  const { server, house, pass } = await tended(t, {
    on: {
      LOGIN: async (connection, { tag }) => {
        inside += 1;
        if (inside > 1 && server.connections() > 1) return connection.say(`${tag} NO [LIMIT] One is enough`);
        connection.loggedIn = true;
        return connection.say(`${tag} OK [CAPABILITY IMAP4rev1] Logged in`);
      },
    },
  });
  const pair = async (): Promise<void> => {
    const [first, second] = [house.hold(), house.hold()];
    await Promise.race([first.started, second.started]);
    for (const { letGo } of [first, second]) letGo();
    await Promise.all([first.done, second.done]);
  };
  await pair();
  const logout = server.next("LOGOUT");
  pass(5 * MINUTE);
  await logout;
  while (house.sessions.counts().states.closing !== 0) await new Promise(setImmediate);
  pass(0);
  const logins = count(server, "LOGIN");
  await pair();
  assert.equal(count(server, "LOGIN"), logins + 1);
});

test("closing logs out of everything, and is over when every server has said goodbye", async (t) => {
  const goodbye = Promise.withResolvers<void>();
  const server = await scripted(t, {
    on: {
      LOGOUT: async (connection, { tag }) => {
        await goodbye.promise;
        await connection.say("* BYE Until next time", `${tag} OK done`);
        connection.end();
      },
    },
  });
  const house = houseAt(t, server);
  const jobs = [house.hold(), house.hold(), house.hold({ account: "bob" })];
  await Promise.all(jobs.map(({ started }) => started));
  for (const { letGo } of jobs) letGo();
  await Promise.all(jobs.map(({ done }) => done));
  const asked = server.next("LOGOUT");
  let isOver = false;
  const over = house.sessions.drain().finally(() => {
    isOver = true;
  });
  await asked;
  assert.equal(isOver, false);
  assert.equal(house.sessions.counts().states.closing, 3);
  goodbye.resolve();
  await over;
  assert.equal(count(server, "LOGOUT"), 3);
  assert.deepEqual(house.sessions.counts().states, { opening: 0, free: 0, lent: 0, closing: 0 });
});

test("closing lets what is under way end well, and refuses what comes", async (t) => {
  const server = await scripted(t);
  const house = houseAt(t, server);
  const job = house.hold();
  await job.started;
  const over = house.sessions.drain();
  await told(failureOf(house.use((session) => session.noop())), "unavailable", /leaving/);
  assert.equal(count(server, "LOGOUT"), 0);
  job.letGo();
  await job.done;
  await over;
  assert.equal(count(server, "LOGOUT"), 1);
});

test("closing waits for the sessions of an account that was changed a moment ago as well", async (t) => {
  const server = await scripted(t);
  const house = houseAt(t, server);
  const job = house.hold();
  await job.started;
  house.sessions.forget("ada");
  let isOver = false;
  const over = house.sessions.drain().finally(() => {
    isOver = true;
  });
  await new Promise(setImmediate);
  assert.equal(isOver, false);
  job.letGo();
  await job.done;
  await over;
  assert.equal(count(server, "LOGOUT"), 1);
});

test("destroying cuts everything at once", async (t) => {
  const server = await scripted(t);
  const house = houseAt(t, server);
  const job = house.hold();
  await job.started;
  house.sessions.destroy();
  assert.deepEqual(house.sessions.counts().states, { opening: 0, free: 0, lent: 0, closing: 0 });
  job.letGo();
  await job.done;
  assert.equal(count(server, "LOGOUT"), 0);
});
