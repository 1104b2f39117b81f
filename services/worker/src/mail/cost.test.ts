import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Call, type ListMessagesInput, listFields, type MessagePage, type Report } from "@postern/protocol";
import { type CoreHouse, newCall, startCoreHouse } from "../testing/core-house.ts";
import { letter, withAttachment } from "../testing/raw-client.ts";

/** In commands and octets, never in time. */
describe("what reading costs the mail server", () => {
  let house: CoreHouse;
  const SMALL = 300;
  const LARGE = 12_000;

  before(async () => {
    house = await startCoreHouse();
    for (const [account, count] of [
      ["small", SMALL],
      ["large", LARGE],
    ] as const) {
      const client = await house.otherClient(account);
      const start = Date.UTC(2025, 0, 1);
      const nth = (at: number): ReturnType<typeof letter> =>
        at % 2 === 0 ? letter({ subject: `m${at}` }, dated(at)) : withAttachment(`m${at}`, dated(at));
      const dated = (at: number): { receivedAt: Date } => ({ receivedAt: new Date(start + at * 60_000) });
      await client.append(
        "INBOX",
        Array.from({ length: count }, (_, at) => nth(at)),
      );
    }
  });
  after(() => house.stop());

  async function list(options: Partial<ListMessagesInput> & { account: string }): Promise<[MessagePage, Report]> {
    const call: Call = newCall();
    const input = { mailbox: "inbox", limit: 50, fields: ["id" as const, "flags" as const], ...options };
    const answer = await house.core.listMessages(input, call);
    assert.ok(!answer.notModified);
    return [answer, call.report];
  }

  const cases: [string, Partial<ListMessagesInput>][] = [
    ["newest first", {}],
    ["a filter by flag", { filter: { seen: false } }],
    ["sorted by the server", { sort: "subject" }],
    ["only with attachments", { filter: { hasAttachment: true } }],
    ["received after a moment", { filter: { since: "2025-01-01T01:00:00Z" } }],
  ];
  for (const [title, options] of cases) {
    it(`a page and the one after it cost the same in a mailbox of any size: ${title}`, async () => {
      const costs = new Map<string, Report[]>();
      for (const account of ["small", "large"]) {
        // The first look at an account lists its mailboxes once.
        await list({ account, limit: 1 });
        const [first, one] = await list({ account, ...options });
        assert.equal(first.items.length, 50);
        const [second, two] = await list({ account, ...options, cursor: first.nextCursor ?? "" });
        assert.equal(second.items.length, 50);
        costs.set(account, [one, two]);
      }
      for (const at of [0, 1]) {
        const [small, large] = [costs.get("small")?.[at], costs.get("large")?.[at]];
        assert.ok(small && large);
        assert.ok(large.commands <= small.commands + 2, `${large.commands} commands against ${small.commands}`);
        assert.ok(large.bytes < small.bytes * 1.5 + 2_000, `${large.bytes} octets against ${small.bytes}`);
      }
    });
  }

  it("EXAMINE and one FETCH are all that a list of ids and flags takes", async () => {
    const [, report] = await list({ account: "large" });
    assert.ok(report.commands <= 3, String(report.commands));
  });

  it("nothing is fetched that was not asked for", async () => {
    house.fetches.length = 0;
    await list({ account: "small", fields: ["id", "subject", "from", "flags"] });
    const asked = Object.assign({}, ...house.fetches);
    assert.deepEqual(Object.keys(asked).sort(), ["envelope", "flags", "guid"]);
  });

  it("what never changes is fetched once", async () => {
    const fields = [...listFields, "snippet" as const];
    const [cold, first] = await list({ account: "small", fields, limit: 40 });
    const other = await house.otherClient("small");
    await other.command("SELECT INBOX");
    await other.command("STORE 1 +FLAGS (\\Answered)");
    house.fetches.length = 0;
    const [warm, second] = await list({ account: "small", fields, limit: 40 });
    assert.deepEqual(
      warm.items.map(({ subject, snippet }) => [subject, snippet]),
      cold.items.map(({ subject, snippet }) => [subject, snippet]),
    );
    assert.deepEqual(
      Object.keys(Object.assign({}, ...house.fetches)).filter((item) => item !== "flags"),
      [],
    );
    assert.equal(second.cacheHits, 40);
    assert.equal(second.cacheMisses, 0);
    assert.ok(second.bytes < first.bytes / 2);
  });

  it("a list of a mailbox in which nothing has changed costs one STATUS, and nothing where somebody else asks too", async () => {
    const [known] = await list({ account: "small", limit: 40 });
    house.fetches.length = 0;
    const asked = await Promise.all(Array.from({ length: 20 }, () => list({ account: "small", limit: 40 })));
    assert.deepEqual(house.fetches, []);
    for (const [page] of asked) assert.deepEqual(page.items, known.items);
    const commands = asked.reduce((sum, [, report]) => sum + report.commands, 0);
    assert.equal(commands, 1);
  });

  it("a message that was read before costs one STATUS, until something changes", async () => {
    const [{ items }] = await list({ account: "small", fields: ["id"], limit: 1 });
    const [id = ""] = items.map((item) => item.id);
    const read = async (): Promise<[string | null | undefined, Report]> => {
      const call = newCall();
      const { results } = await house.core.getMessages(
        { account: "small", ids: [id], fields: ["text", "flags"] },
        call,
      );
      const [result] = results;
      assert.ok(result && "message" in result);
      return [`${result.message.text} ${result.message.flags?.join()}`, call.report];
    };
    const [first] = await read();
    house.fetches.length = 0;
    const [second, { commands }] = await read();
    assert.equal(second, first);
    assert.equal(commands, 1);
    assert.deepEqual(house.fetches, []);
    const other = await house.otherClient("small");
    await other.command("SELECT INBOX");
    await other.command("STORE * +FLAGS (changed)");
    const [third] = await read();
    assert.match(third ?? "", /changed/);
  });

  it("fifty messages with text take a handful of FETCHes, grouped by part", async () => {
    house.fetches.length = 0;
    const [{ items }] = await list({ account: "large", fields: ["id", "text", "html", "snippet", "headers"] });
    assert.equal(items.filter(({ text }) => text !== null && text !== undefined).length, 50);
    assert.ok(house.fetches.length <= 4, `${house.fetches.length} FETCHes`);
  });

  it("a list that has not changed costs its validation alone", async () => {
    const [{ etag }] = await list({ account: "large" });
    const call = newCall();
    const input = { account: "large", mailbox: "inbox", limit: 50, fields: ["id" as const, "flags" as const] };
    const answer = await house.core.listMessages({ ...input, ifNoneMatch: [etag] }, call);
    assert.ok(answer.notModified);
    assert.equal(call.report.commands, 1);
    assert.ok(call.report.asOf !== null);
  });

  it("an attachment is looked for within bounds, and the list goes on from there", async () => {
    const found: string[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const next: [MessagePage, Report] = await list({
        account: "large",
        limit: 200,
        fields: ["id"],
        filter: { hasAttachment: true, subject: "m1", not: { subject: "m11" } },
        ...(cursor !== undefined && { cursor }),
      });
      found.push(...next[0].items.map(({ id }) => id));
      cursor = next[0].nextCursor ?? undefined;
      pages += 1;
    } while (cursor !== undefined);
    const expected = Array.from({ length: LARGE }, (_, at) => at).filter(
      (at) => at % 2 === 1 && `m${at}`.includes("m1") && !`m${at}`.includes("m11"),
    );
    assert.equal(new Set(found).size, expected.length);
    assert.equal(found.length, expected.length);
    assert.ok(pages > 1);
  });
});
