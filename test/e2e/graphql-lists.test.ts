import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { codesOf, dataOf } from "./graphql-client.ts";
import { type Connection, Readers, subjects, SUBJECTS } from "./graphql-readers.ts";
import type { HouseKind } from "./house.ts";
import { deliver } from "./mailbox.ts";

interface Node {
  id: string;
  subject?: string;
}

const newest = SUBJECTS.toReversed();

for (const kind of ["together", "apart"] as const satisfies HouseKind[]) {
  describe(`Lists in GraphQL, services ${kind}`, () => {
    let readers: Readers;

    before(async () => {
      readers = await Readers.start(kind);
    });

    after(() => readers.stop());

    const found = async (filter: string): Promise<(string | undefined)[]> =>
      subjects(await readers.inbox(`filter: ${filter}`));

    test("a list is read forwards to its end, and a page says where it stands", async () => {
      const seen: (string | undefined)[] = [];
      const ends: boolean[][] = [];
      let after = "";
      for (let more = true; more; ) {
        const page = await readers.inbox(`first: 3${after && `, after: "${after}"`}`);
        assert.equal(page.totalCount, 7);
        assert.equal(page.pageInfo.startCursor, page.edges[0]?.cursor);
        assert.equal(page.pageInfo.endCursor, page.edges.at(-1)?.cursor);
        seen.push(...subjects(page));
        ends.push([page.pageInfo.hasPreviousPage, page.pageInfo.hasNextPage]);
        more = page.pageInfo.hasNextPage;
        after = page.pageInfo.endCursor ?? "";
      }
      assert.deepEqual(seen, newest);
      assert.deepEqual(ends, [
        [false, true],
        [true, true],
        [true, false],
      ]);
    });

    test("a list is read backwards to its beginning, each page in the list's own order", async () => {
      const pages: (string | undefined)[][] = [];
      const ends: boolean[][] = [];
      let before = "";
      for (let more = true; more; ) {
        const page = await readers.inbox(`last: 3${before && `, before: "${before}"`}`);
        pages.unshift(subjects(page));
        ends.push([page.pageInfo.hasPreviousPage, page.pageInfo.hasNextPage]);
        more = page.pageInfo.hasPreviousPage;
        before = page.pageInfo.startCursor ?? "";
      }
      assert.deepEqual(pages.flat(), newest);
      assert.deepEqual(ends, [
        [true, false],
        [true, true],
        [false, true],
      ]);
    });

    test("every cursor of a page leads on from its own message, both ways, sorted or not", async () => {
      for (const sort of ["", ", sort: SENT_AT", ", sort: SIZE_DESC", ", sort: FROM"]) {
        const all = await readers.inbox(`first: 50${sort}`);
        for (const [at, { cursor }] of all.edges.entries()) {
          const next = await readers.inbox(`first: 2, after: "${cursor}"${sort}`);
          assert.deepEqual(subjects(next), subjects(all).slice(at + 1, at + 3), `after ${at}${sort}`);
          const previous = await readers.inbox(`last: 2, before: "${cursor}"${sort}`);
          assert.deepEqual(subjects(previous), subjects(all).slice(Math.max(0, at - 2), at), `before ${at}${sort}`);
        }
      }
    });

    test("a page that is the whole list, or has nothing, stands at both ends", async () => {
      const whole = await readers.inbox("first: 7");
      assert.deepEqual([whole.pageInfo.hasPreviousPage, whole.pageInfo.hasNextPage], [false, false]);
      const none = await readers.inbox('filter: {subject: "nowhere"}');
      assert.deepEqual(none, {
        edges: [],
        totalCount: 0,
        pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null },
      });
    });

    test("a message that is expunged between two pages makes none be left out or come twice", async () => {
      await deliver(
        readers.other,
        { subject: "Passing 1", mailbox: "Junk" },
        { subject: "Passing 2", mailbox: "Junk" },
      );
      await deliver(
        readers.other,
        { subject: "Passing 3", mailbox: "Junk" },
        { subject: "Passing 4", mailbox: "Junk" },
      );
      const junk = async (args: string): Promise<Connection> => {
        const query = `{ account(id: "alice") { mailbox(path: "Junk") { messages(${args}) { edges { cursor node { id subject } } pageInfo { endCursor } } } } }`;
        return (await dataOf<{ account: { mailbox: { messages: Connection } } }>(readers.ask, query)).account.mailbox
          .messages;
      };
      const one = await junk("first: 2");
      const lock = await readers.other.getMailboxLock("Junk");
      await readers.other.messageDelete("3");
      lock.release();
      assert.deepEqual(subjects(await junk(`first: 2, after: "${one.pageInfo.endCursor}"`)), [
        "Passing 2",
        "Passing 1",
      ]);
    });

    test("cursors are the same in REST and GraphQL", async () => {
      const query = "mailbox=inbox&fields=subject&limit=3";
      const rest = await readers.ask<{ nextCursor: string }>(`/v1/accounts/alice/messages?${query}`);
      const here = await readers.inbox(`first: 2, after: "${rest.body.nextCursor}"`);
      assert.deepEqual(subjects(here), newest.slice(3, 5));
      const there = await readers.ask<{ items: Node[] }>(
        `/v1/accounts/alice/messages?${query}&cursor=${here.pageInfo.endCursor}`,
      );
      assert.deepEqual(
        there.body.items.map((item) => item.subject),
        newest.slice(5),
      );
    });

    test("a cursor of another list is a mismatch, and what is no cursor is malformed or one too", async () => {
      const { pageInfo } = await readers.inbox("first: 2");
      const cursor = pageInfo.endCursor;
      const lists = [
        `mailbox(role: INBOX) { messages(after: "${cursor}", sort: SUBJECT) { totalCount } }`,
        `mailbox(role: INBOX) { messages(after: "${cursor}", filter: {seen: true}) { totalCount } }`,
        `mailbox(role: JUNK) { messages(after: "${cursor}") { totalCount } }`,
        `messages(after: "${cursor}") { totalCount }`,
      ];
      for (const list of lists)
        assert.deepEqual(codesOf({ errors: await readers.errorsOf(list) }), ["cursor-mismatch"], list);
      const rest = await readers.ask<{ code: string }>("/v1/accounts/alice/messages?mailbox=inbox&cursor=nonsense");
      for (const nonsense of ["nonsense", ""]) {
        const errors = await readers.errorsOf(`mailbox(role: INBOX) { messages(after: "${nonsense}") { totalCount } }`);
        assert.deepEqual(codesOf({ errors }), [rest.body.code], nonsense);
      }
    });

    for (const args of ["first: 0", "first: 201", "first: -1", "last: 0", "last: 201", "last: -5"])
      test(`a page of ${args} is refused, and says so of the argument`, async () => {
        const errors = await readers.errorsOf(`messages(${args}) { totalCount }`);
        assert.deepEqual(codesOf({ errors }), ["invalid-request"]);
        assert.equal(errors[0]?.extensions.errors?.[0]?.path, args.split(":")[0]);
        assert.equal(errors[0]?.extensions.retryable, false);
      });

    for (const args of ["first: 1, last: 1", 'after: "a", before: "b"', 'first: 1, before: "b"', 'last: 1, after: "a"'])
      test(`a page cannot be both ways at once: ${args}`, async () => {
        assert.deepEqual(codesOf({ errors: await readers.errorsOf(`messages(${args}) { totalCount }`) }), [
          "invalid-request",
        ]);
      });

    test("arguments that are null are as if they were not there", async () => {
      const page = await readers.inbox("first: null, last: 2, after: null, before: null, filter: null, sort: null");
      assert.deepEqual(subjects(page), newest.slice(-2));
    });

    test("a filter's keys must all hold", async () => {
      assert.deepEqual(await found('{from: "ada"}'), ["Seven", "Five", "Three", "One"]);
      assert.deepEqual(await found('{from: "ada", seen: true}'), ["One"]);
      assert.deepEqual(await found('{from: "ada", seen: true, flagged: true}'), []);
      assert.deepEqual(await found('{header: [{name: "X-Colour", value: "green"}]}'), ["Six", "Five"]);
      const both = '{header: [{name: "X-Colour", value: "green"}, {name: "x-shade", value: ""}]}';
      assert.deepEqual(await found(both), ["Five"]);
      assert.deepEqual(await found('{keyword: "$Todo", notKeyword: "\\\\Seen"}'), ["Three"]);
      const times = '{since: "2026-02-02T12:00:00Z", before: "2026-02-04T12:00:00Z", sentBefore: "2026-01-19"}';
      assert.deepEqual(await found(times), ["Three"]);
    });

    test("and, or and not nest", async () => {
      assert.deepEqual(await found('{or: [{subject: "One"}, {subject: "Two"}]}'), ["Two", "One"]);
      assert.deepEqual(await found('{not: {or: [{seen: true}, {flagged: true}, {from: "zoe"}]}}'), ["Seven", "Five"]);
      const nested =
        '{from: "ada", or: [{and: [{seen: true}, {not: {flagged: true}}]}, {not: {or: [{seen: true}, {not: {keyword: "$Todo"}}]}}]}';
      assert.deepEqual(await found(nested), ["Three", "One"]);
      assert.deepEqual(await found("{and: [{seen: null, flagged: true}], or: null}"), ["Three"]);
    });

    test("a filter gives what the same filter gives in REST", async () => {
      const filter = { or: [{ to: "carol" }, { not: { larger: 700 } }], not: { subject: "Two" } };
      const rest = await readers.ask<{ items: Node[]; total: number }>("/v1/accounts/alice/messages/search", {
        body: { filter, mailbox: "inbox", fields: ["subject"] },
      });
      const here = await readers.inbox("filter: $filter", { filter }, "query Q($filter: MessageFilter)");
      assert.ok(here.edges.length > 0 && here.edges.length < 7);
      assert.deepEqual(
        here.edges.map(({ node }) => [node.id, node.subject]),
        rest.body.items.map((item) => [item.id, item.subject]),
      );
    });

    test("what is wrong with a filter is said of its key", async () => {
      const wrong: [string, string][] = [
        ['{keyword: "two words"}', "filter.keyword"],
        ['{or: [{seen: true}, {not: {subject: ""}}]}', "filter.or.1.not.subject"],
        ['{header: [{name: "not a name", value: ""}]}', "filter.header.not a name"],
        ["{or: []}", "filter.or"],
        ["{larger: -1}", "filter.larger"],
      ];
      for (const [filter, path] of wrong) {
        const [error] = await readers.errorsOf(`messages(filter: ${filter}) { totalCount }`);
        assert.equal(error?.extensions.code, "invalid-request", filter);
        assert.equal(error.extensions.errors?.[0]?.path, path);
      }
    });

    test("a list is sorted as it is asked, both ways", async () => {
      const sorted = async (sort: string): Promise<(string | undefined)[]> =>
        subjects(await readers.inbox(`sort: ${sort}`));
      assert.deepEqual(await sorted("RECEIVED_AT"), SUBJECTS);
      assert.deepEqual(await sorted("RECEIVED_AT_DESC"), newest);
      assert.deepEqual(await sorted("SENT_AT"), newest);
      assert.deepEqual(await sorted("SENT_AT_DESC"), SUBJECTS);
      assert.deepEqual(await sorted("SIZE_DESC"), newest);
      assert.deepEqual(await sorted("SUBJECT"), SUBJECTS.toSorted());
      assert.deepEqual(await sorted("SUBJECT_DESC"), SUBJECTS.toSorted().toReversed());
      assert.deepEqual((await sorted("FROM")).slice(0, 4).toSorted(), ["Five", "One", "Seven", "Three"]);
      assert.deepEqual((await sorted("FROM_DESC")).slice(3).toSorted(), ["Five", "One", "Seven", "Three"]);
    });
  });
}
