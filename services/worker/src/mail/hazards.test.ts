import assert from "node:assert/strict";
import { after, before, describe, it, type TestContext } from "node:test";
import { isFailure, type MessagePage } from "@postern/protocol";
import {
  answerFetch,
  type Behaviour,
  type ScriptedConnection,
  type ScriptedMailbox,
  scriptedMessage,
  startScriptedImap,
} from "@postern/test/servers/scripted";
import { type CoreHouse, type CoreOver, newCall, startCore, startCoreHouse } from "../testing/core-house.ts";
import { collect } from "../testing/octets.ts";
import { letter, type RawClient } from "../testing/raw-client.ts";

const PLAIN = ["CONDSTORE", "QRESYNC", "LIST-STATUS", "ESEARCH", "SORT"];

async function list(over: CoreOver, account: string, mailbox: string, limit = 50): Promise<MessagePage> {
  const fields = ["id" as const, "subject" as const, "flags" as const, "etag" as const];
  const page = await over.core.listMessages({ account, mailbox, limit, fields }, newCall());
  assert.ok(!page.notModified);
  return page;
}

async function boxId(over: CoreOver, account: string, path: string): Promise<string> {
  const { items } = await over.core.listMailboxes({ account }, newCall());
  return items.find((each) => each.path === path)?.id ?? assert.fail(`no ${path}`);
}

/** What each id names now: the message's subject and keywords, or why there is none. */
async function named(over: CoreOver, account: string, ids: string[]): Promise<string[]> {
  const { results } = await over.core.getMessages({ account, ids, fields: ["subject", "flags"] }, newCall());
  return results.map((each) =>
    "message" in each ? [each.message.subject, ...(each.message.flags ?? [])].join(" ") : each.failure.code,
  );
}

const octetsOf = async (over: CoreOver, account: string, message: string): Promise<string> =>
  (await collect((await over.core.readRaw({ account, message }, newCall())).body)).toString();

const isGone = (error: unknown): boolean => isFailure(error, "message-gone");

/** The same connection, on which these lines go out just before the command's tagged answer. */
function withNews(connection: ScriptedConnection, tag: string, news: string): ScriptedConnection {
  const say = (...lines: string[]): Promise<void> =>
    connection.say(...lines.flatMap((line) => (line.startsWith(`${tag} `) ? [news, line] : [line])));
  return new Proxy(connection, { get: (target, name) => (name === "say" ? say : Reflect.get(target, name, target)) });
}

/** A server whose first message another client flags, once `armed`, during the next FETCH that asks for `item`. */
async function startChanging(
  t: TestContext,
  hasCondstore: boolean,
  item: string,
): Promise<{ core: CoreOver; change: { armed: boolean } }> {
  const flagged = scriptedMessage(1);
  const messages = [flagged, scriptedMessage(2), scriptedMessage(3)];
  const inbox: ScriptedMailbox = { name: "INBOX", messages, ...(hasCondstore && { highestModseq: 5n }) };
  const change = { armed: false };
  const fetch: Behaviour = async (connection, command) => {
    if (!change.armed || !command.text.includes(item)) return answerFetch(connection, command);
    change.armed = false;
    const news = hasCondstore ? "UID 1 FLAGS (\\Flagged) MODSEQ (6)" : "FLAGS (\\Flagged)";
    await answerFetch(withNews(connection, command.tag, `* 1 FETCH (${news})`), command);
    Object.assign(flagged, { flags: ["\\Flagged"], modseq: 6n });
    if (hasCondstore) inbox.highestModseq = 6n;
  };
  const capabilities = ["IMAP4rev1", ...(hasCondstore ? ["CONDSTORE"] : [])];
  const on = { FETCH: fetch, "UID FETCH": fetch };
  const server = await startScriptedImap({ capabilities, mailboxes: [inbox], on });
  const user = (name: string): { user: string; password: string } => ({ user: name, password: "secret" });
  const core = await startCore({ host: server.host, port: server.port, user });
  t.after(async () => {
    await core.stop();
    await server.stop();
  });
  return { core, change };
}

for (const hasCondstore of [true, false]) {
  describe(`flags that change during a FETCH, ${hasCondstore ? "with" : "without"} CONDSTORE`, () => {
    for (const [what, item, read] of [
      ["a list", "FLAGS", (_: CoreOver, other: CoreOver) => list(other, "a", "inbox", 2)],
      [
        "another message's octets",
        "BODY.PEEK[]",
        async (core: CoreOver) => {
          const [newest] = (await list(core, "a", "inbox")).items;
          return octetsOf(core, "a", newest?.id ?? "");
        },
      ],
    ] as const) {
      it(`are in the next list where it was a FETCH for ${what}`, async (t) => {
        const { core, change } = await startChanging(t, hasCondstore, item);
        const before = await list(core, "a", "inbox");
        assert.deepEqual(before.items.at(-1)?.flags, []);
        change.armed = true;
        // Another one, since this one knows the flags and does not fetch them.
        const other = { ...core, core: core.anotherCore() };
        await read(core, other);
        assert.ok(!change.armed, "the flag was changed");
        const next = await list(core, "a", "inbox");
        for (const { items } of [next, await list(other, "a", "inbox")]) {
          assert.deepEqual(
            items.map(({ flags }) => flags),
            [[], [], ["\\Flagged"]],
          );
        }
        assert.notEqual(next.etag, before.etag);
        assert.notEqual(next.items[2]?.etag, before.items[2]?.etag);
        assert.equal(next.items[1]?.etag, before.items[1]?.etag);
      });
    }
  });
}

for (const without of [[], PLAIN]) {
  describe(`20,000 flags changed elsewhere, on a server ${without.length === 0 ? "with" : "without"} extensions`, () => {
    const MANY = 20_000;
    let house: CoreHouse;
    let client: RawClient;
    before(async () => {
      house = await startCoreHouse({ without, storage: "sdbox" });
      client = await house.otherClient("flood");
      await client.append(
        "INBOX",
        Array.from({ length: MANY }, (_, at) => letter({ subject: `m${at + 1}`, text: "" })),
      );
      await client.command("CREATE Other");
      await client.append("Other", [letter({ subject: "other" })]);
    });
    after(() => house.stop());

    it("are all in the next list, and another mailbox is read beside it", async () => {
      const other = await boxId(house, "flood", "Other");
      const first = await list(house, "flood", "inbox", 200);
      assert.equal(first.total, MANY);
      await client.command("SELECT INBOX");
      for (const flag of ["\\Flagged", "\\Seen"]) {
        const before = await list(house, "flood", "inbox", 200);
        await client.command(`STORE 1:* +FLAGS.SILENT (${flag})`);
        const [page, beside] = await Promise.all([list(house, "flood", "inbox", 200), list(house, "flood", other)]);
        assert.equal(page.items.length, 200);
        assert.ok(page.items.every(({ flags }) => flags?.includes(flag)));
        assert.deepEqual(
          page.items.map(({ id }) => id),
          first.items.map(({ id }) => id),
        );
        assert.notEqual(page.etag, before.etag);
        assert.deepEqual(
          beside.items.map(({ subject }) => subject),
          ["other"],
        );
      }
      const { unseen } = await house.core.getMailbox({ account: "flood", mailbox: "inbox" }, newCall());
      assert.equal(unseen, 0);
    });
  });
}

for (const [without, maxConnections] of [
  [[], 10],
  [[], 2],
  [PLAIN, 10],
  [PLAIN, 2],
] as const) {
  const server = `a server ${without.length === 0 ? "with" : "without"} extensions`;
  // The other client's is the second.
  const connections = maxConnections === 2 ? "a single connection" : "several connections";
  describe(`ids on ${server}, over ${connections}`, () => {
    let house: CoreHouse;
    before(async () => {
      house = await startCoreHouse({ without: [...without], maxConnections });
    });
    after(() => house.stop());

    it("are a copy's own, and go on naming it when the others are expunged", async () => {
      const client = await house.otherClient("copies");
      await client.append("INBOX", [letter({ subject: "same" })]);
      await client.command("CREATE Box");
      await client.command("SELECT INBOX");
      await client.command("COPY 1 INBOX");
      await client.command("COPY 1 Box");
      for (const [number, keyword] of ["first", "second"].entries())
        await client.command(`STORE ${number + 1} +FLAGS (${keyword})`);
      await client.command("SELECT Box");
      await client.command("STORE 1 +FLAGS (third)");
      const inInbox = (await list(house, "copies", "inbox")).items.map(({ id }) => id).reverse();
      const inBox = (await list(house, "copies", await boxId(house, "copies", "Box"))).items.map(({ id }) => id);
      const ids = [...inInbox, ...inBox].map((id) => id ?? "");
      assert.equal(new Set(ids).size, 3);
      const each = ["same first", "same second", "same third"];
      assert.deepEqual(await named(house, "copies", ids), each);
      for (const [mailbox, number, at] of [
        ["INBOX", 1, 0],
        ["Box", 1, 2],
      ] as const) {
        await client.command(`SELECT ${mailbox}`);
        await client.command(`STORE ${number} +FLAGS (\\Deleted)`);
        await client.command("EXPUNGE");
        each[at] = "message-gone";
        assert.deepEqual(await named(house, "copies", ids), each);
        await assert.rejects(octetsOf(house, "copies", ids[at] ?? ""), isGone);
      }
      assert.match(await octetsOf(house, "copies", ids[1] ?? ""), /^Subject: same\r$/m);
    });

    it("never name a message of a mailbox made anew while it was held selected", async () => {
      const client = await house.otherClient("anew");
      await client.command("CREATE Box");
      await client.append("Box", [letter({ subject: "old", text: "old words" })]);
      const box = await boxId(house, "anew", "Box");
      // Several at once, so that every connection that is allowed holds it.
      const held = await Promise.all(Array.from({ length: 6 }, () => list(house, "anew", box)));
      const old = held[0]?.items[0]?.id ?? "";
      const inTurn: ((message: string) => Promise<unknown>)[] = [
        (message) => octetsOf(house, "anew", message),
        (message) => house.core.readPart({ account: "anew", message, part: "1" }, newCall()),
        async (message) => assert.deepEqual(await named(house, "anew", [message]), ["message-gone"]),
      ];
      await Promise.all([...inTurn.slice(0, 2), ...inTurn.slice(0, 2)].map((read) => read(old)));
      const stale = [old];
      for (const read of inTurn) {
        await client.command("DELETE Box");
        await client.command("CREATE Box");
        await client.append("Box", [letter({ subject: "new", text: "new words" })]);
        const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => read(stale.at(-1) ?? "")));
        for (const outcome of outcomes)
          if (outcome.status === "rejected") assert.ok(isGone(outcome.reason), String(outcome.reason));
          else assert.equal(outcome.value, undefined, "nothing was read");
        const now = await list(house, "anew", await boxId(house, "anew", "Box"));
        assert.deepEqual(
          now.items.map(({ subject }) => subject),
          ["new"],
        );
        assert.deepEqual(
          await named(house, "anew", stale),
          stale.map(() => "message-gone"),
        );
        // All the connections hold the new one, and its message is what must not come next.
        await Promise.all(Array.from({ length: 6 }, () => octetsOf(house, "anew", now.items[0]?.id ?? "")));
        stale.push(now.items[0]?.id ?? "");
      }
      assert.equal(new Set(stale).size, inTurn.length + 1);
    });
  });
}
