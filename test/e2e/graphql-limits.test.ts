import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { type RecordingProxy, startRecordingProxy } from "../servers/proxy.ts";
import { type Answer, type Ask, askWith, type Asking } from "./client.ts";
import { codesOf, dataOf, type GraphqlAnswer, register } from "./graphql-client.ts";
import { type House, type HouseKind, startHouse } from "./house.ts";

type Answered = Answer<GraphqlAnswer<unknown> & { code?: string }>;

const NEW_TYPE = "application/graphql-response+json";
const repeat = (count: number, make: (at: number) => string): string =>
  Array.from({ length: count }, (_, at) => make(at)).join(" ");

for (const kind of ["together", "apart"] as const satisfies HouseKind[]) {
  describe(`what GraphQL refuses before a mail server hears of it, services ${kind}`, () => {
    let house: House;
    let dovecot: DovecotServer;
    let proxy: RecordingProxy;
    let ask: Ask;
    const endings: (() => Promise<void>)[] = [];

    before(async () => {
      dovecot = await startDovecot();
      endings.unshift(dovecot.stop);
      proxy = await startRecordingProxy(dovecot);
      endings.unshift(proxy.stop);
      house = await startHouse(kind);
      endings.unshift(house.stop);
      ask = askWith(house.urls, house.adminToken);
      await register(ask, dovecot, "alice", proxy);
      await dataOf(ask, `{ account(id: "alice") { messages { totalCount } } }`);
    });

    after(async () => {
      for (const end of endings) await end();
    });

    /** Asks, and holds it to the mail server's having heard nothing. */
    async function quietly(asking: Asking, path = "/graphql"): Promise<Answered> {
      proxy.commands.length = 0;
      const answer = await ask<Answered["body"]>(path, asking);
      assert.deepEqual(proxy.commands, []);
      return answer;
    }
    const refused = (query: string, variables?: unknown): Promise<Answered> =>
      quietly({ body: { query, variables }, headers: { accept: NEW_TYPE } });

    const list = "messages(first: 1) { totalCount }";
    const alice = (set: string): string => `{ account(id: "alice") { ${set} } }`;
    const withinList = (set: string): string => `messages { nodes { mailbox { ${set} } } }`;
    const tooMuch: [string, string, Record<string, unknown>?][] = [
      ["a document that is too deep", alice(withinList(withinList(withinList(withinList("name")))))],
      [
        "too deep by its fragments",
        `${alice("...A")} fragment A on Account { ${withinList("...B")} } fragment B on Mailbox { ${withinList("...C")} } fragment C on Mailbox { ${withinList("...D")} } fragment D on Mailbox { ${withinList("name")} }`,
      ],
      ["too many aliases", alice(repeat(61, (at) => `x${at}: id`))],
      ["too many tokens", alice("id ".repeat(4_000))],
      ["too many calls", alice(withinList("messages(first: 200) { nodes { mailbox { messages { nodes { id } } } } }"))],
      ["too many messages", alice(repeat(26, (at) => `m${at}: messages(first: 200) { nodes { id } }`))],
      [
        "too many by a variable",
        `query Q($n: Int) { accounts(first: $n) { nodes { quota { used } ${list} } } }`,
        { n: 200 },
      ],
      [
        "too many by a variable's default",
        `query Q($n: Int = 200) { accounts(first: $n) { nodes { quota { used } ${list} } } }`,
      ],
    ];
    for (const [what, query, variables] of tooMuch)
      test(`${what}: query-too-costly`, async () => {
        const { status, body } = await refused(query, variables);
        assert.equal(status, 400, JSON.stringify(body));
        assert.deepEqual(codesOf(body), ["query-too-costly"], JSON.stringify(body.errors));
        assert.equal(body.data, undefined);
        assert.equal(body.errors?.[0]?.extensions.retryable, false);
      });

    test("fragments that double with every step are refused or answered, but not worked at for ever", async () => {
      const steps = repeat(100, (at) => `fragment F${at} on Account { ...F${at + 1} ...F${at + 1} }`);
      const { body } = await quietly({
        body: { query: `${alice("...F0")} ${steps} fragment F100 on Account { name }` },
      });
      assert.deepEqual(body.data, { account: { name: null } });
    });

    test("introspection within introspection is bounded too", async () => {
      const { body } = await refused(
        `{ __schema { types ${"{ fields { type ".repeat(5)} { name } ${"} }".repeat(5)} } }`,
      );
      assert.deepEqual(codesOf(body), ["invalid-request"]);
    });

    test("several operations at once, as an array, are none", async () => {
      const { status, body } = await quietly({ body: [{ query: alice(list) }], headers: { accept: NEW_TYPE } });
      assert.equal(status, 400);
      assert.deepEqual(codesOf(body), ["invalid-request"]);
    });

    test("a syntax tree as JSON is no document, well formed or not", async () => {
      const name = (value: string): object => ({ kind: "Name", value });
      const field = { kind: "Field", name: name("__typename") };
      const selectionSet = { kind: "SelectionSet", selections: [field] };
      const tree = {
        kind: "Document",
        definitions: [{ kind: "OperationDefinition", operation: "query", selectionSet }],
      };
      for (const query of [JSON.stringify(tree), '{"kind":"Document"}', "[]", "null", "1", '"x"']) {
        const { status, body } = await refused(query);
        assert.equal(status, 400, query);
        assert.deepEqual(codesOf(body), ["invalid-request"], query);
      }
    });

    test("a body beyond the limit is too large", async () => {
      const { status, body } = await quietly({ body: { query: `{ __typename } # ${"x".repeat(2 << 20)}` } });
      assert.equal(status, 413);
      assert.equal(body.code, "payload-too-large");
    });

    for (const [what, body] of [
      ["variables", { variables: [] }],
      ["variables", { variables: "{}" }],
      ["variables", { variables: 1 }],
      ["extensions", { extensions: [] }],
      ["extensions", { extensions: "x" }],
      ["operationName", { operationName: 1 }],
      ["documentId", { documentId: {} }],
      ["query", { query: 1 }],
    ] as const)
      test(`${what} of a wrong type are malformed: ${JSON.stringify(body)}`, async () => {
        const asking = { body: { query: alice(list), ...body }, headers: { accept: NEW_TYPE } };
        const answer = await quietly(asking);
        assert.equal(answer.status, 400);
        assert.deepEqual(codesOf(answer.body), ["invalid-request"]);
        assert.equal(answer.body.errors?.[0]?.extensions.errors?.[0]?.path, what);
      });

    test("a variable that is missing, unknown in kind or wrong is a malformed request, and has no data", async () => {
      const query =
        "query Q($id: ID!, $sort: MessageSort) { account(id: $id) { messages(sort: $sort) { totalCount } } }";
      for (const variables of [undefined, null, {}, { id: null }, { id: [] }, { id: "alice", sort: "NOT_A_SORT" }]) {
        const { status, body } = await refused(query, variables);
        assert.equal(status, 400, JSON.stringify(variables));
        assert.deepEqual(codesOf(body), ["invalid-request"]);
        assert.equal(body.data, undefined);
      }
    });

    test("an operation that is not there, or not told which of several, is a malformed request", async () => {
      const query = `query A { __typename } query B { __typename }`;
      for (const operationName of [undefined, "C", ""]) {
        const { status, body } = await quietly({ body: { query, operationName }, headers: { accept: NEW_TYPE } });
        assert.equal(status, 400);
        assert.deepEqual(codesOf(body), ["invalid-request"]);
      }
    });

    describe("from strangers' pages", () => {
      const query = encodeURIComponent(alice(list));

      test("GET runs a query for who shows a token, which no page can do without being allowed to", async () => {
        const shown = await ask<Answered["body"]>(`/graphql?query=${query}`);
        assert.deepEqual(shown.body.data, { account: { messages: { totalCount: 0 } } });
        proxy.commands.length = 0;
        const bare = await askWith(house.urls, null)<{ code: string }>(`/graphql?query=${query}`);
        assert.equal(bare.status, 401);
        assert.equal(bare.body.code, "unauthenticated");
        assert.match(String(bare.headers["www-authenticate"]), /^Bearer/);
        assert.deepEqual(proxy.commands, []);
      });

      test("a token in a cookie or in the query is none", async () => {
        const headers = { cookie: `token=${house.adminToken}; authorization=Bearer ${house.adminToken}` };
        const path = `/graphql?query=${query}&access_token=${house.adminToken}&authorization=Bearer%20${house.adminToken}`;
        assert.equal((await askWith(house.urls, null)(path, { headers })).status, 401);
      });

      for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
        test(`a body of ${type.split(";")[0]}, which a form can send, runs nothing`, async () => {
          for (const body of [JSON.stringify({ query: alice(list) }), `query=${query}`]) {
            const { status } = await quietly({ body, headers: { "content-type": type } });
            assert.ok(status === 400 || status === 415, String(status));
          }
        });

      test("a mutation does not run by GET, whatever it is called", async () => {
        const mutation = `mutation M { deleteAccount(input: {id: "alice"}) { id } } query Q { __typename }`;
        const path = `/graphql?query=${encodeURIComponent(mutation)}`;
        const { status, headers, body } = await quietly({}, `${path}&operationName=M`);
        assert.equal(status, 405);
        assert.equal(headers.allow, "POST");
        assert.equal(body.code, "method-not-allowed");
        assert.equal(
          (await quietly({}, `/graphql?query=${encodeURIComponent(mutation.replace(/query.*/, ""))}`)).status,
          405,
        );
        assert.deepEqual((await quietly({}, `${path}&operationName=Q`)).body.data, { __typename: "Query" });
        assert.equal((await ask("/v1/accounts/alice")).status, 200);
      });

      test("other origins are not allowed to read answers unless the operator allows them", async () => {
        const headers = { origin: "https://app.example.org", "access-control-request-method": "POST" };
        const answer = await ask("/graphql", { method: "OPTIONS", headers });
        assert.equal(answer.headers["access-control-allow-origin"], undefined);
      });
    });

    describe("kinds of answers", () => {
      const typeFor = async (accept: string): Promise<string> => {
        const { status, headers } = await ask("/graphql", { body: { query: "{ __typename }" }, headers: { accept } });
        return status === 200 ? String(headers["content-type"]) : String(status);
      };
      const [fresh, old] = [`${NEW_TYPE}; charset=utf-8`, "application/json; charset=utf-8"];

      test("the client gets what it likes best of the two, and the old one where it does not mind", async () => {
        const wishes: [string, string][] = [
          [NEW_TYPE, fresh],
          ["application/json", old],
          ["*/*", old],
          ["application/*", old],
          [`${NEW_TYPE}, application/json`, fresh],
          [`application/json, ${NEW_TYPE}`, old],
          [`application/json;q=0.5, ${NEW_TYPE};q=0.9`, fresh],
          [`${NEW_TYPE};q=0, */*`, old],
          [`${NEW_TYPE}; charset=UTF-8`, fresh],
          [`text/html, ${NEW_TYPE};q=0.8, */*;q=0.1`, fresh],
        ];
        for (const [accept, type] of wishes) assert.equal(await typeFor(accept), type, accept);
      });

      test("what is neither is not acceptable, and a query is answered by no stream of events", async () => {
        for (const accept of ["text/html", "multipart/mixed", `${NEW_TYPE};q=0`])
          assert.equal(await typeFor(accept), "406", accept);
        assert.equal(await typeFor("text/event-stream"), "400");
      });

      test("subscriptions and live queries do not exist, and nothing pretends they do", async () => {
        const { body } = await refused("subscription { events { id } }");
        assert.deepEqual(codesOf(body), ["invalid-request"]);
      });
    });
  });
}
