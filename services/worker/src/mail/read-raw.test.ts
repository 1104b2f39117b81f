import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type ByteRange, type ByteStream, isFailure } from "@postern/protocol";
import { answerFetch, type Behaviour, type ScriptedMessage, startScriptedImap } from "@postern/test/servers/scripted";
import fc from "fast-check";
import { type CoreHouse, type CoreOver, newCall, startCore, startCoreHouse } from "../testing/core-house.ts";
import { collect, noise, slowly } from "../testing/octets.ts";
import type { RawClient } from "../testing/raw-client.ts";

const MEBI = 1 << 20;

async function idsOf(house: CoreOver, account: string): Promise<string[]> {
  const page = await house.core.listMessages({ account, mailbox: "inbox", limit: 200, fields: ["id"] }, newCall());
  assert.ok(!page.notModified);
  return page.items.map(({ id }) => id ?? "").reverse();
}

async function read(house: CoreOver, account: string, at: number, range?: ByteRange): Promise<ByteStream> {
  const message = (await idsOf(house, account))[at] ?? assert.fail("no such message");
  return house.core.readRaw({ account, message, range }, newCall());
}

describe("a message's octets", () => {
  let house: CoreHouse;
  before(async () => {
    house = await startCoreHouse();
  });
  after(() => house.stop());

  const fill = async (account: string, ...sources: Uint8Array[]): Promise<RawClient> => {
    const client = await house.otherClient(account);
    for (const source of sources) await client.append("INBOX", [{ source }]);
    return client;
  };

  it("are those on the server, be they few or many", async () => {
    const sizes = [1, 100, (64 << 10) - 1, 64 << 10, (64 << 10) + 1, MEBI + (64 << 10), 2 * MEBI + 1, 10 * MEBI];
    const sources = sizes.map((size) => noise(size, size));
    const client = await fill("sizes", ...sources);
    for (const [at, source] of sources.entries()) {
      const { head, body } = await read(house, "sizes", at);
      assert.equal(head.size, source.length);
      assert.equal(head.contentType, "message/rfc822");
      assert.ok((await collect(body)).equals(source), `${source.length} octets`);
    }
    await client.command("EXAMINE INBOX");
    assert.doesNotMatch(await client.command("FETCH 1:* FLAGS"), /Seen/);
  });

  it("come in any range", async () => {
    const size = 3 * MEBI + 17;
    const source = noise(size);
    const client = await fill("ranges", source);
    const [message = ""] = await idsOf(house, "ranges");
    const position = fc.oneof(
      fc.nat(size - 1),
      fc.constantFrom(0, 1, (64 << 10) - 1, 64 << 10, MEBI - 1, MEBI, size - 1),
    );
    const range = fc.oneof(
      fc.tuple(position, position).map(([a, b]): ByteRange => ({ first: Math.min(a, b), last: Math.max(a, b) })),
      position.map((first): ByteRange => ({ first })),
      fc.integer({ min: 1, max: 2 * size }).map((suffix): ByteRange => ({ suffix })),
      position.map((first): ByteRange => ({ first, last: size + first })),
    );
    await fc.assert(
      fc.asyncProperty(range, async (wanted) => {
        const { head, body } = await house.core.readRaw({ account: "ranges", message, range: wanted }, newCall());
        const first = "suffix" in wanted ? Math.max(0, size - wanted.suffix) : wanted.first;
        const last = "suffix" in wanted ? size - 1 : Math.min(size - 1, wanted.last ?? size - 1);
        assert.deepEqual(head.range, { first, last });
        assert.equal(head.size, size);
        assert.ok((await collect(body)).equals(source.subarray(first, last + 1)));
      }),
      { numRuns: 40 },
    );
    await client.command("EXAMINE INBOX");
    assert.doesNotMatch(await client.command("FETCH 1:* FLAGS"), /Seen/);
  });

  it("of a range beyond the end are refused with the size that there is", async () => {
    await fill("beyond", noise(500));
    await assert.rejects(read(house, "beyond", 0, { first: 500 }), (error) => {
      assert.ok(isFailure(error, "range-not-satisfiable"));
      assert.deepEqual(error.toJSON().current, { size: 500 });
      return true;
    });
  });

  it("break off where the message is deleted in between", async () => {
    const client = await fill("expunged", noise(4 * MEBI));
    const reader = slowly(await read(house, "expunged", 0));
    await reader.next();
    await reader.next();
    await client.command("SELECT INBOX");
    await client.command("STORE 1 +FLAGS.SILENT (\\Deleted)");
    await client.command("EXPUNGE");
    await assert.rejects(reader.rest(), (error) => isFailure(error, "message-gone"));
  });

  it("go on with the same message where the mailbox is reset in between and the message is known again", async () => {
    const whole = noise(4 * MEBI);
    await fill("reset", whole);
    const reader = slowly(await read(house, "reset", 0));
    const begun = [await reader.next(), await reader.next()].map((piece) => piece ?? Buffer.alloc(0));
    await house.server.doveadm(
      "mailbox",
      "update",
      "-u",
      house.server.user("reset").user,
      "--uid-validity",
      "4242",
      "INBOX",
    );
    const octets = Buffer.concat([...begun, await reader.rest()]);
    assert.ok(octets.equals(whole));
  });

  it("are nobody's any more once the message is gone", async () => {
    const client = await fill("gone", noise(100));
    const [message = ""] = await idsOf(house, "gone");
    await client.command("SELECT INBOX");
    await client.command("STORE 1 +FLAGS.SILENT (\\Deleted)");
    await client.command("EXPUNGE");
    for (const range of [undefined, { first: 3 }]) {
      await assert.rejects(house.core.readRaw({ account: "gone", message, range }, newCall()), (error) =>
        isFailure(error, "message-gone"),
      );
    }
  });

  it("hold no session while their readers take their time, and leave nothing behind when these go", async () => {
    const source = noise(3 * MEBI);
    await fill("slow", source);
    const readers = await Promise.all(Array.from({ length: 40 }, async () => slowly(await read(house, "slow", 0))));
    const begun = await Promise.all(readers.map(async (reader) => [await reader.next(), await reader.next()]));
    assert.equal((await idsOf(house, "slow")).length, 1);
    const [patient, ...others] = readers;
    for (const reader of others) await reader.leave();
    const rest = (await patient?.rest()) ?? Buffer.alloc(0);
    const pieces = (begun[0] ?? []).map((piece) => piece ?? Buffer.alloc(0));
    assert.ok(Buffer.concat([...pieces, rest]).equals(source));
  });

  it("are given up with the call", async () => {
    await fill("cancelled", noise(3 * MEBI));
    const [message = ""] = await idsOf(house, "cancelled");
    const controller = new AbortController();
    const reader = slowly(
      await house.core.readRaw({ account: "cancelled", message }, { ...newCall(), signal: controller.signal }),
    );
    await reader.next();
    controller.abort();
    await assert.rejects(reader.rest(), (error) => isFailure(error, "cancelled"));
    assert.equal((await idsOf(house, "cancelled")).length, 1);
  });
});

/** The core over a server that does what a script says; gone with the test. */
async function scriptedCore(
  t: { after: (end: () => Promise<void>) => void },
  message: Partial<ScriptedMessage>,
  on: Record<string, Behaviour> = {},
): Promise<CoreOver> {
  const inbox = { name: "INBOX", messages: [{ uid: 1, source: "", ...message }] };
  const server = await startScriptedImap({ mailboxes: [inbox], on });
  const user = (name: string): { user: string; password: string } => ({ user: name, password: "secret" });
  const core = await startCore({ host: server.host, port: server.port, user });
  t.after(async () => {
    await core.stop();
    await server.stop();
  });
  return core;
}

describe("a message's octets, of a server that errs", () => {
  const source = noise(2 * MEBI + 5).toString("latin1");

  it("may be none", async (t) => {
    const core = await scriptedCore(t, { source: "" });
    const { head, body } = await read(core, "ada", 0);
    assert.equal(head.size, 0);
    assert.equal((await collect(body)).length, 0);
    await assert.rejects(read(core, "ada", 0, { first: 0 }), (error) => isFailure(error, "range-not-satisfiable"));
  });

  for (const [words, size] of [
    ["fewer than there are", source.length - 1],
    ["more than there are", source.length + 1],
    ["hardly any", 10],
    ["none", 0],
  ] as const) {
    it(`come whole where it tells ${words}`, async (t) => {
      const core = await scriptedCore(t, { source, size });
      const { head, body } = await read(core, "ada", 0);
      assert.equal(head.size, null);
      assert.equal((await collect(body)).toString("latin1"), source);
      const ranged = await read(core, "ada", 0, { first: 5, last: 7 });
      assert.equal(ranged.head.range, null);
      assert.equal((await collect(ranged.body)).toString("latin1"), source);
    });
  }

  it("have their true number where they are few, whatever it tells", async (t) => {
    const core = await scriptedCore(t, { source: "few", size: 1_000 });
    const { head, body } = await read(core, "ada", 0);
    assert.equal(head.size, 3);
    assert.equal((await collect(body)).toString(), "few");
  });

  it("come whole where it gives less at a time than it is asked for", async (t) => {
    const stingy: Behaviour = async (connection, command) => {
      const args = command.args.map((arg) => (Array.isArray(arg) ? arg.map(atMost) : arg));
      await answerFetch(connection, { ...command, args });
    };
    const core = await scriptedCore(t, { source }, { "UID FETCH": stingy });
    const { body } = await read(core, "ada", 0);
    assert.equal((await collect(body)).toString("latin1"), source);
  });

  it("never look whole where it cuts the connection within them", async (t) => {
    const cut: Behaviour = async (connection, command) => {
      if (!/<65536\./.test(command.text)) return answerFetch(connection, command);
      await connection.write(`* 1 FETCH (UID 1 BODY[]<65536> {${MEBI}}\r\n${source.slice(65_536, 65_536 + 300_000)}`);
      connection.drop();
    };
    const core = await scriptedCore(t, { source }, { "UID FETCH": cut });
    const { head, body } = await read(core, "ada", 0);
    assert.equal(head.size, source.length);
    await assert.rejects(
      collect(body),
      (error) => isFailure(error, "upstream-unreachable") || isFailure(error, "upstream-protocol"),
    );
  });

  it("never look whole where it ends them before their end", async (t) => {
    const forgetful: Behaviour = async (connection, command) => {
      const [, offset] = /BODY\.PEEK\[\]<(\d+)\./.exec(command.text) ?? [];
      const isLate = offset !== undefined && Number(offset) > MEBI && Number(offset) < source.length - 1;
      if (!isLate) return answerFetch(connection, command);
      await connection.say(`* 1 FETCH (UID 1 BODY[]<${offset}> "")`, `${command.tag} OK done`);
    };
    const core = await scriptedCore(t, { source }, { "UID FETCH": forgetful });
    const { body } = await read(core, "ada", 0);
    await assert.rejects(collect(body), (error) => isFailure(error, "upstream-protocol"));
  });
});

function atMost(token: unknown): string {
  return String(token).replace(
    /<(\d+)\.(\d+)>$/,
    (_, offset: string, length: string) => `<${offset}.${Math.min(100_000, Number(length))}>`,
  );
}
