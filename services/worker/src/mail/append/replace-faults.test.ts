import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Failure, type Message } from "@postern/protocol";
import {
  arrive,
  bad,
  type Behaviour,
  cutAfter,
  drop,
  inTurn,
  no,
  type OnLiteral,
  reworded,
  type ScriptedMailbox,
  scriptedMessage,
  type ScriptedServer,
  standardCommands,
  startScriptedImap,
} from "@postern/test/servers/scripted";
import { idsIn, listed } from "../../testing/changes.ts";
import { type CoreOver, newCall, startCore } from "../../testing/core-house.ts";
import { letter } from "../../testing/raw-client.ts";

const servers = {
  "with REPLACE": { verb: "REPLACE", capabilities: ["IMAP4rev1", "UIDPLUS", "CONDSTORE", "REPLACE"] },
  "with REPLACE alone": { verb: "REPLACE", capabilities: ["IMAP4rev1", "REPLACE"] },
  "without REPLACE": { verb: "APPEND", capabilities: ["IMAP4rev1", "UIDPLUS", "CONDSTORE"] },
  "without REPLACE and UIDPLUS": { verb: "APPEND", capabilities: ["IMAP4rev1"] },
};

interface World {
  core: CoreOver;
  server: ScriptedServer;
  inbox: ScriptedMailbox;
  /** Of the draft, which is between two other messages. */
  id: string;
  ids: string[];
  replace(subject: string, ifMatch?: string): Promise<Message>;
}

interface Options {
  capabilities: string[];
  way?: Record<string, (standard: Behaviour, inbox: ScriptedMailbox) => Behaviour>;
  onLiteral?: OnLiteral;
}

async function start(t: TestContext, { capabilities, way = {}, onLiteral }: Options): Promise<World> {
  const messages = [
    { ...scriptedMessage(1), flags: [] },
    { ...scriptedMessage(2, "First"), flags: ["\\Draft"] },
    scriptedMessage(3),
  ];
  const inbox: ScriptedMailbox = { name: "INBOX", messages };
  if (capabilities.includes("CONDSTORE")) inbox.highestModseq = 5n;
  const hasUidPlus = capabilities.includes("UIDPLUS");
  const standard = standardCommands({ capabilities, mailboxes: [inbox] });
  const silently = (perform: Behaviour): Behaviour =>
    hasUidPlus
      ? perform
      : reworded(perform, (line) =>
          line.startsWith("* OK [APPENDUID") ? "" : line.replace(/\[APPENDUID [^\]]*\] /, ""),
        );
  const on = Object.fromEntries(
    Object.entries(standard).map(([name, perform]) => {
      const told = silently(perform);
      return [name, way[name]?.(told, inbox) ?? told];
    }),
  );
  const server = await startScriptedImap({ capabilities, mailboxes: [inbox], on, ...(onLiteral && { onLiteral }) });
  const user = (name: string): { user: string; password: string } => ({ user: name, password: "secret" });
  const core = await startCore({ host: server.host, port: server.port, user });
  t.after(async () => {
    await core.stop();
    await server.stop();
  });
  const ids = await idsIn(core, "a", "inbox");
  const id = ids[1] ?? assert.fail("no draft");
  async function* octets(text: string): AsyncGenerator<Uint8Array> {
    yield Buffer.from(text);
  }
  const replace = async (subject: string, ifMatch?: string): Promise<Message> => {
    const where = { replaces: id, ...(ifMatch !== undefined && { ifMatch: [ifMatch] }) };
    const input = { account: "a", where, fields: ["id" as const, "subject" as const] };
    const { source } = letter({ subject, headers: [`Message-ID: <${subject}@example.org>`] });
    return (await core.core.appendMessage(input, newCall(), octets(source))).message;
  };
  return { core, server, inbox, id, ids, replace };
}

const failureOf = (promise: Promise<unknown>): Promise<Failure> =>
  promise.then(
    () => assert.fail("it went well"),
    (error: unknown) => (error instanceof Failure ? error : Promise.reject(error as Error)),
  );
const subjectIn = (source: string): string => /^Subject: (.*?)\r$/m.exec(source)?.[1] ?? "";
const seen = ({ inbox }: World): string[] =>
  (inbox.messages ?? []).map(({ source, flags = [] }) => [subjectIn(source), ...flags].join(" "));
const sent = ({ server }: World, verb: string): number =>
  server.clearText().match(new RegExp(`^\\S+ (UID )?${verb} `, "gm"))?.length ?? 0;
const subjectOf = async ({ core, id }: World): Promise<string | null | undefined> => {
  const { results } = await core.core.getMessages({ account: "a", ids: [id], fields: ["subject"] }, newCall());
  const [result] = results;
  return result && "message" in result ? result.message.subject : null;
};

const etagOf = async ({ core, id }: World): Promise<string> =>
  (await listed(core, "a", "inbox")).find((each) => each.id === id)?.etag?.slice(1, -1) ?? "";

const BEFORE = ["Message 1", "First \\Draft", "Message 3"];
const AFTER = ["Message 1", "Message 3", "Second \\Draft"];

for (const [what, { verb, capabilities }] of Object.entries(servers)) {
  const name = verb === "REPLACE" ? "UID REPLACE" : "APPEND";

  test(`a draft is replaced under its id ${what}`, async (t) => {
    const world = await start(t, { capabilities });
    assert.deepEqual(await world.replace("Second"), { id: world.id, subject: "Second" });
    assert.deepEqual([seen(world), sent(world, verb)], [AFTER, 1]);
    assert.deepEqual(await idsIn(world.core, "a", "inbox"), [world.ids[0], world.ids[2], world.id]);
  });

  for (const [answer, behaviour, code] of [
    ["NO", no("[OVERQUOTA] Full"), "over-quota"],
    ["NO that says no more", no("Not today"), "upstream-refused"],
    ["BAD", bad("What?"), "upstream-refused"],
  ] as const)
    test(`${answer} in place of a new draft leaves the old one under its id ${what}`, async (t) => {
      const world = await start(t, { capabilities, way: { [name]: () => behaviour } });
      const failure = await failureOf(world.replace("Second"));
      assert.deepEqual([failure.code, failure.outcome], [code, "none"]);
      assert.deepEqual([seen(world), await subjectOf(world), sent(world, verb)], [BEFORE, "First", 1]);
    });

  test(`a connection that is cut before the new draft's octets leaves the old one ${what}`, async (t) => {
    const onLiteral: OnLiteral = (connection) => {
      connection.drop();
      return "refuse";
    };
    const world = await start(t, { capabilities, onLiteral });
    const failure = await failureOf(world.replace("Second"));
    assert.deepEqual([failure.code, failure.outcome], ["upstream-unreachable", "none"]);
    assert.deepEqual([seen(world), await subjectOf(world), sent(world, verb)], [BEFORE, "First", 1]);
  });

  test(`a connection that is cut after the new draft's octets leaves open whether it comes ${what}`, async (t) => {
    const world = await start(t, { capabilities, way: { [name]: () => drop } });
    const failure = await failureOf(world.replace("Second"));
    assert.deepEqual([failure.code, failure.outcome], ["upstream-unreachable", "unknown"]);
    assert.deepEqual([seen(world), await subjectOf(world), sent(world, verb)], [BEFORE, "First", 1]);
  });

  test(`an answer that is lost is looked up, and the draft keeps its id ${what}`, async (t) => {
    const world = await start(t, { capabilities, way: { [name]: cutAfter } });
    assert.deepEqual(await world.replace("Second"), { id: world.id, subject: "Second" });
    assert.deepEqual([seen(world), await subjectOf(world), sent(world, verb)], [AFTER, "Second", 1]);
    assert.deepEqual(await world.replace("Third"), { id: world.id, subject: "Third" });
  });

  test(`a draft that goes while it is looked at is gone, and nothing is stored ${what}`, async (t) => {
    const world = await start(t, { capabilities });
    world.inbox.messages?.splice(1, 1);
    const failure = await failureOf(world.replace("Second"));
    assert.deepEqual([failure.code, failure.outcome], ["message-gone", "none"]);
    assert.deepEqual([seen(world), sent(world, verb)], [["Message 1", "Message 3"], 0]);
  });
}

const replaces = servers["with REPLACE"].capabilities;

/** Does something to the mailbox just before it is opened for the second time: the draft was looked at by then. */
const meanwhile = (what: (inbox: ScriptedMailbox) => void) => ({
  SELECT: (standard: Behaviour, inbox: ScriptedMailbox): Behaviour =>
    inTurn(standard, (connection, command) => {
      what(inbox);
      return standard(connection, command);
    }),
});

test("a mailbox that is made anew meanwhile is not touched by REPLACE", async (t) => {
  const way = meanwhile((inbox) => {
    inbox.uidValidity = 2;
    inbox.messages = [scriptedMessage(1), { ...scriptedMessage(2, "Another"), flags: ["\\Draft"] }];
  });
  const world = await start(t, { capabilities: replaces, way });
  const failure = await failureOf(world.replace("Second"));
  assert.deepEqual([failure.code, failure.outcome, sent(world, "REPLACE")], ["message-gone", "none", 0]);
  assert.deepEqual(seen(world), ["Message 1", "Another \\Draft"]);
});

test("a draft that was changed meanwhile is not replaced against If-Match", async (t) => {
  const way = meanwhile((inbox) => {
    const [, draft] = inbox.messages ?? [];
    draft?.flags?.push("\\Flagged");
    Object.assign(draft ?? {}, { modseq: 9n });
    inbox.highestModseq = 9n;
  });
  const world = await start(t, { capabilities: replaces, way });
  const failure = await failureOf(world.replace("Second", await etagOf(world)));
  assert.deepEqual([failure.code, failure.outcome, sent(world, "REPLACE")], ["precondition-failed", "none", 0]);
  assert.deepEqual(seen(world), ["Message 1", "First \\Draft \\Flagged", "Message 3"]);
});

test("a draft that went meanwhile is gone, and nothing is stored", async (t) => {
  const world = await start(t, { capabilities: replaces, way: meanwhile(({ messages }) => messages?.splice(1, 1)) });
  const failure = await failureOf(world.replace("Second"));
  assert.deepEqual([failure.code, failure.outcome, sent(world, "REPLACE")], ["message-gone", "none", 0]);
});

test("a REPLACE that is refused because the draft has just gone says so", async (t) => {
  const world = await start(t, {
    capabilities: replaces,
    way: {
      "UID REPLACE":
        (standard, { messages }) =>
        (connection, command) => {
          messages?.splice(1, 1);
          return standard(connection, command);
        },
    },
  });
  const failure = await failureOf(world.replace("Second"));
  assert.deepEqual([failure.code, failure.outcome], ["message-gone", "none"]);
});

test("a REPLACE that broke off between its two halves is finished", async (t) => {
  const world = await start(t, {
    capabilities: replaces,
    way: {
      "UID REPLACE":
        (_, inbox) =>
        (connection, { args }) => {
          arrive(inbox, { source: String(args.at(-1)), flags: ["\\Draft"] });
          connection.drop();
        },
    },
  });
  assert.deepEqual(await world.replace("Second"), { id: world.id, subject: "Second" });
  assert.deepEqual([seen(world), await subjectOf(world)], [AFTER, "Second"]);
});

for (const { capabilities } of [servers["without REPLACE"], servers["without REPLACE and UIDPLUS"]]) {
  const hasUidPlus = capabilities.includes("UIDPLUS");
  const what = hasUidPlus ? "" : ", without UIDPLUS";
  const expunge = hasUidPlus ? "UID EXPUNGE" : "EXPUNGE";

  for (const [name, behaviour, code] of [
    ["UID STORE", no("[SERVERBUG] Oops"), "upstream-refused"],
    [expunge, no("[SERVERBUG] Oops"), "upstream-refused"],
    [expunge, drop, "upstream-unreachable"],
    ["UID STORE", drop, "upstream-unreachable"],
  ] as const)
    test(`an old draft that stays keeps its id, and the new one goes: ${code} to ${name}${what}`, async (t) => {
      const once = (standard: Behaviour): Behaviour => inTurn(behaviour, standard);
      const world = await start(t, { capabilities, way: { [name]: once } });
      const failure = await failureOf(world.replace("Second"));
      assert.deepEqual([failure.code, failure.outcome], [code, "none"]);
      assert.deepEqual([seen(world), await subjectOf(world)], [BEFORE, "First"]);
      assert.deepEqual(await idsIn(world.core, "a", "inbox"), world.ids);
      assert.equal((await world.replace("Third")).id, world.id);
    });

  test(`an expunge whose answer was lost is found to be done${what}`, async (t) => {
    const world = await start(t, { capabilities, way: { [expunge]: cutAfter } });
    assert.deepEqual(await world.replace("Second"), { id: world.id, subject: "Second" });
    assert.deepEqual([seen(world), await subjectOf(world)], [AFTER, "Second"]);
  });

  for (const late of ["UID STORE", expunge])
    test(`an expunge that comes late, with the next ${late}, does not lose both${what}`, async (t) => {
      let isPending = false;
      const world = await start(t, {
        capabilities,
        way: {
          [expunge]: (standard, inbox) => (connection, command) => {
            if (late === expunge && isPending) comesLate(inbox);
            if (isPending) return standard(connection, command);
            isPending = true;
            return connection.drop();
          },
          "UID STORE": (standard, inbox) => (connection, command) => {
            if (late === "UID STORE" && isPending) comesLate(inbox);
            return standard(connection, command);
          },
        },
      });
      const ended = await world.replace("Second").catch((error: unknown) => Failure.from(error).outcome);
      const [subject] = [await subjectOf(world)];
      assert.ok(subject === "First" || subject === "Second", `${subject} after ${JSON.stringify(ended)}`);
      assert.equal(ended === "none", subject === "First");
      assert.equal(seen(world).filter((each) => /First|Second/.test(each)).length, 1);
    });

  test(`where both stay, the id is the old one's, and that is told${what}`, async (t) => {
    const way = { [expunge]: () => no("[SERVERBUG] Oops") };
    const world = await start(t, { capabilities, way });
    const failure = await failureOf(world.replace("Second"));
    assert.deepEqual([failure.code, failure.outcome], ["partly-done", "unknown"]);
    assert.deepEqual(await subjectOf(world), "First");
    assert.deepEqual(seen(world), [...BEFORE, "Second \\Draft"]);
    assert.deepEqual((await idsIn(world.core, "a", "inbox")).slice(0, 3), world.ids);
  });
}

/** What was marked before it was sent goes now. */
function comesLate(inbox: ScriptedMailbox): void {
  inbox.messages = inbox.messages?.filter(({ flags = [] }) => !flags.includes("\\Deleted")) ?? [];
}

test("what others mark while a draft is replaced is not expunged with it", async (t) => {
  const { capabilities } = servers["without REPLACE and UIDPLUS"];
  const world = await start(t, {
    capabilities,
    way: {
      APPEND:
        (standard, { messages }) =>
        async (connection, command) => {
          await standard(connection, command);
          messages?.[0]?.flags?.push("\\Deleted");
        },
    },
  });
  const failure = await failureOf(world.replace("Second"));
  assert.deepEqual([failure.code, failure.outcome], ["partly-done", "unknown"]);
  assert.deepEqual(seen(world), ["Message 1 \\Deleted", "First \\Draft", "Message 3", "Second \\Draft"]);
  assert.deepEqual(await subjectOf(world), "First");
});
