import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { isFailure, type MessageFilter, type MessagePage } from "@postern/protocol";
import fc from "fast-check";
import { type CoreHouse, newCall, startCoreHouse } from "../../testing/core-house.ts";
import { type Heading, letter, type Letter, withAttachment } from "../../testing/raw-client.ts";

/** A message as the model sees it. */
interface Model {
  name: string;
  receivedAt: number;
  sentAt: number | null;
  seen: boolean;
  keyword: boolean;
  attachment: boolean;
  colour: string;
  messageId: string;
}

const HOUR = 3_600_000;
const START = Date.UTC(2026, 2, 10);
const colours = ["red", "grün", "синий", "青い"];
const zones = ["+0000", "-1100", "+1300", "+0530"];

function model(at: number): Model {
  return {
    name: `m${at}`,
    receivedAt: START + at * 5 * HOUR,
    sentAt: at % 7 === 0 ? null : START + ((at * 31) % 200) * HOUR,
    seen: at % 2 === 0,
    keyword: at % 3 === 0,
    attachment: at % 4 === 0,
    colour: colours[at % colours.length] ?? "",
    messageId: `m.${at}@example.org`,
  };
}

function written(each: Model, at: number): Letter {
  const zone = zones[at % zones.length] ?? "+0000";
  const ids = [`Message-ID: <${each.messageId}>`, `X-Colour: ${each.seen ? "warm" : "cold"}`];
  const heading: Heading = {
    subject: `=?utf-8?B?${Buffer.from(`${each.name} ${each.colour}`).toString("base64")}?=`,
    // Some have no Date field, some one that cannot be read.
    date: each.sentAt === null ? (at % 2 === 0 ? null : "some day last week") : dated(each.sentAt, zone),
    headers: ["MIME-Version: 1.0", ...ids],
  };
  const flags = [...(each.seen ? ["\\Seen"] : []), ...(each.keyword ? ["$Work"] : [])];
  const rest = { flags, receivedAt: new Date(each.receivedAt) };
  if (!each.attachment) return letter(heading, rest);
  const { source } = withAttachment(each.name);
  const body = source.slice(source.indexOf("\r\n\r\n") + 4);
  const headers = [...(heading.headers ?? []), "Content-Type: multipart/mixed; boundary=b"];
  return letter({ ...heading, headers, text: body }, rest);
}

/** The same moment, as a clock in that zone shows it. */
function dated(at: number, zone: string): string {
  const sign = zone.startsWith("-") ? -1 : 1;
  const minutes = sign * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3)));
  return new Date(at + minutes * 60_000).toUTCString().replace("GMT", zone);
}

const MESSAGES = Array.from({ length: 60 }, (_, at) => model(at));

function holds(filter: MessageFilter, each: Model): boolean {
  const time = (text: string | undefined): number => Date.parse(text ?? "");
  const tests: [unknown, () => boolean][] = [
    [filter.since, () => each.receivedAt >= time(filter.since)],
    [filter.before, () => each.receivedAt < time(filter.before)],
    [filter.sentSince, () => each.sentAt !== null && each.sentAt >= time(filter.sentSince)],
    [filter.sentBefore, () => each.sentAt !== null && each.sentAt < time(filter.sentBefore)],
    [filter.seen, () => each.seen === filter.seen],
    [filter.keyword, () => each.keyword],
    [filter.notKeyword, () => !each.keyword],
    [filter.hasAttachment, () => each.attachment === filter.hasAttachment],
    [filter.subject, () => each.colour.includes(filter.subject ?? "")],
    [filter.messageId, () => `<${each.messageId}>` === `<${filter.messageId?.replace(/[<>]/g, "") ?? ""}>`],
    [filter.header, () => Object.values(filter.header ?? {}).every((value) => value === (each.seen ? "warm" : "cold"))],
    [filter.and, () => filter.and?.every((inner) => holds(inner, each)) ?? true],
    [filter.or, () => filter.or?.some((inner) => holds(inner, each)) ?? true],
    [filter.not, () => filter.not === undefined || !holds(filter.not, each)],
  ];
  return tests.every(([asked, test]) => asked === undefined || test());
}

const instant = fc
  .integer({ min: -40, max: 60 * 5 * 2 + 40 })
  .map((half) => new Date(START + (half * HOUR) / 2).toISOString());
const anyInstant = fc.oneof(
  instant,
  instant.map((text) => text.slice(0, 10)),
);
const flat = fc.record(
  {
    since: anyInstant,
    before: anyInstant,
    sentSince: anyInstant,
    sentBefore: anyInstant,
    seen: fc.boolean(),
    keyword: fc.constant("$Work"),
    notKeyword: fc.constant("$Work"),
    hasAttachment: fc.boolean(),
    subject: fc.constantFrom(...colours),
    messageId: fc.constantFrom("m.1@example.org", "<m.2@example.org>", ".3@example.org"),
    header: fc.constantFrom({ "X-Colour": "warm" }, { "x-colour": "cold" }),
  },
  { requiredKeys: [] },
);
/** Few keys at a time, or next to nothing would match. */
const few = fc.tuple(flat, fc.nat(), fc.nat()).map(([all, first, second]): MessageFilter => {
  const entries = Object.entries(all);
  const kept = [first, second].map((at) => entries[at % Math.max(1, entries.length)] ?? []);
  return Object.fromEntries(kept.filter((entry) => entry.length === 2)) as MessageFilter;
});
const { filter } = fc.letrec<{ filter: MessageFilter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    few,
    fc.record({ and: fc.array(tie("filter"), { minLength: 1, maxLength: 3 }) }),
    fc.record({ or: fc.array(tie("filter"), { minLength: 1, maxLength: 3 }) }),
    fc.record({ not: tie("filter") }),
  ),
}));

async function page(house: CoreHouse, options: object): Promise<MessagePage> {
  const input = { account: "filter", mailbox: "inbox", limit: 200, fields: ["id" as const, "subject" as const] };
  const answer = await house.core.listMessages({ ...input, ...options }, newCall());
  assert.ok(!answer.notModified);
  return answer;
}

const names = ({ items }: MessagePage): (string | undefined)[] => items.map(({ subject }) => subject?.split(" ")[0]);

for (const without of [[], ["SORT", "SORT=DISPLAY", "ESORT", "ESEARCH", "SEARCHRES", "CONTEXT=SEARCH"]]) {
  describe(`a filter on a server ${without.length === 0 ? "with" : "without"} search extensions`, () => {
    let house: CoreHouse;
    before(async () => {
      house = await startCoreHouse({ without });
      const client = await house.otherClient("filter");
      await client.append("INBOX", MESSAGES.map(written));
    });
    after(() => house.stop());

    it("finds just what it says, in any order and page size", () =>
      fc.assert(
        fc.asyncProperty(
          filter,
          fc.constantFrom(undefined, "-receivedAt"),
          fc.integer({ min: 3, max: 40 }),
          async (asked, sort, limit) => {
            const expected = MESSAGES.filter((each) => holds(asked, each))
              .map(({ name }) => name)
              .toReversed();
            const list = { filter: asked, ...(sort && { sort }) };
            const whole = await page(house, list);
            assert.deepEqual(names(whole), expected);
            assert.ok(whole.total === null || whole.total === expected.length);
            const first = await page(house, { ...list, limit });
            assert.deepEqual(names(first), expected.slice(0, limit));
            if (first.nextCursor === null) assert.ok(expected.length <= limit);
            else
              assert.deepEqual(names(await page(house, { ...list, cursor: first.nextCursor })), expected.slice(limit));
          },
        ),
        { numRuns: 60 },
      ));

    it("is exact to the octet in size", async () => {
      const { items } = await page(house, { fields: ["id", "size"], limit: 1 });
      const size = items[0]?.size ?? 0;
      const found = async (asked: MessageFilter): Promise<number> => (await page(house, { filter: asked })).total ?? -1;
      const exactly = await found({ larger: size - 1, smaller: size + 1 });
      assert.ok(exactly > 0);
      assert.equal((await found({ larger: size })) + (await found({ smaller: size })) + exactly, MESSAGES.length);
    });

    it("that is too deep or too broad is refused", async () => {
      let deep: MessageFilter = { seen: true };
      for (let depth = 0; depth < 12; depth++) deep = { not: deep };
      const row: MessageFilter[] = Array.from({ length: 50 }, () => ({ seen: true, subject: "x" }));
      for (const asked of [deep, { and: row, or: row, not: { and: row } }]) {
        await assert.rejects(page(house, { filter: asked }), (error) => isFailure(error, "query-too-costly"));
      }
    });
  });
}
