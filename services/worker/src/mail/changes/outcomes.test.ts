import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { ChangeResult } from "@postern/protocol";
import {
  type Behaviour,
  changeCommands,
  cutAfter,
  drop,
  no,
  reworded,
  type ScriptedMailbox,
  scriptedMessage,
  type ScriptedServer,
  startScriptedImap,
} from "@postern/test/servers/scripted";
import { boxId, idsIn, outcomes, targets } from "../../testing/changes.ts";
import { type CoreOver, newCall, startCore } from "../../testing/core-house.ts";

const FULL = ["IMAP4rev1", "CONDSTORE", "UIDPLUS", "MOVE"];

/** The same without the response code that tells what became of which message. */
const withoutCopyUid = (perform: Behaviour): Behaviour =>
  reworded(perform, (line) => line.replace(/\[COPYUID [^\]]*\] /, ""));

interface World {
  core: CoreOver;
  server: ScriptedServer;
  inbox: ScriptedMailbox;
  box: ScriptedMailbox;
  ids: string[];
  boxed: string;
}

async function start(t: TestContext, way: Record<string, (standard: Behaviour) => Behaviour>, capabilities = FULL) {
  const inbox: ScriptedMailbox = {
    name: "INBOX",
    highestModseq: 5n,
    messages: [1, 2, 3].map((uid) => ({ ...scriptedMessage(uid), flags: [] })),
  };
  const box: ScriptedMailbox = { name: "Box", uidValidity: 7, highestModseq: 5n, messages: [scriptedMessage(8)] };
  const standard = changeCommands([inbox, box]);
  const on = Object.fromEntries(
    Object.entries(way).map(([name, wrap]): [string, Behaviour] => [name, wrap(standard[name] ?? drop)]),
  );
  const server = await startScriptedImap({ capabilities, mailboxes: [inbox, box], on });
  const user = (name: string): { user: string; password: string } => ({ user: name, password: "secret" });
  const core = await startCore({ host: server.host, port: server.port, user });
  t.after(async () => {
    await core.stop();
    await server.stop();
  });
  const ids = await idsIn(core, "a", "inbox");
  return { core, server, inbox, box, ids, boxed: await boxId(core, "a", "Box") } satisfies World;
}

const uids = ({ messages = [] }: ScriptedMailbox): number[] => messages.map(({ uid }) => uid);
const sent = ({ server }: World, name: string): number => server.commands.filter((each) => each.name === name).length;

const move = async ({ core, ids, boxed }: World): Promise<ChangeResult[]> =>
  (await core.core.moveMessages({ account: "a", messages: targets(ids.slice(0, 2)), mailbox: boxed }, newCall()))
    .results;
const copy = async ({ core, ids, boxed }: World): Promise<ChangeResult[]> =>
  (await core.core.copyMessages({ account: "a", messages: targets(ids.slice(0, 2)), mailbox: boxed }, newCall()))
    .results;
const flag = async ({ core, ids }: World): Promise<ChangeResult[]> =>
  (
    await core.core.changeFlags(
      { account: "a", messages: targets(ids.slice(0, 2)), flags: { add: ["\\Seen"] } },
      newCall(),
    )
  ).results;
const remove = async ({ core, ids }: World): Promise<ChangeResult[]> =>
  (await core.core.deleteMessages({ account: "a", messages: targets(ids.slice(0, 2)), permanent: true }, newCall()))
    .results;

for (const [what, perform, name] of [
  ["a move", move, "UID MOVE"],
  ["a copy", copy, "UID COPY"],
  ["a change of flags", flag, "UID STORE"],
  ["a deletion", remove, "UID EXPUNGE"],
] as const) {
  test(`${what} whose answer was lost is found to be done, and not sent again`, async (t) => {
    const world = await start(t, { [name]: cutAfter });
    assert.deepEqual(outcomes(await perform(world)), ["ok", "ok"]);
    assert.equal(sent(world, name), 1);
    assert.equal(uids(world.box).length, name === "UID MOVE" || name === "UID COPY" ? 3 : 1);
  });

  test(`${what} that never came is told as not done, and not sent again`, async (t) => {
    const world = await start(t, { [name]: () => drop });
    const expected = name === "UID EXPUNGE" ? "partly-done unknown" : "upstream-unreachable none";
    assert.deepEqual(outcomes(await perform(world)), [expected, expected]);
    assert.equal(sent(world, name), 1);
    assert.deepEqual([uids(world.inbox), uids(world.box)], [[1, 2, 3], [8]]);
  });
}

test("a move keeps ids on a server that tells nothing of what it moved", async (t) => {
  const world = await start(t, { "UID MOVE": withoutCopyUid }, ["IMAP4rev1", "MOVE"]);
  assert.deepEqual(outcomes(await move(world)), ["ok", "ok"]);
  assert.deepEqual((await idsIn(world.core, "a", world.boxed)).slice(1), world.ids.slice(0, 2));
});

test("without MOVE and COPYUID the copies are found before the originals go", async (t) => {
  const world = await start(t, { "UID COPY": withoutCopyUid }, ["IMAP4rev1"]);
  assert.deepEqual(outcomes(await move(world)), ["ok", "ok"]);
  assert.deepEqual([uids(world.inbox), uids(world.box)], [[3], [8, 9, 10]]);
  assert.deepEqual((await idsIn(world.core, "a", world.boxed)).slice(1), world.ids.slice(0, 2));
});

test("a move that ends between copying and removing leaves the original, and says so", async (t) => {
  const world = await start(t, { "UID STORE": () => no("[SERVERBUG] Oops") }, ["IMAP4rev1", "UIDPLUS"]);
  const results = await move(world);
  assert.deepEqual(outcomes(results), ["partly-done unknown", "partly-done unknown"]);
  assert.deepEqual(
    [uids(world.inbox), uids(world.box)],
    [
      [1, 2, 3],
      [8, 9, 10],
    ],
  );
});

test("where others have marked messages, a move that could not remove its originals copies none", async (t) => {
  const world = await start(t, {}, ["IMAP4rev1"]);
  world.inbox.messages?.at(2)?.flags?.push("\\Deleted");
  assert.deepEqual(outcomes(await move(world)), ["expunge-withheld none", "expunge-withheld none"]);
  assert.deepEqual([uids(world.inbox), uids(world.box), sent(world, "UID COPY")], [[1, 2, 3], [8], 0]);
});

test("what others mark between copy and removal stays, and so does the original, which is told", async (t) => {
  const world = await start(
    t,
    {
      "UID COPY": (standard) => async (connection, command) => {
        await standard(connection, command);
        world.inbox.messages?.at(2)?.flags?.push("\\Deleted");
      },
    },
    ["IMAP4rev1"],
  );
  assert.deepEqual(outcomes(await move(world)), ["partly-done unknown", "partly-done unknown"]);
  assert.deepEqual([uids(world.inbox), uids(world.box), sent(world, "EXPUNGE")], [[1, 2, 3], [8, 9, 10], 0]);
  assert.deepEqual(
    world.inbox.messages?.map(({ flags = [] }) => flags.join(" ")),
    ["", "", "\\Deleted"],
  );
});

test("moves at the same moment do not take each other's marks for those of others", async (t) => {
  const world = await start(t, {}, ["IMAP4rev1"]);
  const { core, ids, boxed } = world;
  const results = await Promise.all(
    ids.map((id) => core.core.moveMessages({ account: "a", messages: targets([id]), mailbox: boxed }, newCall())),
  );
  assert.deepEqual(
    results.flatMap((each) => outcomes(each.results)),
    ["ok", "ok", "ok"],
  );
  assert.deepEqual([uids(world.inbox), uids(world.box)], [[], [8, 9, 10, 11]]);
});
