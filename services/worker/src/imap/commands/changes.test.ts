import assert from "node:assert/strict";
import { test } from "node:test";
import type { FailureCode } from "@postern/protocol";
import { drop, no, type ScriptedMailbox, scriptedMessage, silence, tell } from "@postern/test/servers/scripted";
import { failureOf, opened } from "../testing.ts";

const capabilities = ["IMAP4rev1", "CONDSTORE", "UIDPLUS", "MOVE"];
const inbox = (): ScriptedMailbox => ({
  name: "INBOX",
  highestModseq: 9n,
  messages: [3, 5, 9].map((uid) => Object.assign(scriptedMessage(uid), { modseq: BigInt(uid) })),
});
const other = (): ScriptedMailbox => ({ name: "Other", uidValidity: 7, messages: [scriptedMessage(40)] });
const world = () => ({ capabilities, mailboxes: [inbox(), other()] });

test("a mailbox that is selected may be changed; one that is examined may not", async (t) => {
  const { session, server } = await opened(t, world());
  const selected = await session.select("INBOX");
  assert.deepEqual([selected?.messages, selected?.highestModseq, selected?.permanentFlags], [3, 9n, null]);
  assert.deepEqual([session.selected, session.writable], ["INBOX", true]);
  assert.match(server.commands.at(-1)?.text ?? "", /SELECT "INBOX" \(CONDSTORE\)/);
  await session.examine("INBOX");
  assert.equal(session.writable, false);
  assert.equal(await session.select("Missing"), null);
  assert.deepEqual([session.selected, session.writable], [null, false]);
});

test("a mailbox that the server opens for reading only cannot be changed, which is told as such", async (t) => {
  const { session } = await opened(t, {
    ...world(),
    on: { SELECT: (connection, { tag }) => connection.say("* OK [UIDVALIDITY 1] x", `${tag} OK [READ-ONLY] Done`) },
  });
  const failure = await failureOf(session.select("INBOX"));
  assert.deepEqual([failure.code, failure.outcome, session.usable], ["not-permitted", "none", true]);
});

test("flags are added, taken away and set, and the answer tells what they are now", async (t) => {
  const { session } = await opened(t, world());
  await session.select("INBOX");
  const added = await session.store([3, 9], { add: ["\\Seen", "$Work"] });
  assert.deepEqual(added.modified, []);
  assert.deepEqual(
    added.rows.map(({ uid, flags, modseq }) => [uid, flags, modseq]),
    [
      [3, ["\\Seen", "$Work"], 10n],
      [9, ["\\Seen", "$Work"], 11n],
    ],
  );
  const removed = await session.store([3], { remove: ["\\Seen"] });
  assert.deepEqual(removed.rows[0]?.flags, ["$Work"]);
  const set = await session.store([3], { set: [] });
  assert.deepEqual(set.rows[0]?.flags, []);
});

for (const status of ["OK", "NO"])
  test(`what a conditional change left as it was is told, when the server says ${status} too`, async (t) => {
    const { session } = await opened(t, {
      ...world(),
      on: { "UID STORE": (connection, { tag }) => connection.say(`${tag} ${status} [MODIFIED 5,9] Stale`) },
    });
    await session.select("INBOX");
    assert.deepEqual(await session.store([3, 5, 9], { add: ["\\Seen"] }, 4n), { rows: [], modified: [5, 9] });
  });

test("a conditional change names the state that it rests on", async (t) => {
  const { session, server } = await opened(t, world());
  await session.select("INBOX");
  const { rows, modified } = await session.store([3, 5, 9], { add: ["\\Seen"] }, 5n);
  assert.match(server.commands.at(-1)?.text ?? "", /UID STORE 3,5,9 \(UNCHANGEDSINCE 5\) \+FLAGS \(\\Seen\)/);
  assert.deepEqual([rows.map(({ uid }) => uid), modified], [[3, 5], [9]]);
});

test("COPYUID tells what became of which message, wherever it stands", async (t) => {
  const { session } = await opened(t, world());
  await session.select("INBOX");
  assert.deepEqual(await session.copy([3, 5], "Other"), {
    uidValidity: 7,
    uids: new Map([
      [3, 41],
      [5, 42],
    ]),
  });
  assert.deepEqual(await session.move([9, 10], "Other"), { uidValidity: 7, uids: new Map([[9, 43]]) });
  assert.equal(await session.move([9], "Other"), null);
});

test("a COPYUID in ranges keeps its order, and one that makes no sense is none", async (t) => {
  const moved = ["* OK [COPYUID 38505 304,319:320 3956:3958] Done", "* OK [COPYUID 7 1:3 5:6] Done"];
  for (const [at, line] of moved.entries()) {
    const { session } = await opened(t, { ...world(), on: { "UID MOVE": tell(line) } });
    await session.select("INBOX");
    const uids = new Map([
      [304, 3956],
      [319, 3957],
      [320, 3958],
    ]);
    const named = [304, 319, 320];
    assert.deepEqual(await session.move(named, "Other"), at === 0 ? { uidValidity: 38505, uids } : null);
    assert.equal(await session.move([304], "Other"), null, "more than was named");
  }
});

test("only what is named and marked is expunged", async (t) => {
  const { session } = await opened(t, world());
  await session.select("INBOX");
  await session.store([3, 5], { add: ["\\Deleted"] });
  await session.expunge([3, 9]);
  assert.deepEqual(await session.search({ all: true }), [5, 9]);
  await session.expungeAll();
  assert.deepEqual(await session.search({ all: true }), [9]);
});

const refusals: [string, FailureCode][] = [
  ["[NOPERM] Not for you", "not-permitted"],
  ["[CANNOT] Never", "not-possible"],
  ["[ALREADYEXISTS] It is there", "mailbox-exists"],
  ["[NONEXISTENT] Gone", "not-found"],
  ["[TRYCREATE] Make it first", "not-found"],
  ["[LIMIT] Too many keywords", "upstream-limit"],
  ["[INUSE] Locked", "upstream-in-use"],
  ["[OVERQUOTA] Full", "over-quota"],
  ["Over quota", "over-quota"],
  ["[UNAVAILABLE] Later", "upstream-unreachable"],
  ["[SERVERBUG] Oops", "upstream-refused"],
  ["[CONTACTADMIN] Call us", "upstream-refused"],
  ["No reason at all", "upstream-refused"],
];
for (const [text, code] of refusals)
  test(`NO ${text} is ${code}, with the server's words and nothing done`, async (t) => {
    const { session } = await opened(t, { ...world(), on: { "UID COPY": no(text), "UID STORE": no(text) } });
    await session.select("INBOX");
    for (const change of [() => session.copy([3], "Other"), () => session.store([3], { add: ["\\Seen"] })]) {
      const failure = await failureOf(change());
      assert.deepEqual([failure.code, failure.outcome], [code, "none"]);
      assert.ok(text.endsWith(failure.upstream?.text ?? "?"));
      assert.equal(session.usable, true);
    }
  });

for (const [what, behaviour, code] of [
  ["the connection is cut", drop, "upstream-unreachable"],
  ["no answer comes", silence, "upstream-timeout"],
] as const)
  test(`when ${what} after a change was sent, its outcome is unknown`, async (t) => {
    const { session } = await opened(t, { ...world(), on: { "UID STORE": behaviour } }, { commandTimeoutMs: 200 });
    await session.select("INBOX");
    const failure = await failureOf(session.store([3], { add: ["\\Seen"] }));
    assert.deepEqual([failure.code, failure.outcome, session.usable], [code, "unknown", false]);
  });
