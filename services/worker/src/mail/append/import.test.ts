import assert from "node:assert/strict";
import { after, before, describe, it, test, type TestContext } from "node:test";
import type { ImportResult, Input } from "@postern/protocol";
import {
  type Behaviour,
  cutAfter,
  drop,
  inTurn,
  no,
  reworded,
  type ScriptedMailbox,
  scriptedMessage,
  type ScriptedServer,
  standardCommands,
  startScriptedImap,
} from "@postern/test/servers/scripted";
import { boxId, listed, seen } from "../../testing/changes.ts";
import { type CoreHouse, type CoreOver, newCall, startCore, startCoreHouse } from "../../testing/core-house.ts";
import { letter, type RawClient } from "../../testing/raw-client.ts";

type Item = Input<"importMessages">["items"][number];

async function* octets(...chunks: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

async function upload({ core }: CoreOver, account: string, source: string | Uint8Array): Promise<string> {
  const input = { account, contentType: "message/rfc822", filename: null };
  return (await core.createUpload(input, newCall(), octets(Buffer.from(source)))).id;
}

const importInto = async ({ core }: CoreOver, account: string, items: Item[]): Promise<ImportResult[]> =>
  (await core.importMessages({ account, items }, newCall())).results;
const ids = (results: ImportResult[]): string[] => results.map((each) => (each.ok ? each.message.id : ""));
const outcomes = (results: ImportResult[]): string[] =>
  results.map((each) => (each.ok ? "ok" : `${each.failure.code} ${each.failure.outcome}`));

function source(subject: string, text = "Hi."): string {
  return letter({ subject, text, headers: [`Message-ID: <${crypto.randomUUID()}@example.org>`] }).source;
}

/** The octets of each message, in order, as another client gets them. */
async function bodies(client: RawClient, mailbox: string, count: number): Promise<Buffer[]> {
  await client.command(`EXAMINE "${mailbox}"`);
  const all: Buffer[] = [];
  for (let number = 1; number <= count; number += 1) {
    const text = await client.command(`FETCH ${number} BODY.PEEK[]`);
    const head = /BODY\[\] \{(\d+)\}\r\n/.exec(text);
    const from = (head?.index ?? 0) + (head?.[0].length ?? 0);
    all.push(Buffer.from(text.slice(from, from + Number(head?.[1])), "latin1"));
  }
  return all;
}

const servers: Record<string, string[]> = {
  "as it is": [],
  "without MULTIAPPEND": ["MULTIAPPEND"],
  "without UIDPLUS": ["UIDPLUS"],
  "without LITERAL+": ["LITERAL+", "LITERAL-"],
};

for (const [what, without] of Object.entries(servers))
  describe(`importing messages on a server ${what}`, () => {
    let house: CoreHouse;
    before(async () => {
      house = await startCoreHouse({ without });
    });
    after(() => house.stop());

    it("they are there to the octet, in their order, with their flags and times, under the ids that are told", async () => {
      const client = await house.otherClient("many");
      const noise = Buffer.from(Array.from({ length: 300_000 }, (_, at) => 33 + ((at * 31) % 90)));
      const sources = [
        Buffer.from(source("One", "with ünicode ☂ and a { brace }\r\n.\r\n")),
        Buffer.concat([Buffer.from(source("Two")), noise, Buffer.from("\r\n")]),
        ...Array.from({ length: 30 }, (_, at) => Buffer.from(source(`${at + 3}`, "x".repeat(at * 400)))),
      ];
      const items: Item[] = [];
      for (const each of sources) items.push({ upload: await upload(house, "many", each), flags: ["\\Seen"] });
      Object.assign(items[1] ?? {}, { flags: ["\\Flagged", "$Work"], receivedAt: "2024-02-29T23:59:58+02:00" });
      const results = await importInto(house, "many", items);
      assert.deepEqual(
        results.map(({ upload: id }) => id),
        items.map(({ upload: id }) => id),
      );
      const list = await listed(house, "many", "inbox");
      assert.deepEqual(
        ids(results),
        list.map(({ id }) => id),
      );
      assert.deepEqual((await seen(client, "INBOX")).slice(0, 3), ["One \\Seen", "Two \\Flagged $Work", "3 \\Seen"]);
      assert.match(await client.command("FETCH 2 INTERNALDATE"), /"29-Feb-2024 21:59:58 \+0000"/);
      for (const [at, body] of (await bodies(client, "INBOX", sources.length)).entries())
        assert.ok(sources[at]?.equals(body), `message ${at + 1}`);
    });

    it("copies of one message are each their own, and several mailboxes take part", async () => {
      const client = await house.otherClient("boxes");
      await client.command("CREATE Box");
      const mailbox = await boxId(house, "boxes", "Box");
      const [twin, other] = [
        await upload(house, "boxes", source("Twin")),
        await upload(house, "boxes", source("Other")),
      ];
      const results = await importInto(house, "boxes", [
        { upload: twin },
        { upload: other, mailbox },
        { upload: twin },
        { upload: twin, mailbox: "drafts" },
        { upload: twin },
      ]);
      assert.equal(new Set(ids(results)).size, 5);
      assert.deepEqual(await seen(client, "INBOX"), ["Twin", "Twin", "Twin"]);
      assert.deepEqual([await seen(client, "Box"), await seen(client, "Drafts")], [["Other"], ["Twin"]]);
      const [first, second, third, fourth, fifth] = ids(results);
      const idsIn = async (name: string) => (await listed(house, "boxes", name)).map(({ id }) => id);
      assert.deepEqual(
        [await idsIn("inbox"), await idsIn(mailbox), await idsIn("drafts")],
        [[first, third, fifth], [second], [fourth]],
      );
    });

    it("what is not there is told of by itself", async () => {
      const client = await house.otherClient("some");
      const whole = await upload(house, "some", source("Whole"));
      const results = await importInto(house, "some", [
        { upload: whole },
        { upload: "upl_never" },
        { upload: whole, mailbox: "mbx_never" },
        { upload: whole, mailbox: "flagged" },
        { upload: whole, flags: ["\\Seen"] },
      ]);
      assert.deepEqual(outcomes(results), ["ok", "not-found none", "not-found none", "not-found none", "ok"]);
      assert.deepEqual(await seen(client, "INBOX"), ["Whole", "Whole \\Seen"]);
    });
  });

interface World {
  core: CoreOver;
  server: ScriptedServer;
  inbox: ScriptedMailbox;
  run(...subjects: string[]): Promise<ImportResult[]>;
}

const FULL = ["IMAP4rev1", "UIDPLUS", "CONDSTORE", "MULTIAPPEND"];

async function start(
  t: TestContext,
  way: (standard: Behaviour, inbox: ScriptedMailbox) => Behaviour,
  capabilities = FULL,
): Promise<World> {
  const inbox: ScriptedMailbox = { name: "INBOX", highestModseq: 5n, messages: [scriptedMessage(1)] };
  const standard = standardCommands({ capabilities, mailboxes: [inbox] }).APPEND ?? drop;
  const on = { APPEND: way(standard, inbox) };
  const server = await startScriptedImap({ capabilities, mailboxes: [inbox], on });
  const user = (name: string): { user: string; password: string } => ({ user: name, password: "secret" });
  const core = await startCore({ host: server.host, port: server.port, user });
  t.after(async () => {
    await core.stop();
    await server.stop();
  });
  const run = async (...subjects: string[]): Promise<ImportResult[]> => {
    const items: Item[] = [];
    for (const subject of subjects) items.push({ upload: await upload(core, "a", source(subject)) });
    return importInto(core, "a", items);
  };
  return { core, server, inbox, run };
}

const appends = ({ server }: World): number => server.commands.filter(({ name }) => name === "APPEND").length;
const subjects = ({ inbox }: World): string[] =>
  (inbox.messages ?? []).slice(1).map(({ source: text }) => /^Subject: (.*?)\r$/m.exec(text)?.[1] ?? "");
const plain = (standard: Behaviour): Behaviour => standard;

test("messages for one mailbox are one command where the server has MULTIAPPEND, else one each", async (t) => {
  for (const [capabilities, count] of [
    [FULL, 1],
    [[...FULL, "LITERAL+"], 1],
    [[...FULL, "LITERAL-"], 1],
    [FULL.filter((name) => name !== "MULTIAPPEND"), 3],
  ] as const) {
    const world = await start(t, plain, [...capabilities]);
    const results = await world.run("One", "Two", "Three");
    assert.deepEqual(outcomes(results), ["ok", "ok", "ok"]);
    assert.deepEqual([subjects(world), appends(world)], [["One", "Two", "Three"], count]);
    const waits = capabilities.includes("MULTIAPPEND") && capabilities.some((name) => name.startsWith("LITERAL"));
    assert.equal(world.server.clearText().match(/\{\d+\}\r\n/g)?.length, waits ? 1 : 3);
  }
});

test("a command brings a hundred messages at most", async (t) => {
  const world = await start(t, plain);
  const names = Array.from({ length: 250 }, (_, at) => `${at}`);
  assert.ok(outcomes(await world.run(...names)).every((each) => each === "ok"));
  assert.deepEqual([subjects(world), appends(world)], [names, 3]);
});

/** Says no to any command that brings this message. */
const noTo =
  (subject: string, text: string) =>
  (standard: Behaviour): Behaviour =>
  (connection, command) =>
    command.text.includes(`Subject: ${subject}\r\n`) ? no(text)(connection, command) : standard(connection, command);

test("one that the server does not take keeps the others from nothing", async (t) => {
  const world = await start(t, noTo("Two", "[TOOBIG] Too large"));
  assert.deepEqual(outcomes(await world.run("One", "Two", "Three")), ["ok", "payload-too-large none", "ok"]);
  assert.deepEqual([subjects(world), appends(world)], [["One", "Three"], 4]);
});

test("all are told to have failed where the server takes none", async (t) => {
  const world = await start(t, () => no("[OVERQUOTA] Full"));
  assert.deepEqual(outcomes(await world.run("One", "Two")), ["over-quota none", "over-quota none"]);
  assert.deepEqual(subjects(world), []);
});

test("an answer that is lost is looked up for each, and nothing is sent again", async (t) => {
  for (const capabilities of [FULL, FULL.filter((name) => name !== "MULTIAPPEND")]) {
    const world = await start(t, cutAfter, capabilities);
    const results = await world.run("One", "Two", "Two");
    assert.deepEqual(outcomes(results), ["ok", "ok", "ok"]);
    assert.equal(new Set(ids(results)).size, 3);
    assert.deepEqual(subjects(world), ["One", "Two", "Two"]);
  }
});

test("a connection that is lost with nothing stored leaves open what may yet come, and sends no more", async (t) => {
  const together = await start(t, () => drop);
  assert.deepEqual(outcomes(await together.run("One", "Two")), [
    "upstream-unreachable unknown",
    "upstream-unreachable unknown",
  ]);
  assert.equal(appends(together), 1);
  const apart = await start(t, (standard) => inTurn(standard, drop, standard), ["IMAP4rev1", "UIDPLUS"]);
  assert.deepEqual(outcomes(await apart.run("One", "Two", "Three")), [
    "ok",
    "upstream-unreachable unknown",
    "upstream-unreachable none",
  ]);
  assert.deepEqual([subjects(apart), appends(apart)], [["One"], 2]);
});

test("without APPENDUID each is found for itself, copies of one message too", async (t) => {
  const silently = (standard: Behaviour): Behaviour =>
    reworded(standard, (line) => line.replace(/\[APPENDUID [^\]]*\] /, ""));
  const world = await start(t, silently, ["IMAP4rev1", "MULTIAPPEND"]);
  const same = await upload(world.core, "a", source("Same"));
  const other = await upload(world.core, "a", source("Other"));
  const both = [same, other, same].map((id) => ({ upload: id }));
  const all = await Promise.all([importInto(world.core, "a", both), importInto(world.core, "a", both)]);
  assert.equal(new Set(all.flatMap(ids)).size, 6);
  const list = (await listed(world.core, "a", "inbox")).slice(1);
  assert.deepEqual(list.map(({ id }) => id).sort(), all.flatMap(ids).sort());
  const subjectOf = new Map(list.map(({ id, subject }) => [id, subject]));
  for (const results of all)
    assert.deepEqual(
      ids(results).map((id) => subjectOf.get(id)),
      ["Same", "Other", "Same"],
    );
});
