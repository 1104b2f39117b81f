import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { type Answer, type Ask, askWith } from "./client.ts";
import { type House, type HouseKind, startHouse } from "./house.ts";
import { deliver, otherClient } from "./mailbox.ts";

interface Operation {
  operationId: string;
  requestBody?: { content: Record<string, { example?: unknown }> };
}

/** One request of each kind that the API takes, its path with the parameters still in it. */
interface Route {
  operationId: string;
  method: string;
  template: string;
  body: unknown;
  /** The body's media type. */
  type: string | null;
}

interface Problem {
  code: string;
}

interface Introspected {
  __type: { fields: { name: string; args: { type: { kind: string } }[]; type: TypeReference }[] };
}
interface TypeReference {
  kind: string;
  ofType: TypeReference | null;
}

interface GraphqlAnswer<T = Record<string, unknown>> {
  data: T;
  errors?: { message: string; extensions: { code: string } }[];
}

/** Of the same length, so that not even that tells them apart. */
const [SHOWN, HIDDEN, ABSENT] = ["shown-1", "hide-01", "lack-01"];

/** The scopes of which one is needed; everything that is not listed is reading. */
const needs: Record<string, string[]> = {
  createAccount: ["manage"],
  listAccounts: ["read", "manage"],
  getAccount: ["read", "manage"],
  updateAccount: ["manage"],
  deleteAccount: ["manage"],
  ...Object.fromEntries(
    [
      "appendMessage",
      "replaceMessage",
      "createUpload",
      "importMessages",
      "createMailbox",
      "updateMailbox",
      "deleteMailbox",
      "emptyMailbox",
      "updateMessage",
      "deleteMessage",
      "copyMessage",
      "batchMessages",
    ].map((operation) => [operation, ["write"]]),
  ),
  createToken: [],
  listTokens: [],
  deleteToken: [],
  ...Object.fromEntries(webhookOperations().map((operationId) => [operationId, ["manage"]])),
};

function webhookOperations(): string[] {
  const verbs = ["create", "update", "delete", "get", "test", "replay"].map((verb) => `${verb}Webhook`);
  const names = [...verbs, "listWebhooks", "rotateWebhookSecret", "listDeliveries", "redeliver"];
  return names.flatMap((name) => [name, `${name}OfAll`]);
}

for (const kind of ["together", "apart"] as const satisfies HouseKind[]) {
  describe(`access, services ${kind}`, () => {
    let house: House;
    let dovecot: DovecotServer;
    let admin: Ask;
    let routes: Route[];
    /** Bound to the account that is shown, with every scope but `admin`. */
    let bound: Ask;
    /** Things of the account that is hidden. */
    let hidden: { message: string; mailbox: string };
    const endings: (() => Promise<unknown>)[] = [];

    before(async () => {
      dovecot = await startDovecot();
      endings.unshift(dovecot.stop);
      house = await startHouse(kind);
      endings.unshift(house.stop);
      admin = askWith(house.urls, house.adminToken);
      for (const id of [SHOWN, HIDDEN]) await register(id);
      routes = await readRoutes(admin);
      bound = await bearer({ scopes: ["read", "write", "send", "manage"], accounts: [SHOWN] });
      const page = await admin<{ items: { id: string; mailboxId: string }[] }>(
        `/v1/accounts/${HIDDEN}/messages?mailbox=inbox`,
      );
      hidden = { message: page.body.items[0]?.id ?? "", mailbox: page.body.items[0]?.mailboxId ?? "" };
      assert.match(hidden.message, /^msg_/);
    });

    after(async () => {
      for (const end of endings) await end();
    });

    const register = async (id: string): Promise<void> => {
      const other = await otherClient(dovecot, id);
      await deliver(other, { subject: `Of ${id}` });
      await other.logout();
      const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user(id) };
      const { status, body } = await admin("/v1/accounts?verify=true", { body: { id, imap } });
      assert.equal(status, 201, JSON.stringify(body));
    };
    const bearer = async (request: object): Promise<Ask> => {
      const { body, status } = await admin<{ token: string }>("/v1/tokens", { body: request });
      assert.equal(status, 201, JSON.stringify(body));
      return askWith(house.urls, body.token);
    };
    const call = <T = Problem>(ask: Ask, route: Route, account: string, headers = {}): Promise<Answer<T>> =>
      ask<T>(
        fill(route.template, {
          account,
          part: "1",
          token: "tok_absent",
          thread: "thr_never",
          webhook: "whk_never",
          delivery: "dlv_never",
          ...hidden,
        }),
        {
          method: route.method,
          headers: { ...(route.type !== null && { "content-type": route.type }), ...headers },
          ...(route.body !== undefined && { body: route.body }),
        },
      );
    const graphql = <T>(ask: Ask, query: string): Promise<GraphqlAnswer<T>> =>
      ask<GraphqlAnswer<T>>("/graphql", { body: { query } }).then(({ body }) => body);
    const fieldsOf = async (type: string): Promise<Introspected["__type"]["fields"]> => {
      const query = `{ __type(name: "${type}") { fields { name args { type { kind } } type { kind ofType { kind ofType { kind ofType { kind } } } } } } }`;
      return (await graphql<Introspected>(admin, query)).data.__type.fields;
    };

    test("without a valid token nothing is told, whatever is asked for, and how to bring one is", async () => {
      const nobodies = [
        undefined,
        "",
        "Bearer",
        "Basic YTpi",
        "Bearer x",
        `Bearer pst_${"a".repeat(16)}_${"b".repeat(43)}`,
      ];
      const nobody = askWith(house.urls, null);
      const asks = nobodies.map((authorization) => (authorization === undefined ? {} : { authorization }));
      for (const route of [...routes, graphqlRoute])
        for (const headers of asks) {
          const { status, headers: fields, bytes } = await call(nobody, route, SHOWN, headers);
          const what = `${route.method} ${route.template} ${JSON.stringify(headers)}`;
          assert.equal(status, 401, what);
          assert.match(String(fields["www-authenticate"]), /^Bearer\b/, what);
          if (route.method === "HEAD") continue;
          assert.equal((JSON.parse(bytes.toString()) as Problem).code, "unauthenticated", what);
          assert.doesNotMatch(bytes.toString(), /Of shown|"b{43}"/);
        }
    });

    test("every route answers for an account that must not be seen as for one that does not exist", async () => {
      const about = routes.filter(({ template }) => template.includes("{account}"));
      assert.ok(about.length >= 12, "the table of routes was read");
      for (const route of about) {
        const there = await call(bound, route, HIDDEN);
        const absent = await call(bound, route, ABSENT);
        assert.equal(there.status, 404, `${route.method} ${route.template}`);
        assert.deepEqual(told(there, HIDDEN), told(absent, ABSENT), `${route.method} ${route.template}`);
      }
    });

    test("ids of another account's things are no better than ids that never were", async () => {
      const own = routes.filter(({ template }) => /\{(message|mailbox)\}/.test(template));
      for (const route of own) {
        const { status } = await call(bound, route, SHOWN);
        assert.equal(status, 404, `${route.method} ${route.template}`);
      }
    });

    test("accounts that must not be seen are in no list, and their ids cannot be found out by taking them", async () => {
      const { body } = await bound<{ items: { id: string }[]; nextCursor: unknown }>("/v1/accounts");
      assert.deepEqual([body.items.map(({ id }) => id), body.nextCursor], [[SHOWN], null]);
      const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user("eve") };
      const taken = await bound("/v1/accounts", { body: { id: HIDDEN, imap } });
      const free = await bound("/v1/accounts", { body: { id: ABSENT, imap } });
      assert.equal(taken.status, 403);
      assert.deepEqual(told(taken, HIDDEN), told(free, ABSENT));
    });

    test("every route lets in who has a scope for it, and nobody who has only others", async () => {
      for (const scope of ["read", "write", "send", "manage"]) {
        const one = await bearer({ scopes: [scope] });
        for (const route of routes) {
          const wanted = needs[route.operationId] ?? ["read"];
          const isAllowed = wanted.includes(scope);
          // Whose a job is nobody can tell of one that is not there.
          if (route.template.includes("{job}")) continue;
          if (isAllowed && ["createAccount", "updateAccount", "deleteAccount"].includes(route.operationId)) continue;
          const { status, bytes } = await call(one, route, SHOWN);
          const what = `${scope}: ${route.method} ${route.template} → ${status}`;
          assert.equal(status === 403, !isAllowed, what);
          assert.notEqual(status, 401, what);
          if (status === 403 && bytes.length > 0)
            assert.equal((JSON.parse(bytes.toString()) as Problem).code, "scope-missing", what);
        }
      }
    });

    test("a token that may manage does, within its accounts", async () => {
      const { status, body } = await bound(`/v1/accounts/${SHOWN}`, { method: "PATCH", body: { name: "mine" } });
      assert.deepEqual([status, body.name], [200, "mine"]);
      const free = await bearer({ scopes: ["manage"] });
      const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user("eve") };
      assert.equal((await free("/v1/accounts", { body: { id: "brief", imap } })).status, 201);
      assert.equal((await free("/v1/accounts/brief", { method: "DELETE" })).status, 204);
    });

    test("GraphQL knows an account that must not be seen as little as one that does not exist", async () => {
      const everything = (await fieldsOf("Account")).map((field) => selectionOf(field)).join(" ");
      for (const ask of [bound, await bearer({ scopes: ["send"], accounts: [SHOWN] })]) {
        const queries = (id: string): string[] => [
          `{ account(id: "${id}") { ${everything} } }`,
          `{ node(id: "${id}") { id } }`,
          `mutation { updateAccount(input: {id: "${id}", name: "x"}) { account { id } } }`,
          `mutation { deleteAccount(input: {id: "${id}"}) { id } }`,
        ];
        for (const [index, query] of queries(HIDDEN).entries()) {
          const there = await ask("/graphql", { body: { query } });
          const absent = await ask("/graphql", { body: { query: queries(ABSENT)[index] } });
          assert.deepEqual(told(there, HIDDEN), told(absent, ABSENT), query);
          assert.doesNotMatch(there.bytes.toString(), /"id":/);
        }
      }
      for (const id of [hidden.message, hidden.mailbox, "msg_never", "mbx_never", "Never!"]) {
        assert.deepEqual(await graphql(bound, `{ node(id: "${id}") { id } }`), { data: { node: null } });
        const query = `{ account(id: "${SHOWN}") { message(id: "${id}") { id } mailbox(id: "${id}") { id } } }`;
        const { data, errors } = await graphql<{ account: Record<string, null> }>(bound, query);
        assert.deepEqual([data.account, errors], [{ message: null, mailbox: null }, undefined], id);
      }
      const { data } = await graphql(bound, "{ accounts { nodes { id } } }");
      assert.deepEqual(data, { accounts: { nodes: [{ id: SHOWN }] } });
    });

    test("every field of GraphQL that gives mail needs a token that may read", async () => {
      const manager = await bearer({ scopes: ["manage"], accounts: [SHOWN] });
      const mail = new Set(["mailboxes", "mailbox", "messages", "message", "thread", "quota"]);
      for (const field of await fieldsOf("Account")) {
        const query = `{ account(id: "${SHOWN}") { ${selectionOf(field)} } }`;
        const { errors = [] } = await graphql(manager, query);
        const codes = errors.map(({ extensions }) => extensions.code);
        assert.deepEqual(codes, mail.delete(field.name) ? ["scope-missing"] : [], field.name);
      }
      assert.deepEqual([...mail], [], "all of them are there");
    });

    test("every entrance of GraphQL asks for a scope", async () => {
      const sender = await bearer({ scopes: ["send", "write"] });
      const reader = await bearer({ scopes: ["read"] });
      const queries: Record<string, string> = {
        node: `node(id: "${SHOWN}") { id }`,
        account: `account(id: "${SHOWN}") { id }`,
        accounts: "accounts { nodes { id } }",
      };
      const managing: Record<string, string> = {
        registerAccount: `registerAccount(input: {imap: {host: "h", port: 1, security: TLS, user: "u", secret: {password: "p"}}}) { account { id } }`,
        updateAccount: `updateAccount(input: {id: "${SHOWN}", name: "x"}) { account { id } }`,
        deleteAccount: `deleteAccount(input: {id: "${SHOWN}"}) { id }`,
      };
      const account = `account: "${SHOWN}"`;
      const ids = `${account}, ids: ["${hidden.message}"]`;
      const draft = "message: {draft: {}}";
      const writing: Record<string, string> = {
        createMailbox: `createMailbox(input: {${account}, name: "x"}) { mailbox { id } }`,
        updateMailbox: `updateMailbox(input: {${account}, id: "${hidden.mailbox}", name: "x"}) { mailbox { id } }`,
        deleteMailbox: `deleteMailbox(input: {${account}, id: "${hidden.mailbox}"}) { id }`,
        emptyMailbox: `emptyMailbox(input: {${account}, mailbox: "trash"}) { __typename }`,
        appendMessage: `appendMessage(input: {${account}, ${draft}}) { message { id } }`,
        replaceMessage: `replaceMessage(input: {${account}, id: "${hidden.message}", ${draft}}) { message { id } }`,
        importMessages: `importMessages(input: {${account}, items: [{upload: "upl_absent"}]}) { __typename }`,
        updateMessages: `updateMessages(input: {${ids}, flags: {add: ["a"]}}) { results { id } }`,
        moveMessages: `moveMessages(input: {${ids}, mailbox: "trash"}) { results { id } }`,
        copyMessages: `copyMessages(input: {${ids}, mailbox: "trash"}) { results { id } }`,
        deleteMessages: `deleteMessages(input: {${ids}}) { results { id } }`,
        batchMessages: `batchMessages(input: {${ids}, action: {delete: {}}}) { results { id } }`,
      };
      // Whose a job is nobody can tell of one that is not there.
      const ofJobs = new Set(["job", "cancelJob"]);
      const refused = async (ask: Ask, query: string): Promise<void> => {
        const { errors = [] } = await graphql(ask, query);
        assert.deepEqual(
          errors.map(({ extensions }) => extensions.code),
          ["scope-missing"],
          query,
        );
      };
      for (const { name } of await fieldsOf("Query"))
        if (!ofJobs.has(name)) await refused(sender, `{ ${queries[name]} }`);
      for (const { name } of await fieldsOf("Mutation")) {
        if (ofJobs.has(name)) continue;
        const asks = name in managing ? [sender, reader] : [reader];
        for (const ask of asks) await refused(ask, `mutation { ${managing[name] ?? writing[name]} }`);
      }
    });

    test("no route takes a parameter that it does not know", async () => {
      for (const route of routes) {
        const template = `${route.template}?nonsense=1`;
        const { status, body } = await call<{ errors?: { path: string }[] }>(admin, { ...route, template }, SHOWN);
        // HEAD has no body to tell it.
        const isTold = route.method === "HEAD" || body.errors?.some(({ path }) => path === "nonsense");
        assert.deepEqual([route.method, route.template, status, isTold], [route.method, route.template, 400, true]);
      }
    });

    test("a deleted token is refused at once where it was deleted, and soon by every gateway", async () => {
      const { body } = await admin<{ id: string; token: string }>("/v1/tokens", { body: { scopes: ["read"] } });
      const gateways = house.urls.map((url) => askWith([url], body.token));
      for (const ask of gateways) assert.equal((await ask("/v1/accounts")).status, 200);
      const [first = "", ...others] = house.urls;
      const removed = await askWith([first], house.adminToken)(`/v1/tokens/${body.id}`, { method: "DELETE" });
      assert.equal(removed.status, 204);
      assert.equal((await askWith([first], body.token)("/v1/accounts")).status, 401);
      for (const url of others) while ((await askWith([url], body.token)("/v1/accounts")).status !== 401);
      assert.equal((await admin(`/v1/tokens/${body.id}`, { method: "DELETE" })).status, 404);
    });

    test("a token expires by itself, and is listed no more", async () => {
      const request = { scopes: ["read"], expiresIn: 1 };
      const { body } = await admin<{ id: string; token: string; expiresAt: string }>("/v1/tokens", { body: request });
      const ask = askWith(house.urls, body.token);
      while ((await ask("/v1/accounts")).status !== 401);
      assert.ok(Date.now() >= Date.parse(body.expiresAt), "and not before");
      const { items } = (await admin<{ items: { id: string }[] }>("/v1/tokens?limit=200")).body;
      assert.ok(items.length > 0 && !items.some(({ id }) => id === body.id));
    });

    test("a token's secret is in the answer to its making and nowhere else", async () => {
      const made = await admin<{ id: string; token: string }>("/v1/tokens", {
        body: { scopes: ["read"], name: "once" },
      });
      assert.equal(made.headers["cache-control"], "no-store");
      const secret = made.body.token.slice(-43);
      const listed = await admin("/v1/tokens?limit=200");
      assert.ok(listed.bytes.includes(made.body.id) && !listed.bytes.includes(secret));
      const log = (): string => house.services.flatMap((service) => service.log).join("\n");
      while (!log().includes(made.body.id)) await askWith(house.urls, made.body.token)("/v1/accounts");
      assert.ok(!log().includes(secret));
    });

    test("a token cannot be bound to an account that is not there", async () => {
      const { status, body } = await admin<Problem & { errors: { path: string }[] }>("/v1/tokens", {
        body: { scopes: ["read"], accounts: [SHOWN, ABSENT] },
      });
      assert.deepEqual([status, body.errors.map(({ path }) => path)], [400, ["accounts.1"]]);
    });

    test("a token bound to accounts makes, sees and deletes no tokens, whatever its scopes", async () => {
      const own = await bearer({ scopes: ["admin"], accounts: [SHOWN] });
      const { body } = await admin<{ id: string }>("/v1/tokens", { body: { scopes: ["read"], accounts: [HIDDEN] } });
      const answers = [
        await own("/v1/tokens", { body: { scopes: ["admin"] } }),
        await own("/v1/tokens", { body: { scopes: ["read"], accounts: [HIDDEN] } }),
        await own("/v1/tokens", { body: { scopes: ["read"], accounts: [ABSENT] } }),
        await own("/v1/tokens"),
        await own(`/v1/tokens/${body.id}`, { method: "DELETE" }),
      ];
      const told = answers.map(({ status, body: { code } }) => [status, code]);
      assert.deepEqual(
        told,
        answers.map(() => [403, "scope-missing"]),
      );
      assert.equal((await admin(`/v1/tokens/${body.id}`, { method: "DELETE" })).status, 204);
    });
  });
}

const graphqlRoute: Route = {
  operationId: "graphql",
  method: "POST",
  template: "/graphql",
  body: { query: "{ accounts { nodes { id } } }" },
  type: "application/json",
};

/** The table of routes, as the API's description has it: it is proved to have them all. */
async function readRoutes(ask: Ask): Promise<Route[]> {
  const { body } = await ask<{ paths: Record<string, Record<string, Operation>> }>("/openapi.json");
  const described = Object.entries(body.paths).flatMap(([template, operations]) =>
    Object.entries(operations).map(([method, { operationId, requestBody }]) => {
      const [[type, { example }] = [null, {}]] = Object.entries(requestBody?.content ?? {});
      assert.ok(!requestBody || example !== undefined, `${operationId} has an example`);
      // HEAD is what GET is.
      const kin = method === "head" ? operations.get?.operationId : undefined;
      return { operationId: kin ?? operationId, method: method.toUpperCase(), template, body: example, type };
    }),
  );
  const rest = described.filter(({ template }) => template.startsWith("/v1"));
  const search = rest.find(({ operationId }) => operationId === "searchMessages");
  assert.ok(search);
  return [...rest, { ...search, method: "QUERY", template: search.template.replace(/\/search$/, "") }];
}

function fill(template: string, values: Record<string, string>): string {
  const path = template.replace(/\{(\w+)\}/g, (_, name: string) => {
    return values[name] ?? `${name}_absent`;
  });
  // The one route that is nothing without a query.
  return template.endsWith("/images/{signature}") ? `${path}?url=http://images.example/` : path;
}

/** What an answer tells, but for its time, what it took and the ids that were asked with. */
function told({ status, headers, bytes }: Answer<unknown>, id: string): unknown {
  const { date: _date, "x-request-id": _requestId, ...others } = headers;
  const timing = String(headers["server-timing"]).replace(/dur=[\d.]+/g, "dur=…");
  return { status, headers: { ...others, "server-timing": timing }, text: bytes.toString().replaceAll(id, "…") };
}

function selectionOf({ name, type }: Introspected["__type"]["fields"][number]): string {
  const wanted: Record<string, string> = {
    mailbox: "(role: INBOX)",
    message: '(id: "msg_never")',
    thread: '(id: "thr_never")',
  };
  return `${name}${wanted[name] ?? ""}${isObject(type) ? " { __typename }" : ""}`;
}

function isObject({ kind, ofType }: TypeReference): boolean {
  return kind === "OBJECT" || (ofType !== null && isObject(ofType));
}
