import assert from "node:assert/strict";
import { test } from "node:test";
import { isFailure } from "@postern/protocol";
import fastify from "fastify";
import * as z from "zod";
import { filterIn, listQuery } from "./message-queries.ts";
import { useZod } from "./schema.ts";

/** What a route with the query of a list, and a body, makes of a request: what it read, or what it says is wrong. */
async function read(query: string, body: unknown = { imap: { port: 143 } }): Promise<unknown> {
  const app = fastify();
  useZod(app);
  app.setErrorHandler((error, _, reply) => {
    assert.ok(isFailure(error, "invalid-request"));
    return reply.code(400).send({ detail: error.detail, errors: error.errors });
  });
  const imap = z.strictObject({ port: z.int() });
  app.post("/", { schema: { querystring: listQuery, body: z.strictObject({ imap }) } }, (request, reply) =>
    reply.send({ filter: filterIn(request.query as z.infer<typeof listQuery>) ?? null }),
  );
  const answer = await app.inject({ method: "POST", url: `/?${query}`, payload: body as object });
  return answer.json();
}

const pathsOf = (answer: unknown): string[] =>
  (answer as { errors: { path: string }[] }).errors.map(({ path }) => path);

test("a list without filter keys has no filter", async () => {
  assert.deepEqual(await read("limit=3&sort=-size&fields=subject&mailbox=inbox"), { filter: null });
});

test("filter keys of a query have the values they mean", async () => {
  assert.deepEqual(await read("seen=true&flagged=false&larger=10&since=2026-01-02&subject=a%20b&hasAttachment=true"), {
    filter: { seen: true, flagged: false, larger: 10, since: "2026-01-02", subject: "a b", hasAttachment: true },
  });
});

test("headers are asked for by their names in brackets, an empty value included", async () => {
  assert.deepEqual(await read("header[List-Id]=news&header%5BX-Spam%5D="), {
    filter: { header: { "List-Id": "news", "X-Spam": "" } },
  });
});

test("a name that objects have by nature is no way around a check", async () => {
  assert.deepEqual(pathsOf(await read("__proto__=1&constructor=2")).sort(), ["__proto__", "constructor"]);
  assert.deepEqual(pathsOf(await read("header[__proto__]=x&header[A]=1")), ["header[__proto__]"]);
});

test("everything that is wrong with a query is told at once, each with its name", async () => {
  const wrong = "limit=0&colour=red&seen=maybe&fields=subject,nonsense&header[bad%20name]=x&since=yesterday&limit2=1";
  assert.deepEqual(
    new Set(pathsOf(await read(wrong))),
    new Set(["limit", "colour", "seen", "fields", "header.bad name", "since", "limit2"]),
  );
});

test("a key that is given twice is malformed where one value is meant", async () => {
  assert.deepEqual(pathsOf(await read("subject=a&subject=b")), ["subject"]);
  assert.deepEqual(pathsOf(await read("header[A]=1&header[A]=2")), ["header.A"]);
});

test("what is wrong with a body is told by its place, and never repeats a value", async () => {
  const answer = await read("", { imap: { port: "hunter2", secret: "hunter2" }, more: 1 });
  assert.deepEqual(pathsOf(answer).sort(), ["imap.port", "imap.secret", "more"]);
  assert.doesNotMatch(JSON.stringify(answer), /hunter2/);
  assert.match(JSON.stringify(answer), /body is not as it should be/);
});
