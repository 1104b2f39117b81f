import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Failure, type Message } from "@postern/protocol";
import {
  type Behaviour,
  drop,
  no,
  type OnLiteral,
  type ScriptedConnection,
  type ScriptedMailbox,
  scriptedMessage,
  type ScriptedServer,
  startScriptedImap,
} from "@postern/test/servers/scripted";
import { type CoreOver, newCall, startCore } from "../../testing/core-house.ts";
import { letter } from "../../testing/raw-client.ts";

const FULL = ["IMAP4rev1", "UIDPLUS", "CONDSTORE"];

interface World {
  core: CoreOver;
  server: ScriptedServer;
  inbox: ScriptedMailbox;
  append(text: string): Promise<Message>;
}

/** What the command brings is in the mailbox from here on. */
function take(inbox: ScriptedMailbox, source: string): number {
  inbox.messages ??= [];
  const uid = (inbox.messages.at(-1)?.uid ?? 0) + 1;
  inbox.messages.push({ uid, source, flags: [] });
  if (inbox.highestModseq !== undefined) inbox.highestModseq += 1n;
  return uid;
}

const storeAnd =
  (then: (connection: ScriptedConnection, tag: string, uid: number) => void | Promise<void>) =>
  (inbox: ScriptedMailbox): Behaviour =>
  (connection, { tag, args }) => {
    const source = args.at(-1);
    return then(connection, tag, take(inbox, typeof source === "string" ? source : ""));
  };

const stored = storeAnd((connection, tag, uid) => connection.say(`${tag} OK [APPENDUID 1 ${uid}] Stored`));
const storedSilently = storeAnd((connection, tag) => connection.say(`${tag} OK Stored`));
const storedAndCut = storeAnd((connection) => connection.drop());

async function start(
  t: TestContext,
  way: (inbox: ScriptedMailbox) => Behaviour,
  { capabilities = FULL, onLiteral }: { capabilities?: string[]; onLiteral?: OnLiteral } = {},
): Promise<World> {
  const inbox: ScriptedMailbox = { name: "INBOX", highestModseq: 5n, messages: [scriptedMessage(1)] };
  const server = await startScriptedImap({
    capabilities,
    mailboxes: [inbox],
    on: { APPEND: way(inbox) },
    ...(onLiteral && { onLiteral }),
  });
  const user = (name: string): { user: string; password: string } => ({ user: name, password: "secret" });
  const core = await startCore({ host: server.host, port: server.port, user });
  t.after(async () => {
    await core.stop();
    await server.stop();
  });
  async function* octets(text: string): AsyncGenerator<Uint8Array> {
    yield Buffer.from(text);
  }
  const append = async (text: string): Promise<Message> => {
    const input = { account: "a", where: { mailbox: "inbox" }, fields: ["id" as const, "subject" as const] };
    return (await core.core.appendMessage(input, newCall(), octets(text))).message;
  };
  return { core, server, inbox, append };
}

const failureOf = (promise: Promise<unknown>): Promise<Failure> =>
  promise.then(
    () => assert.fail("it went well"),
    (error: unknown) => (error instanceof Failure ? error : Promise.reject(error as Error)),
  );
const announced = ({ server }: World): number => server.clearText().match(/^\S+ APPEND /gm)?.length ?? 0;
const subjects = ({ inbox }: World): string[] =>
  (inbox.messages ?? []).map(({ source }) => /^Subject: (.*?)\r$/m.exec(source)?.[1] ?? "");
const source = (subject: string, text = "Hi."): string =>
  letter({ subject, text, headers: [`Message-ID: <${subject}@example.org>`] }).source;

for (const [answer, code] of Object.entries({
  "[OVERQUOTA] Full": "over-quota",
  "Over quota": "over-quota",
  "[TOOBIG] Too large": "payload-too-large",
  "[TRYCREATE] No such mailbox": "not-found",
  "[NOPERM] Not yours": "not-permitted",
  "[CANNOT] No NUL": "not-possible",
  Whatever: "upstream-refused",
})) {
  test(`NO ${answer} to a whole message is ${code}, and nothing was done`, async (t) => {
    const world = await start(t, () => no(answer));
    const failure = await failureOf(world.append(source("One")));
    assert.deepEqual([failure.code, failure.outcome, announced(world)], [code, "none", 1]);
  });

  test(`NO ${answer} before the octets is ${code}, and none of them are sent`, async (t) => {
    const onLiteral: OnLiteral = (connection, line) => {
      if (!/ APPEND /.test(line)) return "take";
      void connection.say(`${line.split(" ")[0]} NO ${answer}`);
      return "refuse";
    };
    const world = await start(t, stored, { onLiteral });
    const failure = await failureOf(world.append(source("One")));
    assert.deepEqual([failure.code, failure.outcome, announced(world)], [code, "none", 1]);
    assert.doesNotMatch(world.server.clearText(), /Subject: One/);
    assert.deepEqual(subjects(world), ["Message 1"]);
  });
}

test("a connection that is cut before the octets leaves nothing done", async (t) => {
  const onLiteral: OnLiteral = (connection) => {
    connection.drop();
    return "refuse";
  };
  const world = await start(t, stored, { onLiteral });
  const failure = await failureOf(world.append(source("One")));
  assert.deepEqual([failure.code, failure.outcome, announced(world)], ["upstream-unreachable", "none", 1]);
});

test("a connection that is cut in the middle of the octets leaves nothing done", async (t) => {
  const onLiteral: OnLiteral = (connection) => {
    void connection.say("+ Go on");
    connection.onOctets = () => connection.drop();
    return "refuse";
  };
  const world = await start(t, stored, { onLiteral });
  const failure = await failureOf(world.append(source("One", "x".repeat(76).concat("\r\n").repeat(40_000))));
  assert.deepEqual([failure.code, failure.outcome, announced(world)], ["upstream-unreachable", "none", 1]);
  assert.deepEqual(subjects(world), ["Message 1"]);
});

test("a connection that is cut after the octets, with nothing stored, leaves the outcome open", async (t) => {
  const world = await start(t, () => drop);
  const failure = await failureOf(world.append(source("One")));
  assert.deepEqual([failure.code, failure.outcome, announced(world)], ["upstream-unreachable", "unknown", 1]);
});

test("a message that was stored before its answer was lost is found, and not sent again", async (t) => {
  const world = await start(t, storedAndCut);
  const { id, subject } = await world.append(source("One"));
  assert.deepEqual([subject, announced(world)], ["One", 1]);
  assert.deepEqual(subjects(world), ["Message 1", "One"]);
  const { results } = await world.core.core.getMessages({ account: "a", ids: [id], fields: ["subject"] }, newCall());
  assert.deepEqual(results, [{ message: { id, subject: "One" } }]);
});

test("what is new with the same Message-ID and other octets is not taken for the message", async (t) => {
  const world = await start(t, (inbox) => (connection) => {
    take(inbox, source("One", "Ho."));
    connection.drop();
  });
  const failure = await failureOf(world.append(source("One")));
  assert.equal(failure.outcome, "unknown");
});

test("without APPENDUID a message is found, and two that are the same are each their own", async (t) => {
  const world = await start(t, storedSilently, { capabilities: ["IMAP4rev1"] });
  const ids = (await Promise.all([world.append(source("Twin")), world.append(source("Twin"))])).map(({ id }) => id);
  assert.equal(new Set(ids).size, 2);
  assert.deepEqual([subjects(world), announced(world)], [["Message 1", "Twin", "Twin"], 2]);
});

test("two messages that are the same, at once, with their answers lost, are each their own", async (t) => {
  const world = await start(t, storedAndCut);
  const ids = (await Promise.all([world.append(source("Twin")), world.append(source("Twin"))])).map(({ id }) => id);
  assert.equal(new Set(ids).size, 2);
  assert.deepEqual([subjects(world), announced(world)], [["Message 1", "Twin", "Twin"], 2]);
});

test("what is above the server's APPENDLIMIT is refused before anything is sent", async (t) => {
  const world = await start(t, stored, { capabilities: [...FULL, "APPENDLIMIT=200"] });
  const failure = await failureOf(world.append(source("One", "x".repeat(300))));
  assert.deepEqual([failure.code, failure.outcome, announced(world)], ["payload-too-large", "none", 0]);
  assert.equal(
    (await start(t, stored, { capabilities: [...FULL, "APPENDLIMIT=2000"] }).then((w) => w.append(source("Two"))))
      .subject,
    "Two",
  );
});
