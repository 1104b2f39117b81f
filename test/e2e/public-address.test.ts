import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { type Answer, type Ask, type Asking, askWith } from "./client.ts";
import { type House, startHouse } from "./house.ts";
import { deliver, otherClient } from "./mailbox.ts";

let dovecot: DovecotServer;
const endings: (() => Promise<unknown>)[] = [];

before(async () => {
  dovecot = await startDovecot();
  endings.unshift(dovecot.stop);
  const other = await otherClient(dovecot, "alice");
  await deliver(other, { subject: "One" }, { subject: "Two" });
  await other.logout();
});

after(async () => {
  for (const end of endings) await end();
});

interface Message {
  subject: string;
  rawUrl: string;
  parts: { url: string }[];
}

async function open(env: Record<string, string>): Promise<{ house: House; ask: Ask; made: Answer }> {
  const house = await startHouse("together", env);
  endings.unshift(house.stop);
  const ask = askWith(house.urls, house.adminToken);
  const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user("alice") };
  const made = await ask("/v1/accounts", { body: { id: "alice", imap } });
  assert.equal(made.status, 201);
  return { house, ask, made };
}

describe("behind a proxy that takes a path away", () => {
  const PAGE = "https://mail.example.com/postern";
  let house: House;
  let made: Answer;
  /** As the proxy asks for what a client resolved, against the address of what it had asked for. */
  let follow: (reference: string, from: string, asking?: Asking) => Promise<Answer>;
  let graphql: (query: string) => Promise<Answer>;

  before(async () => {
    const opened = await open({ POSTERN_PUBLIC_URL: `${PAGE}/` });
    ({ house, made } = opened);
    follow = (reference, from, asking) => {
      const { href } = new URL(reference, PAGE + from);
      assert.ok(href.startsWith(`${PAGE}/`), `${href} is not behind ${PAGE}`);
      return opened.ask(href.slice(PAGE.length), asking);
    };
    graphql = (query) => opened.ask("/graphql", { body: { query } });
  });

  test("Location leads to the account that was made", async () => {
    const { body } = await follow(String(made.headers.location), "/v1/accounts");
    assert.equal(body.id, "alice");
  });

  test("Link leads to the next page", async () => {
    const path = "/v1/accounts/alice/messages?mailbox=inbox&limit=1&fields=subject";
    const page = await follow(`/postern${path}`, path);
    const link = /^<(https:.*?)>; rel="next"$/.exec(String(page.headers.link))?.[1] ?? "";
    assert.partialDeepStrictEqual((await follow(link, path)).body, { items: [{ subject: "One" }] });
  });

  test("a message's rawUrl and its parts' urls lead to their octets", async () => {
    const { body } = await graphql(
      '{ account(id: "alice") { messages(first: 1) { nodes { subject rawUrl parts { url } } } } }',
    );
    const { data } = body as { data: { account: { messages: { nodes: Message[] } } } };
    const [message] = data.account.messages.nodes;
    const raw = await follow(message?.rawUrl ?? "", "/graphql");
    assert.ok(raw.bytes.includes(`Subject: ${message?.subject}\r\n`));
    const part = await follow(message?.parts[0]?.url ?? "", "/graphql");
    assert.equal(part.status, 200);
    assert.ok(raw.bytes.includes(part.bytes));
  });

  test("GraphiQL asks where GraphQL is", async () => {
    const page = (await follow("/postern/graphiql", "/")).bytes.toString();
    const endpoint = /"endpoint":"([^"]*)"/.exec(page)?.[1] ?? "";
    const answer = await follow(endpoint, "/graphiql", { body: { query: "{ __typename }" } });
    assert.deepEqual(answer.body, { data: { __typename: "Query" } });
  });

  test("the reference, asked for without its slash, finds its script and the document", async () => {
    const moved = await follow("/postern/docs", "/");
    assert.equal(moved.status, 301);
    const page = (await follow(String(moved.headers.location), "/docs")).bytes.toString();
    const script = /<script[^>]* src="([^"]*)"/.exec(page)?.[1] ?? "";
    assert.match(String((await follow(script, "/docs/")).headers["content-type"]), /javascript/);
    const url = /"url":\s*"([^"]*)"/.exec(page)?.[1] ?? "";
    const document = await follow(url, "/docs/");
    assert.equal(document.body.openapi, "3.1.0");
    assert.deepEqual(document.body.servers, [{ url: PAGE }]);
  });

  test("the address that was configured wins over what a client says was forwarded", async () => {
    const headers = { "x-forwarded-host": "evil.example", "x-forwarded-proto": "http" };
    const { headers: answered } = await askWith(house.urls, house.adminToken)(
      "/v1/accounts/alice/messages?mailbox=inbox&limit=1",
      { headers },
    );
    assert.match(String(answered.link), /^<https:\/\/mail\.example\.com\/postern\/v1\//);
  });
});

describe("without a public address, a trusted proxy, or an origin left out", () => {
  let house: House;
  let ask: Ask;

  before(async () => ({ house, ask } = await open({ POSTERN_CORS_ORIGINS: "*" })));

  test("X-Forwarded-Host and -Proto of whoever asks are not believed", async () => {
    const headers = { "x-forwarded-host": "evil.example", "x-forwarded-proto": "https" };
    const page = await ask("/v1/accounts/alice/messages?mailbox=inbox&limit=1", { headers });
    assert.ok(String(page.headers.link).startsWith(`<${house.urls[0]}/v1/`), String(page.headers.link));
  });

  test("browsers of any origin may ask, with a token, and read what answers say", async () => {
    const origin = "https://anything.example.net";
    const asked = await askWith(house.urls, null)("/v1/accounts", {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "DELETE",
        "access-control-request-headers": "authorization",
      },
    });
    assert.equal(asked.status, 204);
    assert.equal(asked.headers["access-control-allow-origin"], "*");
    assert.match(String(asked.headers["access-control-allow-methods"]), /DELETE/);
    assert.match(String(asked.headers["access-control-allow-headers"]), /authorization/);
    const read = await ask("/v1/accounts/alice/messages?mailbox=inbox", { headers: { origin } });
    assert.equal(read.headers["access-control-allow-origin"], "*");
    assert.match(String(read.headers["access-control-expose-headers"]), /etag/);
    assert.equal(read.headers["access-control-allow-credentials"], undefined);
  });
});
