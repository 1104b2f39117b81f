import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { type Ask, askWith } from "./client.ts";
import { type House, type HouseKind, startHouse } from "./house.ts";
import { deliver, otherClient } from "./mailbox.ts";

interface Answered {
  data?: unknown;
  errors?: { message: string; path?: string[]; extensions: { code: string } }[];
}

for (const kind of ["together", "apart"] as const satisfies HouseKind[]) {
  /** Queries that are asked again run as compiled code: nobody may notice. */
  describe(`a GraphQL query that is asked again and again, services ${kind}`, () => {
    let house: House;
    let dovecot: DovecotServer;
    let ask: Ask;

    before(async () => {
      dovecot = await startDovecot();
      house = await startHouse(kind);
      ask = askWith(house.urls, house.adminToken);
      const client = await otherClient(dovecot, "alice");
      await deliver(client, { subject: "One", text: "First words" }, { subject: "Two", text: "Second words" });
      await client.logout();
      const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user("alice") };
      assert.equal((await ask("/v1/accounts?verify=true", { body: { id: "alice", imap } })).status, 201);
    });

    after(async () => {
      await house.stop();
      await dovecot.stop();
    });

    async function run(query: string, variables: object = {}, operationName?: string): Promise<Answered> {
      return (await ask<Answered>("/graphql", { body: { query, variables, operationName } })).body;
    }

    test("answers the same each time, whatever was asked with it before", async () => {
      const query = `query Q($first: Int!, $whole: Boolean!, $role: MailboxRole) {
      account(id: "alice") {
        name
        box: mailbox(role: $role) {
          role
          messages(first: $first) { totalCount nodes { ...line text @include(if: $whole) size @skip(if: $whole) } }
        }
      }
    }
    fragment line on Message { title: subject from { address } flags }`;
      const asked = [
        { first: 1, whole: true, role: "INBOX" },
        { first: 2, whole: false, role: "INBOX" },
        { first: 1, whole: false, role: "SENT" },
        { first: 2, whole: true, role: "FLAGGED" },
      ];
      const firsts = [];
      // A comment makes a text of its own: the first time it is not compiled.
      for (const [index, variables] of asked.entries()) firsts.push(await run(`${query} # ${index}`, variables));
      assert.match(JSON.stringify(firsts[0]), /"title":"Two".*"text":"Second words/s);
      for (let round = 0; round < 3; round++) {
        for (const [index, variables] of asked.entries()) {
          const { data, errors } = await run(query, variables);
          assert.deepEqual({ data, errors }, { data: firsts[index]?.data, errors: firsts[index]?.errors });
        }
      }
    });

    test("takes a filter as a variable, each time", async () => {
      const query = `query Q($filter: MessageFilter) {
        account(id: "alice") { mailbox(role: INBOX) { messages(filter: $filter) { nodes { subject } } } } }`;
      for (let round = 0; round < 3; round++) {
        for (const [filter, subjects] of [
          [{ or: [{ subject: "One" }, { not: { subject: "Two" } }] }, ["One"]],
          [{ subject: "Two" }, ["Two"]],
          [null, ["Two", "One"]],
        ] as const) {
          const nodes = subjects.map((subject) => ({ subject }));
          assert.deepEqual((await run(query, { filter })).data, { account: { mailbox: { messages: { nodes } } } });
        }
      }
    });

    test("runs the operation that is named, of several in one document", async () => {
      const query = `query A { account(id: "alice") { id } } query B { account(id: "alice") { state } }`;
      for (let round = 0; round < 3; round++) {
        assert.deepEqual((await run(query, {}, "A")).data, { account: { id: "alice" } });
        assert.deepEqual((await run(query, {}, "B")).data, { account: { state: "CONNECTED" } });
      }
    });

    test("fails the same way each time", async () => {
      const query = `query Q($id: ID!) { account(id: "alice") { id message(id: $id) { subject } } }`;
      const list = await ask<{ items: { id: string }[] }>("/v1/accounts/alice/messages?mailbox=inbox&fields=id");
      const id = list.body.items[0]?.id ?? "";
      const client = await otherClient(dovecot, "alice");
      await client.mailboxOpen("INBOX");
      await client.messageDelete("*");
      await client.logout();
      for (let round = 0; round < 3; round++) {
        const gone = await run(query, { id });
        assert.deepEqual(gone.data, { account: { id: "alice", message: null } });
        assert.deepEqual(
          gone.errors?.map(({ path, extensions }) => [path, extensions.code]),
          [[["account", "message"], "message-gone"]],
        );
        const wrong = await run(query, { id: {} });
        assert.equal(wrong.data, undefined);
        assert.equal(wrong.errors?.[0]?.extensions.code, "invalid-request");
      }
    });

    test("is no way round what a document may cost", async () => {
      const query = `query Q($first: Int!) { accounts(first: $first) { nodes { mailboxes { messages(first: $first) { nodes { text html } } } } } }`;
      for (let round = 0; round < 3; round++) {
        assert.ok((await run(query, { first: 1 })).data);
        const { data, errors } = await run(query, { first: 200 });
        assert.equal(data, undefined);
        assert.equal(errors?.[0]?.extensions.code, "query-too-costly");
      }
    });
  });
}
