import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { ImapFlow } from "imapflow";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { type Ask, askWith } from "./client.ts";
import { codesOf, dataOf, type GraphqlError, register, run } from "./graphql-client.ts";
import { type House, type HouseKind, startHouse } from "./house.ts";
import { deliver, otherClient } from "./mailbox.ts";

interface Node {
  id: string;
  subject?: string;
}
interface Connection {
  edges: { cursor: string; node: Node }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
  totalCount: number | null;
}

const SUBJECTS = ["One", "Two", "Three", "Four", "Five", "Six", "Seven"];
const newest = SUBJECTS.toReversed();

for (const kind of ["together", "apart"] as const satisfies HouseKind[]) {
  describe(`GraphQL, services ${kind}`, () => {
    let house: House;
    let dovecot: DovecotServer;
    let other: ImapFlow;
    let ask: Ask;
    const endings: (() => Promise<void>)[] = [];

    before(async () => {
      dovecot = await startDovecot();
      endings.unshift(dovecot.stop);
      house = await startHouse(kind);
      endings.unshift(house.stop);
      ask = askWith(house.urls, house.adminToken);
      other = await otherClient(dovecot, "alice");
      endings.unshift(() => other.logout());
      await deliver(
        other,
        ...SUBJECTS.map((subject, at) => ({
          subject,
          from: at % 2 === 0 ? "Ada <ada@example.org>" : "Zoë <zoe@example.com>",
          to: at === 3 ? "Carol <carol@example.net>" : "Bob <bob@example.com>",
          text: "x".repeat(100 * (at + 1)),
          date: new Date(Date.UTC(2026, 0, 20 - at)),
          receivedAt: new Date(Date.UTC(2026, 1, 1 + at, 12)),
          flags: at < 2 ? ["\\Seen"] : at === 2 ? ["\\Flagged", "$Todo"] : [],
          headers: at === 4 ? ["X-Colour: green", "X-Shade: dark"] : at === 5 ? ["X-Colour: green"] : [],
        })),
      );
      await register(ask, dovecot, "alice");
      await register(ask, dovecot, "bob");
      await register(ask, dovecot, "carol");
    });

    after(async () => {
      for (const end of endings) await end();
    });

    const connection = async (args: string, variables?: Record<string, unknown>, head = ""): Promise<Connection> => {
      const page = `edges { cursor node { id subject } } totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }`;
      const query = `${head} { account(id: "alice") { mailbox(role: INBOX) { messages${args && `(${args})`} { ${page} } } } }`;
      const data = await dataOf<{ account: { mailbox: { messages: Connection } } }>(ask, query, variables);
      return data.account.mailbox.messages;
    };
    const subjects = ({ edges }: Connection): (string | undefined)[] => edges.map(({ node }) => node.subject);
    const found = async (filter: string): Promise<(string | undefined)[]> =>
      subjects(await connection(`filter: ${filter}`));
    const errorsOf = async (set: string, asWhom = ask): Promise<GraphqlError[]> =>
      (await run(asWhom, `{ account(id: "alice") { ${set} } }`)).errors ?? [];
    const idOf = async (subject: string): Promise<string> => {
      const { edges } = await connection(`filter: {subject: "${subject}"}`);
      return edges[0]?.node.id ?? "";
    };
    const inboxId = async (account = "alice"): Promise<string> => {
      const query = `{ account(id: "${account}") { mailbox(role: INBOX) { id } } }`;
      return (await dataOf<{ account: { mailbox: Node } }>(ask, query)).account.mailbox.id;
    };

    test("node gives an account, a mailbox and a message by their ids", async () => {
      const [mailbox, message] = [await inboxId(), await idOf("Three")];
      const query = `query Q($account: ID!, $mailbox: ID!, $message: ID!) {
        a: node(id: $account) { __typename id ... on Account { name state mailboxes { name } } }
        b: node(id: $mailbox) { __typename id ... on Mailbox { path role total messages(first: 1) { totalCount } } }
        c: node(id: $message) { __typename id ...M ... on Account { name } ... on Mailbox { path } }
      } fragment M on Message { subject flags mailbox { id role } }`;
      const data = await dataOf<Record<string, Record<string, unknown>>>(ask, query, {
        account: "alice",
        mailbox,
        message,
      });
      assert.deepEqual(
        { ...data.a, mailboxes: null },
        {
          __typename: "Account",
          id: "alice",
          name: null,
          state: "CONNECTED",
          mailboxes: null,
        },
      );
      assert.deepEqual(data.b, {
        __typename: "Mailbox",
        id: mailbox,
        path: "INBOX",
        role: "INBOX",
        total: 7,
        messages: { totalCount: 7 },
      });
      assert.deepEqual(data.c, {
        __typename: "Message",
        id: message,
        subject: "Three",
        flags: ["\\Flagged", "$Todo"],
        mailbox: { id: mailbox, role: "INBOX" },
      });
    });

    test("a list is read forwards to its end, and a page says where it stands", async () => {
      const seen: (string | undefined)[] = [];
      const ends: boolean[][] = [];
      let after = "";
      for (let more = true; more; ) {
        const page = await connection(`first: 3${after && `, after: "${after}"`}`);
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
        const page = await connection(`last: 3${before && `, before: "${before}"`}`);
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
        const all = await connection(`first: 50${sort}`);
        for (const [at, { cursor }] of all.edges.entries()) {
          const next = await connection(`first: 2, after: "${cursor}"${sort}`);
          assert.deepEqual(subjects(next), subjects(all).slice(at + 1, at + 3), `after ${at}${sort}`);
          const previous = await connection(`last: 2, before: "${cursor}"${sort}`);
          assert.deepEqual(subjects(previous), subjects(all).slice(Math.max(0, at - 2), at), `before ${at}${sort}`);
        }
      }
    });

    test("a page that is the whole list, or has nothing, stands at both ends", async () => {
      const whole = await connection("first: 7");
      assert.deepEqual([whole.pageInfo.hasPreviousPage, whole.pageInfo.hasNextPage], [false, false]);
      const none = await connection('filter: {subject: "nowhere"}');
      assert.deepEqual(none, {
        edges: [],
        totalCount: 0,
        pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null },
      });
    });

    test("a message that is expunged between two pages makes none be left out or come twice", async () => {
      await deliver(other, { subject: "Passing 1", mailbox: "Junk" }, { subject: "Passing 2", mailbox: "Junk" });
      await deliver(other, { subject: "Passing 3", mailbox: "Junk" }, { subject: "Passing 4", mailbox: "Junk" });
      const junk = async (args: string): Promise<Connection> => {
        const query = `{ account(id: "alice") { mailbox(path: "Junk") { messages(${args}) { edges { cursor node { id subject } } pageInfo { endCursor } } } } }`;
        return (await dataOf<{ account: { mailbox: { messages: Connection } } }>(ask, query)).account.mailbox.messages;
      };
      const one = await junk("first: 2");
      const lock = await other.getMailboxLock("Junk");
      await other.messageDelete("3");
      lock.release();
      assert.deepEqual(subjects(await junk(`first: 2, after: "${one.pageInfo.endCursor}"`)), [
        "Passing 2",
        "Passing 1",
      ]);
    });

    test("cursors are the same in REST and GraphQL", async () => {
      const query = "mailbox=inbox&fields=subject&limit=3";
      const rest = await ask<{ nextCursor: string }>(`/v1/accounts/alice/messages?${query}`);
      const here = await connection(`first: 2, after: "${rest.body.nextCursor}"`);
      assert.deepEqual(subjects(here), newest.slice(3, 5));
      const there = await ask<{ items: Node[] }>(
        `/v1/accounts/alice/messages?${query}&cursor=${here.pageInfo.endCursor}`,
      );
      assert.deepEqual(
        there.body.items.map((item) => item.subject),
        newest.slice(5),
      );
    });

    test("a cursor of another list is a mismatch, and what is no cursor is malformed or one too", async () => {
      const { pageInfo } = await connection("first: 2");
      const cursor = pageInfo.endCursor;
      const lists = [
        `mailbox(role: INBOX) { messages(after: "${cursor}", sort: SUBJECT) { totalCount } }`,
        `mailbox(role: INBOX) { messages(after: "${cursor}", filter: {seen: true}) { totalCount } }`,
        `mailbox(role: JUNK) { messages(after: "${cursor}") { totalCount } }`,
        `messages(after: "${cursor}") { totalCount }`,
      ];
      for (const list of lists) assert.deepEqual(codesOf({ errors: await errorsOf(list) }), ["cursor-mismatch"], list);
      const rest = await ask<{ code: string }>("/v1/accounts/alice/messages?mailbox=inbox&cursor=nonsense");
      for (const nonsense of ["nonsense", ""]) {
        const errors = await errorsOf(`mailbox(role: INBOX) { messages(after: "${nonsense}") { totalCount } }`);
        assert.deepEqual(codesOf({ errors }), [rest.body.code], nonsense);
      }
    });

    for (const args of ["first: 0", "first: 201", "first: -1", "last: 0", "last: 201", "last: -5"])
      test(`a page of ${args} is refused, and says so of the argument`, async () => {
        const errors = await errorsOf(`messages(${args}) { totalCount }`);
        assert.deepEqual(codesOf({ errors }), ["invalid-request"]);
        assert.equal(errors[0]?.extensions.errors?.[0]?.path, args.split(":")[0]);
        assert.equal(errors[0]?.extensions.retryable, false);
      });

    for (const args of ["first: 1, last: 1", 'after: "a", before: "b"', 'first: 1, before: "b"', 'last: 1, after: "a"'])
      test(`a page cannot be both ways at once: ${args}`, async () => {
        assert.deepEqual(codesOf({ errors: await errorsOf(`messages(${args}) { totalCount }`) }), ["invalid-request"]);
      });

    test("arguments that are null are as if they were not there", async () => {
      const page = await connection("first: null, last: 2, after: null, before: null, filter: null, sort: null");
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
      const rest = await ask<{ items: Node[]; total: number }>("/v1/accounts/alice/messages/search", {
        body: { filter, mailbox: "inbox", fields: ["subject"] },
      });
      const here = await connection("filter: $filter", { filter }, "query Q($filter: MessageFilter)");
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
        const [error] = await errorsOf(`messages(filter: ${filter}) { totalCount }`);
        assert.equal(error?.extensions.code, "invalid-request", filter);
        assert.equal(error.extensions.errors?.[0]?.path, path);
      }
    });

    test("a list is sorted as it is asked, both ways", async () => {
      const sorted = async (sort: string): Promise<(string | undefined)[]> =>
        subjects(await connection(`sort: ${sort}`));
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

    test("a mailbox is found by one of its id, role and path, and by exactly one", async () => {
      const id = await inboxId();
      const query = `{ account(id: "alice") { a: mailbox(id: "${id}") { id } b: mailbox(path: "INBOX") { id } c: mailbox(role: INBOX) { id }
        d: mailbox(role: FLAGGED) { id } e: mailbox(path: "Nowhere") { id } f: mailbox(id: "inbox") { id } g: mailbox(path: "") { id } } }`;
      const { account } = await dataOf<{ account: Record<string, Node | null> }>(ask, query);
      assert.deepEqual(account, { a: { id }, b: { id }, c: { id }, d: null, e: null, f: null, g: null });
      for (const args of [`id: "${id}", role: INBOX`, 'role: INBOX, path: "INBOX"', "role: null"])
        assert.deepEqual(codesOf({ errors: await errorsOf(`mailbox(${args}) { id }`) }), ["invalid-request"]);
      assert.deepEqual(codesOf({ errors: await errorsOf("mailbox { id }") }), ["invalid-request"]);
    });

    test("accounts are paged through in the order of their ids", async () => {
      const page = async (args: string): Promise<Connection> => {
        const query = `{ accounts(${args}) { edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`;
        return (await dataOf<{ accounts: Connection }>(ask, query)).accounts;
      };
      const one = await page("first: 2");
      assert.deepEqual(
        one.edges.map(({ node }) => node.id),
        ["alice", "bob"],
      );
      assert.deepEqual([one.pageInfo.hasPreviousPage, one.pageInfo.hasNextPage], [false, true]);
      const two = await page(`first: 2, after: "${one.pageInfo.endCursor}"`);
      assert.deepEqual(
        two.edges.map(({ node }) => node.id),
        ["carol"],
      );
      assert.deepEqual([two.pageInfo.hasPreviousPage, two.pageInfo.hasNextPage], [true, false]);
      for (const args of ["first: 0", "first: 201", 'after: "No cursor!"'])
        assert.deepEqual(codesOf(await run(ask, `{ accounts(${args}) { nodes { id } } }`)), ["invalid-request"]);
    });

    test("what is gone is null with an error, what never was is null without, and so is what no id can be", async () => {
      await deliver(other, { subject: "Doomed", mailbox: "Drafts" });
      const drafts = `{ account(id: "alice") { mailbox(role: DRAFTS) { messages { nodes { id } } } } }`;
      const data = await dataOf<{ account: { mailbox: { messages: { nodes: Node[] } } } }>(ask, drafts);
      const gone = data.account.mailbox.messages.nodes[0]?.id ?? "";
      const lock = await other.getMailboxLock("Drafts");
      await other.messageDelete("*");
      lock.release();
      const one = await idOf("One");
      const never = `${one.slice(0, -1)}${one.endsWith("A") ? "B" : "A"}`;
      const malformed = ["msg_", "msg_nonsense", "mbx_nonsense", "thr_x", "", "No Account!", "x".repeat(5_000)];
      const nulls = [never, ...malformed].map((id, at) => `n${at}: node(id: ${JSON.stringify(id)}) { id }`).join(" ");
      const quiet = await run<Record<string, unknown>>(ask, `{ ${nulls} other: account(id: "Nobody!") { id } }`);
      assert.equal(quiet.errors, undefined, JSON.stringify(quiet.errors));
      assert.ok(Object.values(quiet.data).every((value) => value === null));
      const within = [never, ...malformed].map((id, at) => `n${at}: message(id: ${JSON.stringify(id)}) { subject }`);
      const answer = await run<{ node: null; account: Record<string, unknown> }>(
        ask,
        `{ node(id: "${gone}") { id ... on Message { subject } } account(id: "alice") { message(id: "${gone}") { subject } one: message(id: "${one}") { subject } ${within.join(" ")} } }`,
      );
      assert.equal(answer.data.node, null);
      const { message, one: there, ...rest } = answer.data.account;
      assert.equal(message, null);
      assert.deepEqual(there, { subject: "One" });
      assert.ok(Object.values(rest).every((value) => value === null));
      assert.deepEqual(codesOf(answer), ["message-gone", "message-gone"]);
      assert.deepEqual(answer.errors?.map(({ path }) => path?.join(".")).toSorted(), ["account.message", "node"]);
      assert.ok(Date.parse(answer.extensions?.asOf ?? "") > 0);
    });

    test("a mailbox that is no more is null", async () => {
      await other.mailboxCreate("Passing");
      const query = `{ account(id: "alice") { mailbox(path: "Passing") { id } } }`;
      const { account } = await dataOf<{ account: { mailbox: Node } }>(ask, query);
      await other.mailboxDelete("Passing");
      const { id } = account.mailbox;
      assert.deepEqual(
        await dataOf(ask, `{ node(id: "${id}") { id } account(id: "alice") { mailbox(id: "${id}") { id } } }`),
        {
          node: null,
          account: { mailbox: null },
        },
      );
    });

    test("another account's things are null for a token that must not know of it, just as what never was", async () => {
      const message = await idOf("One");
      const mailbox = await inboxId();
      const made = await ask<{ token: string }>("/v1/tokens", { body: { accounts: ["bob"], scopes: ["read"] } });
      const narrow = askWith(house.urls, made.body.token);
      const query = (account: string, mailboxId: string, messageId: string): string => `{
        a: node(id: "${account}") { id } b: node(id: "${mailboxId}") { id ... on Mailbox { total } }
        c: node(id: "${messageId}") { id ... on Message { subject } } d: account(id: "${account}") { id messages { totalCount } }
        accounts { nodes { id } }
        own: account(id: "bob") { mailbox(id: "${mailboxId}") { id } message(id: "${messageId}") { subject } } }`;
      const hidden = await run(narrow, query("alice", mailbox, message));
      const absent = await run(narrow, query("nobody", "mbx_nonsense", "msg_nonsense"));
      const { extensions: _, ...shown } = hidden;
      assert.deepEqual(shown, {
        data: {
          a: null,
          b: null,
          c: null,
          d: null,
          accounts: { nodes: [{ id: "bob" }] },
          own: { mailbox: null, message: null },
        },
      });
      assert.deepEqual(shown.data, absent.data);
      assert.equal(absent.errors, undefined);
    });

    test("a thing of one account is not found in another by those who see both", async () => {
      const [mailbox, message] = [await inboxId(), await idOf("One")];
      const query = `{ account(id: "bob") { mailbox(id: "${mailbox}") { id } message(id: "${message}") { id } } }`;
      assert.deepEqual(await dataOf(ask, query), { account: { mailbox: null, message: null } });
    });

    test("a token without the scope is told so for each field that wants it", async () => {
      const made = await ask<{ token: string }>("/v1/tokens", { body: { accounts: ["alice"], scopes: ["manage"] } });
      const manager = askWith(house.urls, made.body.token);
      const query = `{ account(id: "alice") { id mailbox(role: INBOX) { id } message(id: "${await idOf("One")}") { id } } }`;
      const answer = await run(manager, query);
      assert.deepEqual(answer.data, { account: { id: "alice", mailbox: null, message: null } });
      assert.deepEqual(codesOf(answer), ["scope-missing", "scope-missing"]);
      for (const list of ["mailboxes { id }", "messages { totalCount }", "quota { used }"])
        assert.deepEqual(codesOf({ errors: await errorsOf(list, manager) }), ["scope-missing"], list);
      const reader = await ask<{ token: string }>("/v1/tokens", { body: { scopes: ["read"] } });
      const remove = `mutation { deleteAccount(input: {id: "alice"}) { id } }`;
      assert.deepEqual(codesOf(await run(askWith(house.urls, reader.body.token), remove)), ["scope-missing"]);
    });

    test("a mail server's refusal is told with the same code and words as in REST", async () => {
      const { host, port } = dovecot;
      const imap = { host, port, security: "none", user: "mallory", password: "wrong-battery" };
      await ask("/v1/accounts", { body: { id: "mallory", imap } });
      type Problem = { code: string; retryable: boolean; upstream: unknown };
      const rest = await ask<Problem>("/v1/accounts/mallory/mailboxes");
      const { data, errors } = await run<{ account: null }>(ask, `{ account(id: "mallory") { mailboxes { id } } }`);
      assert.equal(data.account, null);
      const { code, retryable, upstream } = rest.body;
      assert.equal(code, "account-reauth-required");
      const [error] = errors ?? [];
      assert.deepEqual(
        { code: error?.extensions.code, retryable: error?.extensions.retryable, upstream: error?.extensions.upstream },
        { code, retryable, upstream },
      );
      await ask("/v1/accounts/mallory", { method: "DELETE" });
      assert.match(JSON.stringify(upstream), /Authentication failed/);
      assert.doesNotMatch(JSON.stringify(errors), /wrong-battery/);
    });

    test("one account's trouble leaves the others' answers alone", async () => {
      const { host, port } = dovecot;
      const imap = { host, port, security: "none", user: "eve", password: "wrong" };
      await ask("/v1/accounts", { body: { id: "eve", imap } });
      const query = `{ node(id: "eve") { ... on Account { mailboxes { id } } }
        accounts(after: "carol") { nodes { id mailboxes { name } } }
        alice: accounts(first: 1) { nodes { id mailbox(role: INBOX) { total } } edges { node { quota { used } } } } }`;
      const { data, errors } = await run<Record<string, unknown>>(ask, query);
      assert.deepEqual(data, {
        node: null,
        accounts: { nodes: [null] },
        alice: { nodes: [{ id: "alice", mailbox: { total: 7 } }], edges: [{ node: { quota: [] } }] },
      });
      assert.ok(errors?.every(({ extensions }) => extensions.code === "account-reauth-required"));
      await ask("/v1/accounts/eve", { method: "DELETE" });
    });

    test("accounts are registered, changed and deleted, with exactly one secret", async () => {
      const { user, password } = dovecot.user("dora");
      const imap = { host: dovecot.host, port: dovecot.port, security: "NONE", user, secret: { password } };
      const registers = `mutation R($input: RegisterAccountInput!) { registerAccount(input: $input) { account { id name state mailbox(role: INBOX) { total } } } }`;
      const input = { id: "dora", name: "Dora", imap, verify: true };
      assert.deepEqual(await dataOf(ask, registers, { input }), {
        registerAccount: { account: { id: "dora", name: "Dora", state: "CONNECTED", mailbox: { total: 0 } } },
      });
      const again = await run(ask, registers, { input });
      assert.deepEqual(codesOf(again), ["account-exists"]);
      const two = { ...input, imap: { ...imap, secret: { password, accessToken: "t" } } };
      assert.deepEqual(codesOf(await run(ask, registers, { input: two })), ["invalid-request"]);
      const none = { ...input, imap: { ...imap, secret: {} } };
      assert.deepEqual(codesOf(await run(ask, registers, { input: none })), ["invalid-request"]);
      const update = `mutation { updateAccount(input: {id: "dora", name: null, disabled: true}) { account { name state } } }`;
      assert.deepEqual(await dataOf(ask, update), { updateAccount: { account: { name: null, state: "DISABLED" } } });
      assert.deepEqual(await dataOf(ask, `mutation { deleteAccount(input: {id: "dora"}) { id } }`), {
        deleteAccount: { id: "dora" },
      });
      assert.deepEqual(await dataOf(ask, `{ account(id: "dora") { id } }`), { account: null });
    });

    test("ids and cursors that one gateway gave hold at every other", async () => {
      const each = house.urls.map((url) => askWith([url], house.adminToken));
      const query = (args: string): string =>
        `{ account(id: "alice") { id mailbox(role: INBOX) { id messages(${args}) { edges { cursor node { id subject } } } } } }`;
      type Inbox = { account: { mailbox: { id: string; messages: Connection } } };
      const answers = await Promise.all(each.map((one) => dataOf<Inbox>(one, query("first: 3"))));
      const shown = answers.map(({ account: { mailbox } }) => [
        mailbox.id,
        mailbox.messages.edges.map(({ node }) => node),
      ]);
      for (const answer of shown) assert.deepEqual(answer, shown[0]);
      for (const { account } of answers) {
        const { cursor, node } = account.mailbox.messages.edges[2] ?? { cursor: "", node: { id: "" } };
        for (const one of each) {
          const next = await dataOf<Inbox>(one, query(`first: 2, after: "${cursor}"`));
          assert.deepEqual(subjects(next.account.mailbox.messages), newest.slice(3, 5));
          const single = await dataOf(one, `{ node(id: "${node.id}") { ... on Message { subject } } }`);
          assert.deepEqual(single, { node: { subject: node.subject } });
        }
      }
    });
  });
}
