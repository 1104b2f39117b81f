import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { newReport } from "@postern/protocol";
import {
  type Behaviour,
  bye,
  drop,
  no,
  type Script,
  type ScriptedServer,
  silence,
} from "@postern/test/servers/scripted";
import type { ImapSession } from "../imap/index.ts";
import { scripted } from "../imap/testing.ts";
import { HostPlaces } from "./limits.ts";
import { count, failureOf, houseAt, type SessionsHouse, told } from "./testing.ts";

const LONG = { connectMs: 60_000, commandMs: 24 * 3_600_000 };

/** A house with one free session, and no place for another. From here on, timers go when they are told to. */
async function warm(t: TestContext, script: Script): Promise<{ server: ScriptedServer; house: SessionsHouse }> {
  const server = await scripted(t, script);
  const house = houseAt(t, server, { timeouts: LONG, places: new HostPlaces(1) });
  await house.use((session) => session.noop());
  t.mock.timers.enable({ apis: ["setTimeout"] });
  return { server, house };
}

const search = (session: ImapSession): Promise<number[]> => session.search({ all: true });

/** Answers when it is told to. */
function whenTold(): { behaviour: Behaviour; answer: () => void } {
  const told = Promise.withResolvers<void>();
  const behaviour: Behaviour = async (connection, { tag, name }) => {
    await told.promise;
    await connection.say("* SEARCH 1 2 3", `${tag} OK ${name} completed`);
  };
  return { behaviour, answer: told.resolve };
}

test("a job past its deadline closes its connection, and the failure names what was waited for", async (t) => {
  const { server, house } = await warm(t, { on: { "UID SEARCH": silence } });
  const asked = server.next("UID SEARCH");
  const job = failureOf(house.use(search, { withinMs: 30_000 }));
  await asked;
  t.mock.timers.tick(30_000);
  await told(job, "upstream-timeout", /did not answer SEARCH within the time that the request may take/);
  t.mock.timers.reset();
  await house.use((session) => session.noop());
  assert.equal(count(server, "LOGIN"), 2, "the next one gets another connection");
});

test("a job past its deadline that has nothing under way leaves its connection to the next", async (t) => {
  const { server, house } = await warm(t, {});
  const begun = Promise.withResolvers<void>();
  const job = failureOf(
    house.use(
      async () => {
        begun.resolve();
        await new Promise(() => undefined);
      },
      { withinMs: 30_000 },
    ),
  );
  await begun.promise;
  t.mock.timers.tick(30_000);
  await told(job, "upstream-timeout", /may not take as long/);
  await house.use((session) => session.noop());
  assert.equal(count(server, "LOGIN"), 1);
});

test("a command that is not answered in its own time is named as the cause", async (t) => {
  const server = await scripted(t, { on: { "UID SEARCH": silence } });
  const house = houseAt(t, server, { timeouts: { connectMs: 60_000, commandMs: 20 } });
  await told(failureOf(house.use(search)), "upstream-timeout", /No answer to SEARCH within/);
});

test("a caller who gives up is let go at once, and the connection is used again when the server has answered", async (t) => {
  const { behaviour, answer } = whenTold();
  const { server, house } = await warm(t, { on: { "UID SEARCH": behaviour } });
  const caller = new AbortController();
  const asked = server.next("UID SEARCH");
  const job = failureOf(house.use(search, { signal: caller.signal }));
  await asked;
  caller.abort();
  assert.equal((await job).code, "cancelled");
  assert.equal(house.sessions.counts().states.lent, 1);
  const next = house.use((session) => session.noop());
  answer();
  await next;
  assert.equal(count(server, "LOGIN"), 1);
});

test("the connection of a caller who gave up is closed when the server does not answer soon", async (t) => {
  const { server, house } = await warm(t, { on: { "UID SEARCH": silence } });
  const caller = new AbortController();
  const asked = server.next("UID SEARCH");
  const job = failureOf(house.use(search, { signal: caller.signal }));
  await asked;
  caller.abort();
  assert.equal((await job).code, "cancelled");
  assert.equal(house.sessions.counts().states.lent, 1);
  const next = house.use((session) => session.noop());
  t.mock.timers.tick(2_000);
  await next;
  assert.equal(count(server, "LOGIN"), 2);
});

test("a job whose caller has gone sends nothing more, least of all on a connection that is another's", async (t) => {
  const { behaviour, answer } = whenTold();
  const { server, house } = await warm(t, { on: { "UID SEARCH": behaviour } });
  const caller = new AbortController();
  const asked = server.next("UID SEARCH");
  const after = Promise.withResolvers<unknown>();
  const job = failureOf(
    house.use(
      async (session) => {
        await session.search({ all: true });
        await session.list({ counters: false }).catch(after.resolve);
      },
      { signal: caller.signal },
    ),
  );
  await asked;
  caller.abort();
  await job;
  const lists = count(server, "LIST");
  answer();
  assert.match(String(await after.promise), /gave up/);
  assert.equal(count(server, "LIST"), lists);
});

test("a job that keeps its session beyond its end finds it dead", async (t) => {
  const server = await scripted(t);
  const house = houseAt(t, server);
  const kept = await house.use(async (session) => ({ session }));
  await told(failureOf(kept.session.noop()), "internal", /after it was given back/);
  assert.equal(count(server, "NOOP"), 0);
});

test("a job that ends with a command under way does not leave it to the next", async (t) => {
  const { behaviour, answer } = whenTold();
  const { server, house } = await warm(t, { on: { "UID SEARCH": behaviour } });
  const asked = server.next("UID SEARCH");
  await house.use(async (session) => {
    void session.search({ all: true });
    await asked;
  });
  const next = house.use((session) => session.noop());
  answer();
  await next;
  assert.equal(count(server, "LOGIN"), 1);
});

test("what a refused command says is the job's own affair: its connection is used again", async (t) => {
  const server = await scripted(t, { on: { "UID SEARCH": no("[CANNOT] Not that") } });
  const house = houseAt(t, server);
  await told(failureOf(house.use(search)), "upstream-refused", /Not that/);
  await house.use((session) => session.noop());
  assert.equal(count(server, "LOGIN"), 1);
});

test("what a job took is accounted to its call, and only to its own", async (t) => {
  const server = await scripted(t);
  const house = houseAt(t, server);
  const reports = await Promise.all(
    [1, 2, 3].map(async (commands) => {
      const report = newReport();
      const signal = new AbortController().signal;
      const deadline = house.clock.now + 60_000;
      const own = { requestId: "test", actor: "admin", deadline, signal, report };
      await house.sessions.use({ account: "ada", lane: "interactive", call: own }, async (session) => {
        for (let sent = 0; sent < commands; sent += 1) await session.noop();
      });
      return report;
    }),
  );
  assert.deepEqual(
    reports.map(({ commands }) => commands),
    [1, 2, 3],
  );
  assert.ok(reports.every(({ bytes, imapMs }) => bytes > 0 && imapMs > 0));
});

/** So many free sessions at the same time. */
async function several(house: SessionsHouse, size: number): Promise<void> {
  const jobs = Array.from({ length: size }, () => house.hold());
  await Promise.all(jobs.map(({ started }) => started));
  for (const { letGo } of jobs) letGo();
  await Promise.all(jobs.map(({ done }) => done));
}

test("sessions whose connections were cut while nobody used them are replaced without anybody noticing", async (t) => {
  const server = await scripted(t);
  const house = houseAt(t, server);
  await several(house, 5);
  server.cut();
  await several(house, 5);
});

test("a session to which the server said BYE while nobody used it is replaced without anybody noticing", async (t) => {
  const server = await scripted(t);
  const house = houseAt(t, server);
  await house.use((session) => session.noop());
  await server.say("* BYE Autologout; idle for too long");
  await house.use((session) => session.noop());
  await house.use((session) => session.noop());
});

test("sessions that turn out to be dead only when they are used are all replaced without the caller noticing", async (t) => {
  let old = true;
  const search: Behaviour = (connection, { tag }) =>
    old && connection.loggedIn ? connection.drop() : connection.say("* SEARCH", `${tag} OK done`);
  const login: Behaviour = async (connection, { tag }) => {
    if (count(server, "LOGIN") > 5) old = false;
    connection.loggedIn = true;
    await connection.say(`${tag} OK [CAPABILITY IMAP4rev1] Logged in`);
  };
  const server = await scripted(t, { on: { LOGIN: login, "UID SEARCH": search } });
  const house = houseAt(t, server);
  await several(house, 5);
  assert.deepEqual(await house.use((session) => session.search({ all: true })), []);
  assert.equal(count(server, "UID SEARCH"), 6);
});

test("a job whose session is dropped in the middle is begun once more on another", async (t) => {
  let drops = 1;
  const once: Behaviour = (connection, command) => {
    drops -= 1;
    if (drops >= 0) return connection.drop();
    return connection.say("* SEARCH 7", `${command.tag} OK done`);
  };
  const server = await scripted(t, { on: { "UID SEARCH": once } });
  const house = houseAt(t, server);
  assert.deepEqual(
    await house.use(async (session) => {
      await session.examine("INBOX");
      return session.search({ all: true });
    }),
    [7],
  );
});

for (const [name, ending] of Object.entries({ drops: drop, "says BYE to": bye("Crashed") })) {
  test(`a command that the server always ${name} fails after two attempts, and leaves the other sessions alone`, async (t) => {
    const server = await scripted(t, { on: { "UID SEARCH": ending } });
    const house = houseAt(t, server);
    await several(house, 5);
    const job = house.use(async (session) => {
      await session.examine("INBOX");
      return session.search({ all: true });
    });
    await told(failureOf(job), "upstream-unreachable", /SEARCH/);
    assert.equal(count(server, "UID SEARCH"), 2);
    assert.equal(house.sessions.counts().states.free, 3);
  });
}

test("a server that lets everybody in and out again at once is rested from like one that is away", async (t) => {
  const server = await scripted(t, { on: { NOOP: drop } });
  const house = houseAt(t, server);
  await told(failureOf(house.use((session) => session.noop())), "upstream-unreachable", /NOOP/);
  assert.equal(count(server, "LOGIN"), 2);
  const failure = await failureOf(house.use((session) => session.noop()));
  assert.equal(failure.retryAfter, 1);
  assert.equal(count(server, "LOGIN"), 2);
  house.clock.now += 1_000;
  await failureOf(house.use((session) => session.noop()));
  const next = await failureOf(house.use((session) => session.noop()));
  assert.equal(next.retryAfter, 2, "letting in alone is no success");
});

test("a job gets the session that has its mailbox selected, so that EXAMINE is sent once for each", async (t) => {
  const names = ["INBOX", "Archive", "Sent"];
  const server = await scripted(t, { mailboxes: names.map((name) => ({ name })) });
  const house = houseAt(t, server);
  const read = (mailbox: string): Promise<void> =>
    house.use(
      async (session) => {
        if (session.selected !== mailbox) await session.examine(mailbox);
        await session.noop();
      },
      { mailbox },
    );
  await Promise.all(names.map(read));
  for (let time = 0; time < 20; time += 1) for (const name of names) await read(name);
  assert.equal(count(server, "EXAMINE"), 3);
});

test("a job that had better not have a mailbox selected gets another session where there is one", async (t) => {
  const server = await scripted(t);
  const house = houseAt(t, server);
  await house.use((session) => session.examine("INBOX"), { mailbox: "INBOX" });
  const first = await house.use(async (session) => session.selected, { avoid: "INBOX" });
  assert.equal(first, "INBOX", "there was no other");
  await several(house, 2);
  assert.equal(await house.use(async (session) => session.selected, { avoid: "INBOX" }), null);
  assert.equal(await house.use(async (session) => session.selected, { mailbox: "INBOX" }), "INBOX");
});
