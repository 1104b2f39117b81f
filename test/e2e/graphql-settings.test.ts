import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { temporaryFolder } from "../servers/process.ts";
import { type Answer, type Ask, askWith } from "./client.ts";
import { codesOf, dataOf, type GraphqlAnswer } from "./graphql-client.ts";
import { type House, startHouse } from "./house.ts";

type Answered = Answer<GraphqlAnswer<unknown>>;

const NEW_TYPE = "application/graphql-response+json";

describe("GraphQL as an operator narrows it", () => {
  let house: House;
  let ask: Ask;
  const known = "query Greeting { __typename }";

  before(async () => {
    const file = join(temporaryFolder("postern-documents-"), "documents.json");
    const schema = "{ __schema { queryType { name } } }";
    writeFileSync(file, JSON.stringify({ greeting: known, "sha256:c0ffee": "{ accounts { nodes { id } } }", schema }));
    house = await startHouse("together", {
      POSTERN_GRAPHIQL: "false",
      POSTERN_GRAPHQL_INTROSPECTION: "false",
      POSTERN_GRAPHQL_DOCUMENTS: file,
    });
    ask = askWith(house.urls, house.adminToken);
  });

  after(() => house.stop());

  const send = (body: unknown): Promise<Answered> =>
    ask<Answered["body"]>("/graphql", { body, headers: { accept: NEW_TYPE } });

  test("GraphiQL is not there", async () => {
    assert.equal((await ask("/graphiql")).status, 404);
  });

  test("introspection is refused, of what may run as well, and the name of a type is told", async () => {
    const { status, body } = await send({ documentId: "schema" });
    assert.equal(status, 400);
    assert.deepEqual([...new Set(codesOf(body))], ["invalid-request"]);
    assert.deepEqual((await send({ documentId: "greeting" })).body.data, { __typename: "Query" });
  });

  test("a trusted document runs by its id or by its text, by POST and by GET", async () => {
    for (const body of [{ documentId: "c0ffee" }, { documentId: "sha256:c0ffee" }])
      assert.deepEqual((await send(body)).body.data, { accounts: { nodes: [] } });
    assert.deepEqual((await send({ query: known })).body.data, { __typename: "Query" });
    assert.deepEqual((await ask("/graphql?documentId=greeting")).body.data, { __typename: "Query" });
  });

  test("any other document is refused, and so is an unknown id", async () => {
    for (const body of [
      { query: "{ __typename }" },
      { documentId: "unknown" },
      { documentId: "unknown", query: "{ a }" },
    ]) {
      const { status, body: answer } = await send(body);
      assert.equal(status, 400);
      assert.deepEqual(codesOf(answer), ["invalid-request"]);
      assert.match(answer.errors?.[0]?.message ?? "", /trusted/);
    }
  });

  test("a file that is none stops the service at its start, with the setting's name", async () => {
    const file = join(temporaryFolder("postern-documents-"), "documents.json");
    writeFileSync(file, "[]");
    await assert.rejects(startHouse("together", { POSTERN_GRAPHQL_DOCUMENTS: file }), /POSTERN_GRAPHQL_DOCUMENTS/);
  });
});

describe("GraphQL as it comes", () => {
  let house: House;
  before(async () => {
    house = await startHouse("together");
  });
  after(() => house.stop());

  test("GraphiQL is a page with everything in it, and the schema can be asked for", async () => {
    const ask = askWith(house.urls, house.adminToken);
    const page = await askWith(house.urls, null)("/graphiql");
    assert.equal(page.status, 200);
    assert.match(String(page.headers["content-type"]), /^text\/html/);
    assert.doesNotMatch(page.bytes.toString(), /<(script|link)[^>]+(src|href)="https?:/);
    const data = await dataOf<{ __schema: { types: unknown[] } }>(ask, "{ __schema { types { name } } }");
    assert.ok(data.__schema.types.length > 30);
    assert.equal((await askWith(house.urls, null)("/graphql?query={__schema{types{name}}}")).status, 401);
  });
});
