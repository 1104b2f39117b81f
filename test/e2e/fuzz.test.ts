import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import fc, { type Arbitrary } from "fast-check";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { Arbitraries, nonsenseText, type Schema } from "./arbitrary.ts";
import { type Ask, askWith } from "./client.ts";
import { type House, startHouse } from "./house.ts";
import { deliver, otherClient } from "./mailbox.ts";

interface Parameter {
  name: string;
  in: string;
  schema?: Schema;
}
interface Operation {
  operationId: string;
  parameters?: Parameter[];
  requestBody?: { content: Record<string, { schema: Schema }> };
}
interface OpenApi {
  paths: Record<string, Record<string, Operation>>;
}
interface Route extends Operation {
  method: string;
  template: string;
}
interface Request {
  path: string;
  body: unknown;
  headers: Record<string, string>;
}

/** The same requests each time; others by the environment, and as many as one likes. */
const SEED = Number(process.env.FUZZ_SEED ?? 26);
const RUNS = Number(process.env.FUZZ_RUNS ?? 25);

/** Change nothing, whatever their method. */
const safePosts = new Set(["searchMessages", "getMessages"]);
/** Would end what the others are tried on. */
const ending = new Set(["deleteAccount"]);
/** What a mail server may be the cause of. */
const upstream = /^(upstream-[a-z-]+|unavailable|over-quota)$/;

describe("whatever is sent", () => {
  let house: House;
  let dovecot: DovecotServer;
  let admin: Ask;
  let routes: Route[];
  let arbitraries: Arbitraries;
  /** Text by the name of the parameter or member that it belongs to. */
  let known: Record<string, string[]>;
  const endings: (() => Promise<unknown>)[] = [];

  before(async () => {
    dovecot = await startDovecot();
    endings.unshift(dovecot.stop);
    house = await startHouse("together");
    endings.unshift(house.stop);
    admin = askWith(house.urls, house.adminToken);
    for (const id of ["ada", "bob"]) await register(id);
    known = await readIds();
    const { body } = await admin<OpenApi>("/openapi.json");
    arbitraries = new Arbitraries(body, (name) => (known[name] ? fc.constantFrom(...known[name]) : null));
    const all = Object.entries(body.paths).flatMap(([template, operations]) =>
      Object.entries(operations).map(([method, operation]) => ({
        ...operation,
        template,
        method: method.toUpperCase(),
      })),
    );
    // A stream of events does not end by itself.
    routes = all.filter(({ template }) => !template.endsWith("/events"));
  });

  after(async () => {
    for (const end of endings) await end();
  });

  const register = async (id: string): Promise<void> => {
    const other = await otherClient(dovecot, id);
    for (const subject of ["One", "Zwei: Grüße", "三"]) await deliver(other, { subject });
    await other.logout();
    const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user(id) };
    assert.equal((await admin("/v1/accounts?verify=true", { body: { id, imap } })).status, 201);
  };

  const readIds = async (): Promise<Record<string, string[]>> => {
    const of = async (id: string): Promise<{ id: string; mailboxId: string }[]> =>
      (await admin<{ items: { id: string; mailboxId: string }[] }>(`/v1/accounts/${id}/messages?mailbox=inbox`)).body
        .items;
    const [own, foreign] = [await of("ada"), await of("bob")];
    const messages = [...own, ...foreign].map(({ id }) => id);
    const mailboxes = ["inbox", "trash", "archive", own[0]?.mailboxId ?? "", foreign[0]?.mailboxId ?? ""];
    return {
      account: ["ada", "ada", "ada", "absent"],
      message: [...messages, "msg_never"],
      ids: [...messages, "msg_never"],
      mailbox: mailboxes,
      part: ["1", "1.1", "TEXT", "2"],
      fields: ["subject", "subject,from,text", "id,flags,attachments", "snippet"],
      sort: ["-receivedAt", "subject", "from"],
      host: [dovecot.host, "169.254.169.254", "10.0.0.1"],
      threadId: ["thr_never"],
    };
  };

  /** A request of the kind that the route takes, and now and then none. */
  const requests = ({ template, parameters = [], requestBody }: Route): Arbitrary<Request> => {
    const text = (name: string, schema: Schema): Arbitrary<string> =>
      arbitraries.of(schema, name).map((value) => (typeof value === "string" ? value : JSON.stringify(value)));
    const inPath = parameters.filter((each) => each.in === "path");
    const inQuery = parameters.filter((each) => each.in === "query");
    const path = fc.record(Object.fromEntries(inPath.map(({ name, schema = {} }) => [name, text(name, schema)])));
    const query = fc.record(
      Object.fromEntries(inQuery.map(({ name, schema = {} }) => [name, fc.oneof(text(name, schema), nonsenseText)])),
      { requiredKeys: [] },
    );
    const content = contents(requestBody?.content ?? {});
    return fc.record({ path, query, content, sparse: fc.integer({ min: 0, max: 3 }) }).map((made) => {
      const filled = template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(made.path[name] ?? "x"));
      // Most requests have few parameters: with all of them at once nearly none would be taken.
      const pairs = Object.entries<string | undefined>(made.query).slice(0, made.sparse);
      const search = pairs.map(([name, value]) => `${name}=${encodeURIComponent(value ?? "")}`).join("&");
      return { path: search === "" ? filled : `${filled}?${search}`, ...made.content };
    });
  };

  /** What may be sent of one of the media types, or nothing. */
  const contents = (types: Record<string, { schema: Schema }>): Arbitrary<Omit<Request, "path">> => {
    const nothing = fc.constant({ body: undefined, headers: {} });
    const some = Object.entries(types).map(([type, { schema }]) => {
      const isJson = type === "application/json";
      const headers = { "content-type": type.replace("*/*", "image/png") };
      const body = isJson ? arbitraries.of(schema, "body").map((value) => JSON.stringify(value)) : nonsenseText;
      return body.map((text): Omit<Request, "path"> => ({ body: text, headers }));
    });
    return fc.oneof({ weight: 1, arbitrary: nothing }, ...some.map((arbitrary) => ({ weight: 8, arbitrary })));
  };

  const holdsFor = async (route: Route): Promise<Set<number>> => {
    const statuses = new Set<number>();
    const property = fc.asyncProperty(requests(route), async ({ path, body, headers }) => {
      // The answer is held against the description by who asks.
      const answer = await admin<{ code?: string }>(path, {
        method: route.method,
        headers,
        ...(body !== undefined && { body }),
      });
      statuses.add(answer.status);
      if (answer.status < 500 || route.method === "HEAD") return;
      assert.match(answer.body.code ?? "", upstream, `${route.method} ${path} → ${answer.status}`);
    });
    await fc.assert(property, { seed: SEED, numRuns: RUNS, endOnFailure: true });
    return statuses;
  };

  const isSafe = ({ method, operationId }: Route): boolean =>
    method === "GET" || method === "HEAD" || safePosts.has(operationId);

  const inTheMailbox = async (): Promise<unknown> => {
    const other = await otherClient(dovecot, "ada");
    await other.mailboxOpen("INBOX", { readOnly: true });
    const found = await other.fetchAll("1:*", { uid: true, flags: true });
    await other.logout();
    return found.map(({ uid, flags }) => [uid, [...(flags ?? [])].sort()]);
  };

  test("reading is answered as documented, never by an error of our own, and changes no flag", async () => {
    const before = await inTheMailbox();
    const safe = routes.filter((route) => isSafe(route) && route.template.startsWith("/v1"));
    assert.ok(safe.length >= 10);
    const answered = new Set<number>();
    for (const route of safe) for (const status of await holdsFor(route)) answered.add(status);
    for (const status of [200, 400, 404]) assert.ok(answered.has(status), `some are answered by ${status}`);
    assert.deepEqual(await inTheMailbox(), before);
  });

  test("changing is answered as documented, never by an error of our own", async () => {
    const changing = routes.filter((route) => !isSafe(route) && !ending.has(route.operationId));
    for (const route of changing.filter(({ template }) => template.startsWith("/v1"))) await holdsFor(route);
  });
});
