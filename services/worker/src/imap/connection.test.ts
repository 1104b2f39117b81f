import assert from "node:assert/strict";
import { test } from "node:test";
import type { Failure } from "@postern/protocol";
import {
  bad,
  type Behaviour,
  bye,
  dribble,
  drop,
  endless,
  giantLiteral,
  hangUp,
  inTurn,
  no,
  onlyTell,
  scriptedMessage,
  silence,
  tell,
  write,
} from "@postern/test/servers/scripted";
import type { CommandReport, OpenSession } from "./index.ts";
import { failureOf, opened } from "./testing.ts";

const mailboxes = [{ name: "INBOX", messages: [scriptedMessage(1), scriptedMessage(2)] }];

/** Every method that asks the server, and the command it first sends. */
const methods: [command: string, call: (session: OpenSession) => Promise<unknown>][] = [
  ["LIST", (session) => session.list({ counters: true })],
  ["STATUS", (session) => session.status("INBOX")],
  ["EXAMINE", (session) => session.examine("INBOX")],
  ["UID FETCH", (session) => session.fetch({ uids: [1, 2] }, { flags: true, envelope: true })],
  ["UID FETCH", (session) => session.fetchPiece(1, "", 0, 100)],
  ["UID SEARCH", (session) => session.search({ all: true })],
  ["UID SEARCH", (session) => session.searchCount({ all: true })],
  ["UID SEARCH", (session) => session.searchWindow({ all: true }, { last: 1 })],
  ["UID SORT", (session) => session.sort({ by: "date", reverse: false }, { all: true }, { from: 1, to: 2 })],
  ["GETQUOTAROOT", (session) => session.quota("INBOX")],
  ["NOOP", (session) => session.noop()],
];

/** What a server may do in place of an answer, and the failure it is. */
const ends: [name: string, behaviour: Behaviour, code: Failure["code"]][] = [
  ["drops the connection", drop, "upstream-unreachable"],
  ["hangs up", hangUp, "upstream-unreachable"],
  ["says BYE", bye("[UNAVAILABLE] Shutting down"), "upstream-unreachable"],
  ["says BYE and keeps the line open", onlyTell("* BYE Idle for too long"), "upstream-unreachable"],
  ["says BYE for too many connections", bye("Too many connections"), "upstream-connection-limit"],
  ["sends garbage", write(`${'\0\x01)]}(("'.repeat(10)}\r\n`), "upstream-protocol"],
  ["answers another command", onlyTell("P999 OK Done"), "upstream-protocol"],
  ["sends a line without end", endless("x".repeat(262_144)), "upstream-protocol"],
  ["announces a giant literal", giantLiteral(4_000_000_000), "upstream-protocol"],
  ["announces a literal of more digits than numbers have", giantLiteral(1e21), "upstream-protocol"],
];

for (const [name, behaviour, code] of ends) {
  test(`a server that ${name} during a command ends in ${code}, and the session is of no use`, async (t) => {
    for (const [command, call] of methods) {
      const closed = Promise.withResolvers<void>();
      const capabilities = ["IMAP4rev1", "SORT", "QUOTA"];
      const script = { mailboxes, capabilities, on: { [command]: inTurn(tell(), behaviour) } };
      // The first LIST is ImapFlow's.
      const turns = command === "LIST" ? script : { ...script, on: { [command]: behaviour } };
      const { session } = await opened(t, turns, { onClose: closed.resolve });
      if (command.startsWith("UID")) await session.examine("INBOX");
      const failure = await failureOf(call(session));
      assert.equal(failure.code, code, command);
      assert.match(failure.detail ?? "", new RegExp(`during ${command.replace("UID ", "")}`));
      assert.equal(session.usable, false);
      await closed.promise;
    }
  });
}

test("a command without an answer fails by its name at its deadline, and takes the connection with it", async (t) => {
  const script = { mailboxes, on: { "UID FETCH": silence } };
  const { session } = await opened(t, script, { commandTimeoutMs: 100 });
  await session.examine("INBOX");
  const failure = await failureOf(session.fetch({ uids: [1] }, { flags: true }));
  assert.equal(failure.code, "upstream-timeout");
  assert.equal(failure.detail, "No answer to FETCH within 0.1 s.");
  assert.equal(session.usable, false);
});

test("an octet now and then does not keep a command alive beyond its deadline", async (t) => {
  const { session } = await opened(t, { on: { NOOP: dribble(10) } }, { commandTimeoutMs: 200 });
  assert.equal((await failureOf(session.noop())).code, "upstream-timeout");
  assert.equal(session.usable, false);
});

test("a session that is closed while a command runs fails that command", async (t) => {
  const { server, session } = await opened(t, { on: { NOOP: silence } });
  const asked = server.next("NOOP");
  const running = failureOf(session.noop());
  await asked;
  session.close();
  assert.equal((await running).code, "upstream-unreachable");
});

test("a BYE between two commands is heard at once, with its reason", async (t) => {
  const closed = Promise.withResolvers<void>();
  const { server, session } = await opened(t, {}, { onClose: closed.resolve });
  await server.say("* BYE [UNAVAILABLE] Maintenance");
  await closed.promise;
  const failure = await failureOf(session.noop());
  assert.equal(failure.code, "upstream-unreachable");
  assert.deepEqual(failure.upstream, { status: "BYE", code: "UNAVAILABLE", text: "Maintenance" });
});

test("untagged lines without end are cut off", async (t) => {
  const { session } = await opened(t, { on: { NOOP: endless("* 1 EXISTS\r\n".repeat(5_000)) } });
  const failure = await failureOf(session.noop());
  assert.equal(failure.code, "upstream-protocol");
  assert.equal(failure.detail, "The mail server broke the protocol during NOOP: an answer is too large.");
});

test("a server that talks without end between two commands is cut off", async (t) => {
  const closed = Promise.withResolvers<void>();
  const { server, session } = await opened(t, {}, { onClose: closed.resolve });
  const lines = Array.from({ length: 10_000 }, () => "* 23 FETCH (FLAGS (\\Seen))");
  while (session.usable) await server.say(...lines);
  await closed.promise;
});

test("what a server says between two commands is no part of the next answer", async (t) => {
  const { server, session } = await opened(t, { mailboxes });
  await session.examine("INBOX");
  await server.say("* 1 FETCH (UID 1 FLAGS (\\Deleted))", "* 7 EXISTS", "* OK Still here");
  const rows = await session.fetch({ uids: [2] }, { flags: true });
  assert.deepEqual(rows, [{ uid: 2, sequence: 2, flags: [] }]);
});

test("NO carries the server's code and text, and leaves the session usable", async (t) => {
  const refusals: [text: string, code: Failure["code"]][] = [
    ["[NOPERM] Not for you", "upstream-refused"],
    ["[OVERQUOTA] Full", "over-quota"],
    ["Mailbox is over quota", "over-quota"],
    ["[LIMIT] Slow down", "upstream-connection-limit"],
    ["[UNAVAILABLE] Later", "upstream-unreachable"],
    ["[INUSE] Locked", "upstream-unreachable"],
    ["[AUTHORIZATIONFAILED] Not for you", "upstream-refused"],
    ["No", "upstream-refused"],
    ["", "upstream-refused"],
  ];
  for (const [text, code] of refusals) {
    const { session } = await opened(t, { on: { NOOP: inTurn(no(text), tell()) } });
    const failure = await failureOf(session.noop());
    assert.equal(failure.code, code, text);
    assert.equal(failure.upstream?.status, "NO");
    assert.equal(failure.upstream?.text, text.replace(/^\[\w+\] /, ""));
    assert.equal(session.usable, true);
    await session.noop();
  }
});

test("BAD is a refusal too", async (t) => {
  const { session } = await opened(t, { on: { NOOP: bad("[CLIENTBUG] Never heard of it") } });
  const failure = await failureOf(session.noop());
  assert.equal(failure.code, "upstream-refused");
  assert.deepEqual(failure.upstream, { status: "BAD", code: "CLIENTBUG", text: "Never heard of it" });
});

test("a text for people that ends like a literal announces none", async (t) => {
  const { session } = await opened(t, { on: { NOOP: inTurn(no("There is no mailbox x{100}"), tell("* OK see {7}")) } });
  assert.equal((await failureOf(session.noop())).upstream?.text, "There is no mailbox x{100}");
  await session.noop();
});

test("empty lines between responses are passed over", async (t) => {
  const { session } = await opened(t, { on: { NOOP: tell("", "* OK Hello", "") } });
  await session.noop();
});

test("every command is reported with its name, its octets and how it ended, never with arguments", async (t) => {
  const reports: CommandReport[] = [];
  const script = { mailboxes, on: { NOOP: no("No") } };
  const { session } = await opened(t, script, { onCommand: (report) => reports.push(report) });
  await session.examine("INBOX");
  await session.fetch({ uids: [1] }, { flags: true });
  await failureOf(session.noop());
  assert.deepEqual(
    reports.map(({ name, ok }) => [name, ok]),
    [
      ["EXAMINE", true],
      ["FETCH", true],
      ["NOOP", false],
    ],
  );
  for (const report of reports) {
    assert.deepEqual(Object.keys(report).sort(), ["bytes", "changes", "ms", "name", "ok"]);
    assert.ok(report.bytes > 0 && report.ms >= 0);
  }
});

test("the end is reported once, however it comes", async (t) => {
  let ends = 0;
  const closed = Promise.withResolvers<void>();
  const onClose = (): void => {
    ends += 1;
    closed.resolve();
  };
  const { server, session } = await opened(t, {}, { onClose });
  session.close();
  session.close();
  server.cut();
  await session.logout();
  await closed.promise;
  assert.equal(ends, 1);
});

test("LOGOUT never throws, whatever the server makes of it", async (t) => {
  for (const LOGOUT of [drop, hangUp, bad("What?"), bye("Bye")]) {
    const { session } = await opened(t, { on: { LOGOUT } });
    await session.logout();
    assert.equal(session.usable, false);
  }
});

test("literals wait for the server's leave, or do not where it takes them at once", async (t) => {
  const value = "Grüße ✓";
  for (const capabilities of [["IMAP4rev1"], ["IMAP4rev1", "LITERAL+"], ["IMAP4rev1", "LITERAL-"]]) {
    const { server, session } = await opened(t, { mailboxes, capabilities });
    await session.examine("INBOX");
    await session.search({
      and: [
        { text: "subject", value },
        { text: "body", value },
      ],
    });
    const sent = server.commands.find(({ name }) => name === "UID SEARCH")?.text ?? "";
    const octets = Buffer.from(value).toString("latin1");
    assert.equal(sent.split(octets).length, 3, "both texts arrived whole");
    assert.match(sent, /CHARSET UTF-8/);
    const announced = capabilities.length > 1 ? `{${octets.length}+}` : `{${octets.length}}`;
    assert.ok(server.clearText().includes(announced));
  }
});

test("a literal that the server refuses fails its command and nothing else", async (t) => {
  const refuse: Behaviour = no("[BADCHARSET] Only ASCII");
  const { session } = await opened(t, { mailboxes, on: { "UID SEARCH": inTurn(refuse, tell("* SEARCH 2")) } });
  await session.examine("INBOX");
  const failure = await failureOf(session.search({ text: "subject", value: "ü" }));
  assert.equal(failure.upstream?.code, "BADCHARSET");
  assert.deepEqual(await session.search({ all: true }), [2]);
});
