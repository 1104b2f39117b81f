import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { askWith } from "./client.ts";
import { codesOf, dataOf, run } from "./graphql-client.ts";
import { type Connection, Readers, subjects, SUBJECTS } from "./graphql-readers.ts";
import type { HouseKind } from "./house.ts";
import { deliver } from "./mailbox.ts";

interface Node {
  id: string;
}

const newest = SUBJECTS.toReversed();

for (const kind of ["together", "apart"] as const satisfies HouseKind[]) {
  describe(`GraphQL, services ${kind}`, () => {
    let readers: Readers;

    before(async () => {
      readers = await Readers.start(kind);
    });

    after(() => readers.stop());

    test("node gives an account, a mailbox and a message by their ids", async () => {
      const [mailbox, message] = [await readers.inboxId(), await readers.idOf("Three")];
      const query = `query Q($account: ID!, $mailbox: ID!, $message: ID!) {
        a: node(id: $account) { __typename id ... on Account { name state mailboxes { name } } }
        b: node(id: $mailbox) { __typename id ... on Mailbox { path role total messages(first: 1) { totalCount } } }
        c: node(id: $message) { __typename id ...M ... on Account { name } ... on Mailbox { path } }
      } fragment M on Message { subject flags mailbox { id role } }`;
      const data = await dataOf<Record<string, Record<string, unknown>>>(readers.ask, query, {
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

    test("a mailbox is found by one of its id, role and path, and by exactly one", async () => {
      const id = await readers.inboxId();
      const query = `{ account(id: "alice") { a: mailbox(id: "${id}") { id } b: mailbox(path: "INBOX") { id } c: mailbox(role: INBOX) { id }
        d: mailbox(role: FLAGGED) { id } e: mailbox(path: "Nowhere") { id } f: mailbox(id: "inbox") { id } g: mailbox(path: "") { id } } }`;
      const { account } = await dataOf<{ account: Record<string, Node | null> }>(readers.ask, query);
      assert.deepEqual(account, { a: { id }, b: { id }, c: { id }, d: null, e: null, f: null, g: null });
      for (const args of [`id: "${id}", role: INBOX`, 'role: INBOX, path: "INBOX"', "role: null"])
        assert.deepEqual(codesOf({ errors: await readers.errorsOf(`mailbox(${args}) { id }`) }), ["invalid-request"]);
      assert.deepEqual(codesOf({ errors: await readers.errorsOf("mailbox { id }") }), ["invalid-request"]);
    });

    test("accounts are paged through in the order of their ids", async () => {
      const page = async (args: string): Promise<Connection> => {
        const query = `{ accounts(${args}) { edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`;
        return (await dataOf<{ accounts: Connection }>(readers.ask, query)).accounts;
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
        assert.deepEqual(codesOf(await run(readers.ask, `{ accounts(${args}) { nodes { id } } }`)), [
          "invalid-request",
        ]);
    });

    test("what is gone is null with an error, what never was is null without, and so is what no id can be", async () => {
      await deliver(readers.other, { subject: "Doomed", mailbox: "Drafts" });
      const drafts = `{ account(id: "alice") { mailbox(role: DRAFTS) { messages { nodes { id } } } } }`;
      const data = await dataOf<{ account: { mailbox: { messages: { nodes: Node[] } } } }>(readers.ask, drafts);
      const gone = data.account.mailbox.messages.nodes[0]?.id ?? "";
      const lock = await readers.other.getMailboxLock("Drafts");
      await readers.other.messageDelete("*");
      lock.release();
      const one = await readers.idOf("One");
      const never = `${one.slice(0, -1)}${one.endsWith("A") ? "B" : "A"}`;
      const malformed = ["msg_", "msg_nonsense", "mbx_nonsense", "thr_x", "", "No Account!", "x".repeat(5_000)];
      const nulls = [never, ...malformed].map((id, at) => `n${at}: node(id: ${JSON.stringify(id)}) { id }`).join(" ");
      const quiet = await run<Record<string, unknown>>(
        readers.ask,
        `{ ${nulls} other: account(id: "Nobody!") { id } }`,
      );
      assert.equal(quiet.errors, undefined, JSON.stringify(quiet.errors));
      assert.ok(Object.values(quiet.data).every((value) => value === null));
      const within = [never, ...malformed].map((id, at) => `n${at}: message(id: ${JSON.stringify(id)}) { subject }`);
      const answer = await run<{ node: null; account: Record<string, unknown> }>(
        readers.ask,
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
      await readers.other.mailboxCreate("Passing");
      const query = `{ account(id: "alice") { mailbox(path: "Passing") { id } } }`;
      const { account } = await dataOf<{ account: { mailbox: Node } }>(readers.ask, query);
      await readers.other.mailboxDelete("Passing");
      const { id } = account.mailbox;
      assert.deepEqual(
        await dataOf(readers.ask, `{ node(id: "${id}") { id } account(id: "alice") { mailbox(id: "${id}") { id } } }`),
        {
          node: null,
          account: { mailbox: null },
        },
      );
    });

    test("another account's things are null for a token that must not know of it, just as what never was", async () => {
      const message = await readers.idOf("One");
      const mailbox = await readers.inboxId();
      const made = await readers.ask<{ token: string }>("/v1/tokens", {
        body: { accounts: ["bob"], scopes: ["read"] },
      });
      const narrow = askWith(readers.house.urls, made.body.token);
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
      const [mailbox, message] = [await readers.inboxId(), await readers.idOf("One")];
      const query = `{ account(id: "bob") { mailbox(id: "${mailbox}") { id } message(id: "${message}") { id } } }`;
      assert.deepEqual(await dataOf(readers.ask, query), { account: { mailbox: null, message: null } });
    });

    test("a token without the scope is told so for each field that wants it", async () => {
      const made = await readers.ask<{ token: string }>("/v1/tokens", {
        body: { accounts: ["alice"], scopes: ["manage"] },
      });
      const manager = askWith(readers.house.urls, made.body.token);
      const query = `{ account(id: "alice") { id mailbox(role: INBOX) { id } message(id: "${await readers.idOf("One")}") { id } } }`;
      const answer = await run(manager, query);
      assert.deepEqual(answer.data, { account: { id: "alice", mailbox: null, message: null } });
      assert.deepEqual(codesOf(answer), ["scope-missing", "scope-missing"]);
      for (const list of ["mailboxes { id }", "messages { totalCount }", "quota { used }"])
        assert.deepEqual(codesOf({ errors: await readers.errorsOf(list, manager) }), ["scope-missing"], list);
      const reader = await readers.ask<{ token: string }>("/v1/tokens", { body: { scopes: ["read"] } });
      const remove = `mutation { deleteAccount(input: {id: "alice"}) { id } }`;
      assert.deepEqual(codesOf(await run(askWith(readers.house.urls, reader.body.token), remove)), ["scope-missing"]);
    });

    test("a mail server's refusal is told with the same code and words as in REST", async () => {
      const { host, port } = readers.dovecot;
      const imap = { host, port, security: "none", user: "mallory", password: "wrong-battery" };
      await readers.ask("/v1/accounts", { body: { id: "mallory", imap } });
      type Problem = { code: string; retryable: boolean; upstream: unknown };
      const rest = await readers.ask<Problem>("/v1/accounts/mallory/mailboxes");
      const { data, errors } = await run<{ account: null }>(
        readers.ask,
        `{ account(id: "mallory") { mailboxes { id } } }`,
      );
      assert.equal(data.account, null);
      const { code, retryable, upstream } = rest.body;
      assert.equal(code, "account-reauth-required");
      const [error] = errors ?? [];
      assert.deepEqual(
        { code: error?.extensions.code, retryable: error?.extensions.retryable, upstream: error?.extensions.upstream },
        { code, retryable, upstream },
      );
      await readers.ask("/v1/accounts/mallory", { method: "DELETE" });
      assert.match(JSON.stringify(upstream), /Authentication failed/);
      assert.doesNotMatch(JSON.stringify(errors), /wrong-battery/);
    });

    test("one account's trouble leaves the others' answers alone", async () => {
      const { host, port } = readers.dovecot;
      const imap = { host, port, security: "none", user: "eve", password: "wrong" };
      await readers.ask("/v1/accounts", { body: { id: "eve", imap } });
      const query = `{ node(id: "eve") { ... on Account { mailboxes { id } } }
        accounts(after: "carol") { nodes { id mailboxes { name } } }
        alice: accounts(first: 1) { nodes { id mailbox(role: INBOX) { total } } edges { node { quota { used } } } } }`;
      const { data, errors } = await run<Record<string, unknown>>(readers.ask, query);
      assert.deepEqual(data, {
        node: null,
        accounts: { nodes: [null] },
        alice: { nodes: [{ id: "alice", mailbox: { total: 7 } }], edges: [{ node: { quota: [] } }] },
      });
      assert.ok(errors?.every(({ extensions }) => extensions.code === "account-reauth-required"));
      await readers.ask("/v1/accounts/eve", { method: "DELETE" });
    });

    test("accounts are registered, changed and deleted, with exactly one secret", async () => {
      const { user, password } = readers.dovecot.user("dora");
      const imap = {
        host: readers.dovecot.host,
        port: readers.dovecot.port,
        security: "NONE",
        user,
        secret: { password },
      };
      const registers = `mutation R($input: RegisterAccountInput!) { registerAccount(input: $input) { account { id name state mailbox(role: INBOX) { total } } } }`;
      const input = { id: "dora", name: "Dora", imap, verify: true };
      assert.deepEqual(await dataOf(readers.ask, registers, { input }), {
        registerAccount: { account: { id: "dora", name: "Dora", state: "CONNECTED", mailbox: { total: 0 } } },
      });
      const again = await run(readers.ask, registers, { input });
      assert.deepEqual(codesOf(again), ["account-exists"]);
      const two = { ...input, imap: { ...imap, secret: { password, accessToken: "t" } } };
      assert.deepEqual(codesOf(await run(readers.ask, registers, { input: two })), ["invalid-request"]);
      const none = { ...input, imap: { ...imap, secret: {} } };
      assert.deepEqual(codesOf(await run(readers.ask, registers, { input: none })), ["invalid-request"]);
      const update = `mutation { updateAccount(input: {id: "dora", name: null, disabled: true}) { account { name state } } }`;
      assert.deepEqual(await dataOf(readers.ask, update), {
        updateAccount: { account: { name: null, state: "DISABLED" } },
      });
      assert.deepEqual(await dataOf(readers.ask, `mutation { deleteAccount(input: {id: "dora"}) { id } }`), {
        deleteAccount: { id: "dora" },
      });
      assert.deepEqual(await dataOf(readers.ask, `{ account(id: "dora") { id } }`), { account: null });
    });

    test("ids and cursors that one gateway gave hold at every other", async () => {
      const each = readers.house.urls.map((url) => askWith([url], readers.house.adminToken));
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
