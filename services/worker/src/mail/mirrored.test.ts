import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import { type ListMessagesInput, type MessagePage, unpackMessageId } from "@postern/protocol";
import { type CoreHouse, newCall, startCoreHouse } from "../testing/core-house.ts";
import { letter, type RawClient } from "../testing/raw-client.ts";

/** What another client does to the mailbox. Places are taken modulo what is there. */
const deed = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("append" as const), count: fc.integer({ min: 1, max: 4 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("flag" as const),
      at: fc.nat(),
      to: fc.nat(),
      sign: fc.constantFrom("+", "-"),
      flag: fc.constantFrom("\\Seen", "\\Flagged", "$Forwarded", "work"),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("expunge" as const), at: fc.nat(), to: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("move" as const), at: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("anew" as const) }) },
  /** Nothing in memory, what was kept in the cache. */
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const) }) },
  /** The connections are lost. */
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("cut" as const) }) },
  /** The octets of a message are read, which opens the mailbox on another connection or anew. */
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("read" as const) }) },
);
type Deed = typeof deed extends fc.Arbitrary<infer T> ? T : never;

for (const [title, without] of [
  ["QRESYNC", []],
  ["CONDSTORE alone", ["QRESYNC"]],
  ["neither", ["CONDSTORE", "QRESYNC", "LIST-STATUS", "ESEARCH", "SORT", "MOVE"]],
] as const) {
  describe(`lists out of the mirror, on a server with ${title}`, () => {
    let house: CoreHouse;
    let accounts = 0;
    before(async () => {
      house = await startCoreHouse({ without: [...without] });
    });
    after(() => house.stop());

    it("are what a plain client sees, whatever others do between them", async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(deed, { minLength: 3, maxLength: 14 }),
          fc.integer({ min: 1, max: 9 }),
          async (deeds, limit) => {
            accounts += 1;
            const account = `any${accounts}`;
            const client = await house.otherClient(account);
            const world = new World(house, client, account, limit);
            await world.begin();
            for (const each of deeds) await world.perform(each);
            client.close();
          },
        ),
        { numRuns: 14 },
      );
    });
  });
}

describe("what a list of a changed mailbox costs", () => {
  let house: CoreHouse;
  before(async () => {
    house = await startCoreHouse();
  });
  after(() => house.stop());

  it("is a STATUS and a NOOP, and for new messages what was asked of them in one FETCH", async () => {
    const client = await house.otherClient("delta");
    await client.append(
      "INBOX",
      Array.from({ length: 80 }, (_, at) => letter({ subject: `m${at}` })),
    );
    const list = async (): Promise<[MessagePage, number, object[]]> => {
      const call = newCall();
      house.fetches.length = 0;
      const fields = ["id" as const, "subject" as const, "flags" as const];
      const page = await house.core.listMessages({ account: "delta", mailbox: "inbox", limit: 50, fields }, call);
      assert.ok(!page.notModified);
      return [page, call.report.commands, [...house.fetches]];
    };
    // One connection holds the mailbox, another one proves.
    const wish = { account: "delta", lane: "interactive", call: newCall() } as const;
    await house.sessions.use(wish, () => house.sessions.use(wish, (session) => session.noop()));
    await list();
    await client.command("SELECT INBOX");
    await client.command("STORE 70:79 +FLAGS (work)");
    const [flagged, commands, fetches] = await list();
    assert.equal(flagged.items.filter(({ flags }) => flags?.includes("work")).length, 10);
    assert.equal(commands, 2);
    assert.deepEqual(fetches, []);
    await client.append("INBOX", [letter({ subject: "new" })]);
    await client.command("STORE 75 +FLAGS.SILENT (\\Deleted)");
    await client.command("EXPUNGE");
    const [changed, more, fetched] = await list();
    assert.equal(changed.items[0]?.subject, "new");
    assert.equal(changed.total, 80);
    assert.equal(more, 3);
    assert.ok(fetched[0] && "flags" in fetched[0] && "envelope" in fetched[0]);
  });
});

class World {
  private core: CoreHouse["core"];
  private made = 0;
  private readonly house: CoreHouse;
  private readonly client: RawClient;
  private readonly account: string;
  private readonly limit: number;

  constructor(house: CoreHouse, client: RawClient, account: string, limit: number) {
    this.house = house;
    this.client = client;
    this.account = account;
    this.limit = limit;
    this.core = house.core;
  }

  async begin(): Promise<void> {
    await this.client.command("CREATE Box");
    await this.client.command("CREATE Other");
    await this.append(12);
    await this.compare();
  }

  async perform(done: Deed): Promise<void> {
    await this.apply(done);
    await this.compare();
  }

  private async apply(done: Deed): Promise<void> {
    const { client } = this;
    const { length } = await this.truth();
    const nth = (at: number): number => (at % Math.max(1, length)) + 1;
    if (done.kind === "append") return this.append(done.count);
    if (done.kind === "anew") {
      await client.command("CLOSE").catch(() => undefined);
      await client.command("DELETE Box");
      await client.command("CREATE Box");
      return this.append(2);
    }
    if (done.kind === "restart") {
      await this.core.flush();
      this.core = this.house.anotherCore();
      return;
    }
    if (done.kind === "cut") {
      this.house.sessions.forget(this.account);
      return;
    }
    if (length === 0) return;
    if (done.kind === "read") {
      const { items } = await this.page({});
      const message = items[0]?.id ?? "";
      const { body } = await this.core.readRaw({ account: this.account, message }, newCall());
      for await (const _ of body) continue;
      return;
    }
    if (done.kind === "flag") {
      const range = `${nth(done.at)}:${nth(done.to)}`;
      await client.command(`STORE ${range} ${done.sign}FLAGS.SILENT (${done.flag})`);
    } else if (done.kind === "expunge") {
      await client.command(`STORE ${nth(done.at)}:${nth(done.to)} +FLAGS.SILENT (\\Deleted)`);
      await client.command("EXPUNGE");
    } else {
      await client.command(`COPY ${nth(done.at)} Other`);
      await client.command(`STORE ${nth(done.at)} +FLAGS.SILENT (\\Deleted)`);
      await client.command("EXPUNGE");
    }
  }

  private async append(count: number): Promise<void> {
    const letters = Array.from({ length: count }, () => letter({ subject: `n${(this.made += 1)}` }));
    await this.client.append("Box", letters);
  }

  /** UID, flags and subject of every message, the newest first. */
  private async truth(): Promise<string[]> {
    await this.client.command("SELECT Box");
    const lines = await this.client.command("FETCH 1:* (UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])").catch(() => "");
    const rows = [...lines.matchAll(/UID (\d+) FLAGS \(([^)]*)\)[^]*?Subject: (\S+)/g)];
    return rows.reverse().map(([, uid, flags = "", subject]) => `${uid} ${plain(flags.split(" "))} ${subject}`);
  }

  private async page(options: Partial<ListMessagesInput>): Promise<MessagePage> {
    const { items } = await this.core.listMailboxes({ account: this.account }, newCall());
    const mailbox = items.find(({ path }) => path === "Box")?.id ?? assert.fail("no Box");
    const fields = ["id" as const, "subject" as const, "flags" as const, "etag" as const];
    const input = { account: this.account, mailbox, limit: this.limit, fields, ...options };
    const page = await this.core.listMessages(input, newCall());
    assert.ok(!page.notModified);
    return page;
  }

  private readonly etags = new Map<string, string>();

  /** Every page in turn is what the plain client sees; etags tell states of a message apart. */
  private async compare(): Promise<void> {
    const expected = await this.truth();
    const first = await this.page({});
    assert.equal(first.total, expected.length);
    const all = [...first.items];
    for (let page = first; page.nextCursor !== null; all.push(...page.items)) {
      page = await this.page({ cursor: page.nextCursor });
      assert.equal(page.total, expected.length);
    }
    const shown = all.map(({ id, flags = [], subject }) => `${unpackMessageId(id)?.uid} ${plain(flags)} ${subject}`);
    assert.deepEqual(shown, expected);
    for (const { id, flags = [], etag = "" } of all) {
      const state = `${id} ${plain(flags)}`;
      assert.equal(this.etags.get(etag) ?? state, state);
      this.etags.set(etag, state);
    }
  }
}

function plain(flags: readonly string[]): string {
  return flags
    .filter((flag) => flag !== "" && flag !== "\\Recent")
    .toSorted()
    .join(",");
}
