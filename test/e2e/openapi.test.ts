import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { failureTable } from "@postern/protocol";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { type Ask, type Asking, askWith } from "./client.ts";
import { type House, type HouseKind, startHouse } from "./house.ts";
import { startImageSite } from "./image-site.ts";
import { deliver, otherClient, write } from "./mailbox.ts";
import { redoclyFindings, spectralFindings } from "./openapi-lint.ts";

interface Operation {
  operationId: string;
  summary: string;
  description: string;
  parameters?: { name: string; in: string; description?: string; style?: string; explode?: boolean }[];
  responses: Record<string, unknown>;
}
interface OpenApi {
  openapi: string;
  servers: { url: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, unknown>; responses: Record<string, unknown> };
}

interface Problem {
  code: string;
}

for (const kind of ["together", "apart"] as const satisfies HouseKind[]) {
  describe(`the description of the HTTP API, services ${kind}`, () => {
    let house: House;
    let dovecot: DovecotServer;
    let ask: Ask;
    let document: OpenApi;
    let text: string;
    let message: string;
    const endings: (() => Promise<unknown>)[] = [];

    before(async () => {
      dovecot = await startDovecot();
      endings.unshift(dovecot.stop);
      house = await startHouse(kind, { POSTERN_PUBLIC_URL: "https://mail.example.org" });
      endings.unshift(house.stop);
      ask = askWith(house.urls, house.adminToken);
      const other = await otherClient(dovecot, "alice");
      endings.unshift(() => other.logout());
      await deliver(other, { subject: "One" }, { subject: "Two" });
      assert.equal((await ask("/v1/accounts", { body: accountOf("alice") })).status, 201);
      const page = await ask<{ items: { id: string }[] }>("/v1/accounts/alice/messages?mailbox=inbox");
      message = `/v1/accounts/alice/messages/${page.body.items[0]?.id}`;
      const { bytes, headers } = await ask("/openapi.json");
      assert.match(String(headers["content-type"]), /^application\/json/);
      text = bytes.toString();
      document = JSON.parse(text) as OpenApi;
    });

    after(async () => {
      for (const end of endings) await end();
    });

    const accountOf = (id: string) => ({
      id,
      imap: { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user("alice") },
    });

    const operations = (): Operation[] => Object.values(document.paths).flatMap((path) => Object.values(path));

    test("Spectral finds nothing to complain about", async () => {
      // A license has an identifier or a URL, never both; and whose e-mail address it would be, Postern does not know.
      const unanswerable = /^(license-url|contact-properties) /;
      assert.deepEqual(
        (await spectralFindings(text)).filter((finding) => !unanswerable.test(finding)),
        [],
      );
    });

    test("Redocly finds nothing to complain about", async () => assert.deepEqual(await redoclyFindings(text), []));

    test("the document has the address that clients see", () => {
      assert.match(document.openapi, /^3\.1\./);
      assert.deepEqual(
        document.servers.map(({ url }) => url),
        ["https://mail.example.org"],
      );
    });

    test("every operation, parameter and member of a schema is described", () => {
      for (const { operationId, summary, description, parameters = [] } of operations()) {
        assert.ok(summary && description, operationId);
        for (const parameter of parameters) assert.ok(parameter.description, `${operationId}: ${parameter.name}`);
      }
      for (const [at, { properties }] of objectsIn(document.components.schemas, "")) {
        for (const [name, member] of Object.entries((properties ?? {}) as Record<string, Record<string, unknown>>))
          assert.ok(member.description ?? member.$ref, `${at}: ${name}`);
      }
    });

    test("an answer's objects have the members that are described and no others", () => {
      const { schemas, responses } = document.components;
      for (const [at, { type, properties, additionalProperties }] of objectsIn(
        { schemas, responses, ...paths() },
        "",
      )) {
        if (type !== "object" || properties === undefined || at.endsWith("/current")) continue;
        assert.equal(additionalProperties, false, at);
      }
    });

    const paths = () => ({ answers: operations().map(({ responses }) => responses) });

    test("every problem that an operation may answer with is a known failure with its own example", () => {
      const codes = new Set<string>();
      for (const [name, response] of Object.entries(document.components.responses)) {
        const { content } = response as { content: Record<string, { examples: Record<string, { value: Problem }> }> };
        assert.deepEqual(Object.keys(content), ["application/problem+json"], name);
        for (const [code, { value }] of Object.entries(content["application/problem+json"]?.examples ?? {})) {
          assert.equal(value.code, code);
          codes.add(code);
        }
      }
      const unknown = [...codes].filter((code) => !(code in failureTable));
      assert.deepEqual(unknown, []);
      // The first two are of paths and writes that are to come or not to be found; the last nobody is there to hear.
      for (const code of ["method-not-allowed", "state-expired", "cancelled"]) codes.add(code);
      assert.deepEqual([...codes].sort(), Object.keys(failureTable).sort());
    });

    test("header names of a filter are a deep object, fields a list with commas, flags are booleans", () => {
      const list = operations().find(({ operationId }) => operationId === "listMessages");
      const named = (name: string) => list?.parameters?.find((parameter) => parameter.name === name);
      assert.partialDeepStrictEqual(named("header"), { in: "query", style: "deepObject", explode: true });
      assert.partialDeepStrictEqual(named("fields"), { style: "form", explode: false, schema: { type: "array" } });
      assert.partialDeepStrictEqual(named("seen"), { schema: { type: "boolean" } });
      assert.partialDeepStrictEqual(named("limit"), {
        schema: { type: "integer", minimum: 1, maximum: 200, default: 50 },
      });
    });

    test("every operation can be carried out, and answers as it is documented to", async () => {
      const carriedOut = new Set<string>();
      const carryOut = async (operationId: string, status: number, path: string, asking: Asking = {}) => {
        const answer = await ask(path, asking);
        assert.equal(answer.status, status, `${operationId}: ${answer.bytes.toString()}`);
        carriedOut.add(operationId);
        if (status !== 200 || asking.method !== undefined || asking.body !== undefined) return answer;
        await carryOut(`${operationId}Head`, 200, path, { method: "HEAD" });
        return answer;
      };
      /** A stream does not end: its beginning is looked at. */
      const listen = async (operationId: string, path: string): Promise<void> => {
        const leave = new AbortController();
        const headers = { authorization: `Bearer ${house.adminToken}` };
        const answer = await fetch(`${house.urls[0]}${path}`, { headers, signal: leave.signal });
        assert.equal(answer.status, 200);
        assert.match(answer.headers.get("content-type") ?? "", /^text\/event-stream/);
        const { value } = (await answer.body?.getReader().read()) ?? {};
        assert.match(new TextDecoder().decode(value), /^retry: \d+\nid: /);
        carriedOut.add(operationId);
        leave.abort();
      };
      await carryOut("createAccount", 201, "/v1/accounts?verify=true", { body: accountOf("second") });
      await carryOut("updateAccount", 200, "/v1/accounts/second", { method: "PATCH", body: { name: "Second" } });
      await carryOut("getAccount", 200, "/v1/accounts/second");
      await carryOut("listAccounts", 200, "/v1/accounts?limit=1&cursor=alice");
      await carryOut("deleteAccount", 204, "/v1/accounts/second", { method: "DELETE" });
      const made = await carryOut("createToken", 201, "/v1/tokens", { body: { scopes: ["read"], expiresIn: 60 } });
      await carryOut("listTokens", 200, "/v1/tokens?limit=1");
      await carryOut("createTicket", 201, "/v1/tickets", { body: { expiresIn: 1 } });
      await carryOut("deleteToken", 204, `/v1/tokens/${String(made.body.id)}`, { method: "DELETE" });
      await carryOut("listMailboxes", 200, "/v1/accounts/alice/mailboxes");
      await carryOut("getMailbox", 200, "/v1/accounts/alice/mailboxes/inbox");
      const mailboxes = "/v1/accounts/alice/mailboxes";
      const paper = await carryOut("createMailbox", 201, mailboxes, { body: { name: "Paper & more" } });
      const there = `${mailboxes}/${String(paper.body.id)}`;
      await carryOut("updateMailbox", 200, there, { method: "PATCH", body: { name: "Papers", subscribed: false } });
      await carryOut("deleteMailbox", 204, `${there}?onlyEmpty=true`, { method: "DELETE" });
      await carryOut("getQuota", 200, "/v1/accounts/alice/quota");
      await carryOut(
        "listMessages",
        200,
        "/v1/accounts/alice/messages?limit=1&header[Subject]=o&seen=false&fields=text",
      );
      await carryOut("searchMessages", 200, "/v1/accounts/alice/messages/search", {
        body: { filter: { subject: "One" } },
      });
      const ids = [message.split("/").at(-1), "msg_never"];
      await carryOut("getMessages", 200, "/v1/accounts/alice/messages/get", { body: { ids } });
      await carryOut("appendMessage", 201, "/v1/accounts/alice/messages?mailbox=inbox&flags=%5CSeen", {
        body: write({ subject: "Stored" }),
        headers: { "content-type": "message/rfc822" },
      });
      const { body: uploaded } = await carryOut("createUpload", 201, "/v1/accounts/alice/uploads?filename=menu.txt", {
        body: "The menu",
        headers: { "content-type": "text/plain" },
      });
      await carryOut("importMessages", 200, "/v1/accounts/alice/messages/import", {
        body: { items: [{ upload: uploaded.id, mailbox: "archive" }, { upload: "upl_never" }] },
      });
      const draft = await carryOut("appendMessage", 201, "/v1/accounts/alice/messages?mailbox=inbox", {
        body: { subject: "A draft", text: "Begun" },
      });
      await carryOut("replaceMessage", 200, `/v1/accounts/alice/messages/${String(draft.body.id)}`, {
        method: "PUT",
        body: { subject: "A draft", text: "Done" },
      });
      await carryOut("getChanges", 200, "/v1/accounts/alice/changes");
      await listen("streamEvents", "/v1/accounts/alice/events");
      await listen("streamAllEvents", "/v1/events?accounts=alice");
      await carryOut("getMessage", 200, message);
      const { threadId } = (await ask(message)).body;
      await carryOut("getThread", 200, `/v1/accounts/alice/threads/${String(threadId)}?limit=1&fields=subject`);
      await carryOut("readRaw", 200, `${message}/raw`);
      await carryOut("readPart", 200, `${message}/parts/1`);
      const site = await startImageSite();
      const letter = `Subject: Look\r\nContent-Type: text/html\r\n\r\n<img src="${site.origin}/a.gif">\r\n`;
      const look = await ask("/v1/accounts/alice/messages?mailbox=inbox", {
        body: letter,
        headers: { "content-type": "message/rfc822" },
      });
      const { html } = (await ask(`/v1/accounts/alice/messages/${String(look.body.id)}?remoteImages=proxy`)).body;
      const image = /src="[^"]*(\/v1\/[^"]*)"/.exec(String(html))?.[1]?.replaceAll("&amp;", "&") ?? "";
      await carryOut("readRemoteImage", 200, image);
      site.stop();
      await carryOut("updateMessage", 200, message, { method: "PATCH", body: { flags: { add: ["\\Flagged"] } } });
      const copy = await carryOut("copyMessage", 201, `${message}/copy`, { body: { mailbox: "inbox" } });
      await carryOut("batchMessages", 200, "/v1/accounts/alice/messages/batch", {
        body: { ids, action: { flags: { set: [] } } },
      });
      await carryOut("deleteMessage", 204, String(copy.headers.location).replace(/^.*(?=\/v1\/)/, ""), {
        method: "DELETE",
      });
      await carryOut("emptyMailbox", 200, "/v1/accounts/alice/mailboxes/trash/empty", { method: "POST" });
      const many = Array.from({ length: 1_001 }, (_, at) => `msg_never${at}`);
      const taken = await ask<{ job: { id: string } }>("/v1/accounts/alice/messages/batch", {
        body: { ids: many, action: { delete: {} } },
      });
      const webhooks = async (base: string, ofAll: string, which: object): Promise<void> => {
        const called = (name: string): string => `${name}${ofAll}`;
        const hook = { url: "https://hooks.example.org/in", types: ["mailbox.created"] };
        const { body } = await carryOut(called("createWebhook"), 201, base, { body: hook });
        const it = `${base}/${String(body.id)}`;
        await carryOut(called("listWebhooks"), 200, base);
        await carryOut(called("getWebhook"), 200, it);
        await carryOut(called("updateWebhook"), 200, it, { method: "PATCH", body: { name: "Hook" } });
        await carryOut(called("rotateWebhookSecret"), 200, `${it}/secret`, { body: { graceSeconds: 60 } });
        await carryOut(called("testWebhook"), 200, `${it}/test`, { method: "POST" });
        const since = (await ask<{ newState: string }>("/v1/accounts/alice/changes")).body.newState;
        await carryOut(called("replayWebhook"), 204, `${it}/replay`, { body: { since, ...which } });
        await ask(mailboxes, { body: { name: `For a webhook ${ofAll}` } });
        await ask("/v1/accounts/alice/changes");
        const query = ofAll === "" ? "" : "?account=alice";
        const deliveries = `${it}/deliveries`;
        for (;;) {
          const { items } = (await ask<{ items: { id: string }[] }>(deliveries + query)).body;
          if (!items[0]) continue;
          await carryOut(called("listDeliveries"), 200, deliveries + query);
          await carryOut(called("redeliver"), 200, `${deliveries}/${items[0].id}/redeliver`, { method: "POST" });
          break;
        }
        await carryOut(called("deleteWebhook"), 204, it, { method: "DELETE" });
      };
      await webhooks("/v1/accounts/alice/webhooks", "", {});
      await webhooks("/v1/webhooks", "OfAll", { account: "alice" });
      await carryOut("getJob", 200, `/v1/jobs/${taken.body.job.id}`);
      await carryOut("cancelJob", 200, `/v1/jobs/${taken.body.job.id}`, { method: "DELETE" });
      assert.deepEqual(
        [...carriedOut].sort(),
        operations()
          .map(({ operationId }) => operationId)
          .sort(),
      );
    });

    test("QUERY answers as the search does", async () => {
      const answer = await ask("/v1/accounts/alice/messages", {
        method: "QUERY",
        body: { filter: { subject: "One" } },
      });
      assert.equal(answer.status, 200);
      assert.equal(answer.body.total, 1);
    });

    for (const [what, path] of [
      ["a list", () => "/v1/accounts/alice/messages?mailbox=inbox"],
      ["a message", () => message],
      ["a message's octets", () => `${message}/raw`],
      ["a part", () => `${message}/parts/1`],
    ] as const) {
      for (const method of ["GET", "HEAD"]) {
        test(`${what} that the client holds already is answered to ${method} by 304 and the same ETag`, async () => {
          const held = await ask(path());
          const etag = String(held.headers.etag);
          const again = await ask(path(), { method, headers: { "if-none-match": `"other", ${etag}` } });
          assert.equal(again.status, 304);
          assert.equal(again.headers.etag, etag);
          assert.equal(again.headers["cache-control"], held.headers["cache-control"]);
        });
      }
    }

    test("a range is for GET alone, and one beyond the end is answered by the size", async () => {
      const whole = await ask(`${message}/raw`);
      const headers = { range: "bytes=0-9" };
      const range = await ask(`${message}/raw`, { headers });
      assert.equal(range.status, 206);
      assert.equal(range.headers["content-range"], `bytes 0-9/${whole.bytes.length}`);
      assert.deepEqual(range.bytes, whole.bytes.subarray(0, 10));
      const head = await ask(`${message}/raw`, { method: "HEAD", headers });
      assert.equal(head.status, 200);
      assert.equal(head.headers["content-length"], String(whole.bytes.length));
      const beyond = await ask(`${message}/raw`, { headers: { range: "bytes=99999999-" } });
      assert.equal(beyond.status, 416);
      assert.equal(beyond.headers["content-range"], `bytes */${whole.bytes.length}`);
    });

    test("a range of what the client holds another version of is answered by all of it", async () => {
      const whole = await ask(`${message}/raw`);
      const part = (ifRange: string) => ask(`${message}/raw`, { headers: { range: "bytes=0-9", "if-range": ifRange } });
      assert.equal((await part(String(whole.headers.etag))).status, 206);
      assert.equal((await part(String(whole.headers["last-modified"]))).status, 206);
      for (const other of ['"other"', `W/${whole.headers.etag}`, "Thu, 01 Jan 1970 00:00:00 GMT"]) {
        const answer = await part(other);
        assert.equal(answer.status, 200, other);
        assert.deepEqual(answer.bytes, whole.bytes);
      }
    });
  });
}

/** Every object within, and where it is. */
function* objectsIn(value: unknown, at: string): Generator<[at: string, object: Record<string, unknown>]> {
  if (typeof value !== "object" || value === null) return;
  if (!Array.isArray(value)) yield [at, value as Record<string, unknown>];
  for (const [key, each] of Object.entries(value)) if (!/^examples?$/.test(key)) yield* objectsIn(each, `${at}/${key}`);
}
