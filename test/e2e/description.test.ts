import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { askWith } from "./client.ts";
import { Description, type Exchange } from "./description.ts";

const field = (pattern: string) => ({ schema: { type: "string", pattern } });
const letter = {
  type: "object",
  properties: { id: { type: "string" }, at: { type: "string", format: "date-time" } },
  required: ["id"],
  additionalProperties: false,
};
const problem = { type: "object", properties: { code: { const: "not-found" } }, additionalProperties: false };
const get = {
  parameters: [
    { name: "limit", in: "query" },
    { name: "header", in: "query" },
  ],
  responses: {
    200: {
      headers: { ETag: { $ref: "#/components/headers/ETag" }, Link: field("^<") },
      content: { "application/json": { schema: { $ref: "#/components/schemas/Letter" } } },
    },
    304: {},
    404: { $ref: "#/components/responses/NotFound" },
  },
};
const raw = { responses: { 200: { content: { "*/*": { schema: { type: "string" } } } } } };
const post = { responses: { 200: { content: { "application/json": { schema: { const: "found" } } } } } };
const document = JSON.stringify({
  openapi: "3.1.0",
  paths: {
    "/v1/letters/{letter}": { get, head: get },
    "/v1/letters/search": { post },
    "/v1/letters/{letter}/raw": { get: raw },
  },
  components: {
    headers: { ETag: { required: true, ...field('^"') } },
    responses: { NotFound: { content: { "application/problem+json": { schema: problem } } } },
    schemas: { Letter: letter, Problem: problem },
  },
});
const description = new Description(document);

const json = { "content-type": "application/json; charset=utf-8" };
const answer = (changes: Partial<Exchange> & { body?: unknown }): Exchange => {
  const { body = { id: "1" }, ...rest } = changes;
  const bytes = Buffer.from(body === null ? "" : JSON.stringify(body));
  return { method: "GET", path: "/v1/letters/1", status: 200, headers: { ...json, etag: '"1"' }, bytes, ...rest };
};

const right: [what: string, exchange: Exchange][] = [
  ["a documented answer", answer({ body: { id: "1", at: "2026-01-02T03:04:05Z" } })],
  ["an answer with fields of the connection", answer({ headers: { ...json, etag: '"1"', date: "x", vary: "y" } })],
  ["an answer without content", answer({ status: 304, headers: {}, body: null })],
  ["an answer to HEAD", answer({ method: "HEAD", body: null })],
  ["an answer to documented parameters", answer({ path: "/v1/letters/1?limit=3&header[List-Id]=x" })],
  ["octets of any type", answer({ path: "/v1/letters/1/raw", headers: { "content-type": "image/png" } })],
  ["a documented problem", problemAnswer("not-found")],
  ["an answer to QUERY", answer({ method: "QUERY", path: "/v1/letters", headers: json, body: "found" })],
  ["a path that is not there", { ...problemAnswer("not-found"), path: "/v1/nothing" }],
];

for (const [what, exchange] of right) {
  test(`${what} is as described`, () => assert.deepEqual(description.violations(exchange), []));
}

const wrong: [what: string, exchange: Exchange, violation: RegExp][] = [
  ["an unknown status", answer({ status: 202 }), /status 202 is not documented/],
  ["an unknown member", answer({ body: { id: "1", extra: 1 } }), /must NOT have additional properties .*extra/],
  ["a missing member", answer({ body: {} }), /must have required property 'id'/],
  ["a member of another type", answer({ body: { id: 1 } }), /\/id must be string/],
  ["a member in another format", answer({ body: { id: "1", at: "yesterday" } }), /\/at must match format "date-time"/],
  ["an unknown field", answer({ headers: { ...json, etag: '"1"', "x-new": "1" } }), /field x-new is not documented/],
  ["a missing field", answer({ headers: json }), /field ETag is missing/],
  ["a field in another form", answer({ headers: { ...json, etag: "1" } }), /field ETag itself must match pattern/],
  [
    "an unknown media type",
    answer({ headers: { "content-type": "text/plain", etag: '"1"' } }),
    /type text\/plain is not/,
  ],
  ["content where none may be", answer({ status: 304, headers: {} }), /content where none is documented/],
  ["content for HEAD", answer({ method: "HEAD" }), /content where none is documented/],
  ["an unknown parameter", answer({ path: "/v1/letters/1?colour=red" }), /parameter colour is not documented/],
  ["an unknown method", answer({ method: "DELETE" }), /DELETE is not documented/],
  ["an unknown path", answer({ path: "/v1/secret" }), /GET is not documented/],
  ["an unknown code", problemAnswer("other"), /\/code must be equal to constant/],
];

for (const [what, exchange, violation] of wrong) {
  test(`${what} is not as described`, () => assert.match(description.violations(exchange).join("\n"), violation));
}

function problemAnswer(code: string): Exchange {
  return answer({ status: 404, headers: { "content-type": "application/problem+json" }, body: { code } });
}

test("the tests' client takes no answer that is not as described where it was given", async () => {
  const server = createServer(({ url }, response) => {
    const isDocument = url === "/openapi.json";
    response.setHeader("content-type", "application/json");
    response.setHeader("etag", '"1"');
    response.end(isDocument ? document : JSON.stringify(url === "/v1/letters/1" ? { id: "1" } : { id: "2", extra: 1 }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const ask = askWith([`http://127.0.0.1:${(server.address() as AddressInfo).port}`], null);
    assert.equal((await ask("/v1/letters/1")).status, 200);
    await assert.rejects(ask("/v1/letters/2"), /is not as documented[\s\S]*extra/);
    await assert.rejects(ask("/v1/letters/search"), /is not as documented/);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
