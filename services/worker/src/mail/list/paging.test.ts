import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { ListMessagesInput, MessagePage, MessageSort } from "@postern/protocol";
import fc from "fast-check";
import { type CoreHouse, newCall, startCoreHouse } from "../../testing/core-house.ts";
import { letter, type RawClient } from "../../testing/raw-client.ts";

type Options = Partial<ListMessagesInput> & { account: string };

async function page(house: CoreHouse, options: Options): Promise<MessagePage> {
  const input = { limit: 50, fields: ["id" as const, "subject" as const], ...options };
  const answer = await house.core.listMessages(input, newCall());
  assert.ok(!answer.notModified);
  return answer;
}

const names = (from: MessagePage): string[] => from.items.map(({ subject }) => subject ?? "");

const ids = (from: MessagePage): string[] => from.items.map(({ id }) => id);

/** Follows the cursors forward from the start; between pages `meanwhile` happens. */
async function forward(house: CoreHouse, options: Options, meanwhile?: () => Promise<void>): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | undefined;
  for (let pages = 0; pages < 500; pages++) {
    const next: MessagePage = await page(house, { ...options, ...(cursor !== undefined && { cursor }) });
    assert.equal(next.hasNext, next.nextCursor !== null);
    found.push(...names(next));
    if (next.nextCursor === null) return found;
    cursor = next.nextCursor;
    await meanwhile?.();
  }
  throw new Error("the list has no end");
}

/** From the list's end backward, by the first item's cursor. */
async function backward(house: CoreHouse, options: Options): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | undefined;
  for (;;) {
    const asked = { ...options, direction: "backward" as const, itemCursors: true };
    const next = await page(house, { ...asked, ...(cursor !== undefined && { cursor }) });
    assert.equal(next.hasNext, cursor !== undefined);
    found.unshift(...names(next));
    if (!next.hasPrevious) return found;
    cursor = next.itemCursors?.[0];
  }
}

/** Received, sent and sized in three orders that have nothing to do with one another, with ties; in several mailboxes. */
const MAILBOXES = ["INBOX", "Archive", "Sent"];
const COUNT = 60;

function nth(at: number): ReturnType<typeof letter> {
  const text = "x".repeat(((at * 7) % 20) * 10);
  const from = `${String.fromCharCode(97 + ((at * 5) % 26))}@example.org`;
  const date = new Date(Date.UTC(2026, 0, 1 + ((at * 11) % 28), 12));
  const receivedAt = new Date(Date.UTC(2026, 1, 1 + ((at * 13) % 25), 12));
  return letter({ subject: `${(at * 17) % 40} of ${at}`, text, from, date }, { receivedAt });
}

/** Sorted by anything but its octets and UID, one is as good as another. */
function alike(name: string): ReturnType<typeof letter> {
  return letter({ subject: name, from: `${name}@example.org` });
}

async function fill(client: RawClient): Promise<void> {
  for (const [index, mailbox] of MAILBOXES.entries()) {
    const own = Array.from({ length: COUNT }, (_, at) => at).filter((at) => at % MAILBOXES.length === index);
    await client.append(mailbox, own.map(nth));
  }
}

const sorts: MessageSort[] = [
  "receivedAt",
  "-receivedAt",
  "sentAt",
  "-sentAt",
  "from",
  "-from",
  "subject",
  "-size",
  "size",
];

const servers = [
  { title: "with all extensions", without: [] },
  { title: "without SORT", without: ["SORT", "SORT=DISPLAY", "ESORT"] },
  { title: "without ESORT, ESEARCH, CONDSTORE and LIST-STATUS", without: bare(["SORT"]) },
  { title: "without any of them", without: bare([]) },
];

function bare(kept: string[]): string[] {
  const extensions = [
    "SORT",
    "SORT=DISPLAY",
    "ESORT",
    "ESEARCH",
    "SEARCHRES",
    "CONTEXT=SEARCH",
    "CONDSTORE",
    "QRESYNC",
  ];
  return [...extensions, "LIST-STATUS", "SPECIAL-USE"].filter((extension) => !kept.includes(extension));
}

for (const { title, without } of servers) {
  describe(`paging on a server ${title}`, () => {
    let house: CoreHouse;
    let client: RawClient;
    before(async () => {
      house = await startCoreHouse({ without });
      client = await house.otherClient("still");
      await fill(client);
    });
    after(() => house.stop());

    for (const sort of [undefined, ...sorts]) {
      for (const mailbox of ["inbox", undefined]) {
        const where = mailbox === undefined ? "all mailboxes" : "one mailbox";
        it(`gives the same list in any page size and direction: ${sort ?? "default"} of ${where}`, async () => {
          const list = { account: "still", ...(mailbox && { mailbox }), ...(sort && { sort }) };
          const whole = await page(house, { ...list, limit: 200 });
          const expected = mailbox === undefined ? COUNT : COUNT / MAILBOXES.length;
          assert.equal(new Set(names(whole)).size, expected);
          assert.equal(whole.total, expected);
          assert.ok(!whole.hasNext && !whole.hasPrevious);
          assert.deepEqual(await forward(house, { ...list, limit: 7 }), names(whole));
          assert.deepEqual(await backward(house, { ...list, limit: 7 }), names(whole));
        });
      }
    }

    it("sorts by when messages were received and by size, both ways", async () => {
      for (const field of ["receivedAt", "sentAt", "size"] as const) {
        for (const sort of [field, `-${field}`] as const) {
          const { items } = await page(house, { account: "still", sort, limit: 200, fields: ["id", field] });
          const values = items.map((item) => item[field] ?? "");
          const sorted = values.toSorted((a, b) => (a < b ? -1 : Number(a > b)));
          assert.deepEqual(values, sort === field ? sorted : sorted.toReversed());
        }
      }
    });

    for (const sort of ["subject", "-subject", "from", "-from"] as const) {
      it(`neither repeats nor skips a message among equals that have just arrived: ${sort}`, async () => {
        const account = `equals${sort}`;
        const other = await house.otherClient(account);
        const arrive = (): Promise<void> => other.append("INBOX", ["b", "a", "b"].map(alike));
        for (let round = 0; round < 4; round++) await arrive();
        const list = { account, mailbox: "inbox", sort, limit: 4, fields: ["id" as const] };
        const start = ids(await page(house, { ...list, limit: 200 }));
        await arrive();
        const found: string[] = [];
        for (let cursor: string | null | undefined; cursor !== null; await arrive()) {
          const next: MessagePage = await page(house, { ...list, ...(cursor !== undefined && { cursor }) });
          found.push(...ids(next));
          cursor = found.length < 100 ? next.nextCursor : null;
        }
        other.close();
        assert.equal(new Set(found).size, found.length, "none twice");
        const seen = found.filter((id) => start.includes(id));
        assert.deepEqual(seen, start, "none left out, in the same order");
      });
    }

    it("neither repeats nor skips a message while mail comes and goes between pages", () =>
      fc.assert(
        fc.asyncProperty(
          fc.constantFrom(undefined, ...sorts),
          fc.boolean(),
          fc.integer({ min: 1, max: 9 }),
          fc.infiniteStream(fc.nat({ max: 1000 })),
          async (sort, isOne, limit, chance) => {
            const account = `busy-${crypto.randomUUID()}`;
            const other = await house.otherClient(account);
            await fill(other);
            const list = { account, limit, ...(isOne && { mailbox: "inbox" }), ...(sort && { sort }) };
            const start = names(await page(house, { ...list, limit: 200 }));
            const gone = new Set<string>();
            let made = COUNT;
            const pick = (): number => chance.next().value ?? 0;
            const found = await forward(house, list, async () => {
              const mailbox = MAILBOXES[pick() % MAILBOXES.length] ?? "INBOX";
              if (pick() % 2 === 0)
                await other.append(
                  mailbox,
                  Array.from({ length: 1 + (pick() % 4) }, () => nth(made++)),
                );
              else for (const name of await expungeSome(other, mailbox, pick)) gone.add(name);
            });
            other.close();
            assert.equal(new Set(found).size, found.length, "none twice");
            const lasting = start.filter((name) => !gone.has(name));
            assert.deepEqual(
              found.filter((name) => lasting.includes(name)),
              lasting,
              "none left out, in the same order",
            );
          },
        ),
        { numRuns: 6 },
      ));
  });
}

async function expungeSome(client: RawClient, mailbox: string, pick: () => number): Promise<string[]> {
  await client.command(`SELECT "${mailbox}"`);
  const answer = await client.command("FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])").catch(() => "");
  const known = [...answer.matchAll(/UID (\d+)[^]*?Subject: ([^\r\n]*)/g)];
  const victims = known.filter(() => pick() % 6 === 0);
  for (const [, uid] of victims) await client.command(`UID STORE ${uid} +FLAGS.SILENT (\\Deleted)`);
  await client.command("EXPUNGE");
  return victims.map(([, , subject]) => subject ?? "");
}
