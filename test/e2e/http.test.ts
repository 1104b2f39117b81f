import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import type { ImapFlow } from "imapflow";
import { Agent, request } from "undici";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { startScriptedImap } from "../servers/scripted.ts";
import { type Answer, type Ask, askWith } from "./client.ts";
import { type House, type HouseKind, startHouse } from "./house.ts";
import { deliver, otherClient, write } from "./mailbox.ts";

interface Problem {
  type: string;
  title: string;
  status: number;
  instance: string;
  code: string;
  retryable: boolean;
  detail?: string;
  upstream?: { status: string; code: string | null; text: string };
}

const ORIGIN = "https://app.example.com";
const CANARY = "canary-f1c7-do-not-tell";
const TRACE = "0af7651916cd43dd8448eb211c80319c";

for (const kind of ["together", "apart"] as const satisfies HouseKind[]) {
  describe(`HTTP, services ${kind}`, () => {
    let house: House;
    let dovecot: DovecotServer;
    let other: ImapFlow;
    let ask: Ask;
    const endings: (() => Promise<unknown>)[] = [];

    before(async () => {
      dovecot = await startDovecot();
      endings.unshift(dovecot.stop);
      house = await startHouse(kind, {
        POSTERN_CORS_ORIGINS: ORIGIN,
        POSTERN_TRUSTED_PROXIES: "127.0.0.1",
      });
      endings.unshift(house.stop);
      ask = askWith(house.urls, house.adminToken);
      other = await otherClient(dovecot, "alice");
      endings.unshift(() => other.logout());
      await deliver(other, ...Array.from({ length: 3 }, (_, index) => ({ subject: `Letter ${index + 1}` })));
      const created = await register("alice", dovecot);
      assert.equal(created.status, 201, JSON.stringify(created.body));
    });

    after(async () => {
      for (const end of endings) await end();
    });

    function register(id: string, server: { host: string; port: number }, password = "correct-horse", verify = true) {
      const imap = { host: server.host, port: server.port, security: "none", user: id, password };
      return ask(`/v1/accounts${verify ? "?verify=true" : ""}`, { body: { id, imap } });
    }

    const logLines = (): Record<string, unknown>[] =>
      house.services
        .flatMap(({ log }) => log)
        .filter((line) => line.startsWith("{"))
        .map((line) => JSON.parse(line) as Record<string, unknown>);

    const wrongs: [what: string, path: string, asking: Parameters<Ask>[1], status: number, code: string][] = [
      ["a path that leads nowhere", "/v1/nothing", {}, 404, "not-found"],
      ["a path that is no URL", "/v1/accounts/%zz", {}, 400, "invalid-request"],
      ["an id of two thousand letters", `/v1/accounts/${"a".repeat(2_000)}`, {}, 404, "not-found"],
      ["a method that a path does not take", "/v1/accounts", { method: "PUT", body: {} }, 405, "method-not-allowed"],
      ["a media type nobody offers", "/v1/accounts", { headers: { accept: "image/png" } }, 406, "not-acceptable"],
      ["a body that is too large", "/v1/tokens", { body: { name: "x".repeat(3 << 20) } }, 413, "payload-too-large"],
      ["a body that is no JSON", "/v1/tokens", { body: "{" }, 400, "invalid-request"],
      ["no body where one is needed", "/v1/tokens", { method: "POST" }, 400, "invalid-request"],
      [
        "a body in another media type",
        "/v1/tokens",
        { body: "<a/>", headers: { "content-type": "text/xml" } },
        415,
        "unsupported-media-type",
      ],
      ["a body with a key too many", "/v1/tokens", { body: { scopes: ["read"], colour: 1 } }, 400, "invalid-request"],
    ];

    for (const [what, path, asking, status, code] of wrongs) {
      test(`${what} is answered by a problem document`, async () => {
        const answer = await ask<Problem>(path, asking);
        assert.equal(answer.status, status);
        assertProblem(answer, code);
        if (status === 405) assert.equal(answer.headers.allow, "GET, HEAD, POST");
        assert.equal(answer.headers["cache-control"], "no-store");
      });
    }

    test("what is no HTTP at all gets a problem document, and the connection is closed", async () => {
      assert.match(await exchange(house, "NONSENSE\r\n\r\n"), /^HTTP\/1\.1 400 .*"code":"invalid-request"/s);
      const long = `GET /livez HTTP/1.1\r\nhost: x\r\nx-long: ${"x".repeat(64 << 10)}\r\n\r\n`;
      assert.match(await exchange(house, long), /^HTTP\/1\.1 431 .*"code":"headers-too-large"/s);
    });

    test("no token, and one that is not known, are told how to come in", async () => {
      for (const token of [null, "pst_nobody_nothing"]) {
        const answer = await askWith(house.urls, token)<Problem>("/v1/accounts");
        assertProblem(answer, "unauthenticated");
        assert.match(String(answer.headers["www-authenticate"]), /^Bearer/);
      }
    });

    test("a mail server's refusal is passed on in its own words", async () => {
      const server = await startScriptedImap({
        on: { LIST: (connection, { tag }) => connection.say(`${tag} NO [SERVERBUG] The disk is on fire`) },
      });
      try {
        await register("burning", server, "secret", false);
        const answer = await ask<Problem>("/v1/accounts/burning/mailboxes");
        assert.equal(answer.status, 502);
        assertProblem(answer, "upstream-refused");
        assert.deepEqual(answer.body.upstream, { status: "NO", code: "SERVERBUG", text: "The disk is on fire" });
      } finally {
        await ask("/v1/accounts/burning", { method: "DELETE" });
        await server.stop();
      }
    });

    test("a mail server that is not there can be waited for, and takes nobody else along", async () => {
      const server = await startScriptedImap();
      await server.stop();
      await register("nowhere", server, "x", false);
      const answer = await ask<Problem>("/v1/accounts/nowhere/messages");
      assert.equal(answer.status, 503);
      assertProblem(answer, "upstream-unreachable");
      assert.ok(Number(answer.headers["retry-after"]) > 0);
      assert.equal((await ask("/readyz")).status, 200);
      assert.equal((await ask("/v1/accounts/alice/messages")).status, 200);
      await ask("/v1/accounts/nowhere", { method: "DELETE" });
    });

    test("browsers of the allowed origin may ask and read what answers say; others may not", async () => {
      const preflight = { "access-control-request-method": "PATCH", "access-control-request-headers": "authorization" };
      const asked = await askWith(house.urls, null)("/v1/accounts", {
        method: "OPTIONS",
        headers: { origin: ORIGIN, ...preflight },
      });
      assert.equal(asked.headers["access-control-allow-origin"], ORIGIN);
      assert.match(String(asked.headers["access-control-allow-methods"]), /PATCH/);
      const read = await ask("/v1/accounts/alice/messages", { headers: { origin: ORIGIN } });
      assert.match(String(read.headers["access-control-expose-headers"]), /etag/);
      const foreign = await ask("/v1/accounts", { headers: { origin: "https://evil.example" } });
      assert.notEqual(foreign.headers["access-control-allow-origin"], "https://evil.example");
      assert.notEqual(foreign.headers["access-control-allow-origin"], "*");
    });

    test("links have the address by which a trusted proxy was asked", async () => {
      const forwarded = { "x-forwarded-host": "mail.example.com", "x-forwarded-proto": "https" };
      const page = await ask("/v1/accounts/alice/messages?mailbox=inbox&limit=1", { headers: forwarded });
      assert.match(
        String(page.headers.link),
        /^<https:\/\/mail\.example\.com\/v1\/accounts\/alice\/messages\?mailbox=inbox&limit=1&cursor=[^>]+>; rel="next"$/,
      );
      const { href } = new URL(/<(.*?)>/.exec(String(page.headers.link))?.[1] ?? "");
      const next = await ask<{ items: { subject: string }[] }>(href.replace("https://mail.example.com", ""));
      assert.deepEqual(
        next.body.items.map(({ subject }) => subject),
        ["Letter 2"],
      );
    });

    test("a request can be followed by its id and its trace from its answer to the logs", async () => {
      const headers = { "x-request-id": `test-${kind}-0001`, traceparent: `00-${TRACE}-b7ad6b7169203331-01` };
      const answer = await ask("/v1/accounts/alice/mailboxes", { headers });
      assert.equal(answer.headers["x-request-id"], headers["x-request-id"]);
      await logged(house, headers["x-request-id"], "request", "call");
      const lines = logLines().filter(({ requestId, reqId }) => [requestId, reqId].includes(headers["x-request-id"]));
      const call = lines.find(({ msg }) => msg === "call");
      assert.equal(call?.operation, "listMailboxes");
      assert.equal(call?.account, "alice");
      assert.deepEqual(new Set(lines.map(({ traceId }) => traceId)), new Set([TRACE]));
      assert.deepEqual(new Set(lines.map(({ msg }) => msg)), new Set(["request", "call"]));
    });

    test("an answer says what it cost and how fresh it is", async () => {
      const before = Date.now();
      const answer = await ask("/v1/accounts/alice/messages?mailbox=inbox");
      assert.match(String(answer.headers["server-timing"]), /imap;dur=[\d.]+;desc="[1-9]\d* commands, \d+ octets"/);
      const asOf = Date.parse(String(answer.headers["postern-as-of"]));
      assert.ok(asOf >= before && asOf <= Date.now());
    });

    test("metrics tell of requests, sessions, waits, commands, octets and cache", async () => {
      await ask("/v1/accounts/alice/messages?mailbox=inbox");
      const addresses = house.services.map(({ url }) => url);
      const pages = await Promise.all(addresses.map((url) => askWith([url], null)("/metrics")));
      const all = pages.map(({ bytes }) => bytes.toString()).join("\n");
      for (const name of [
        'postern_http_request_seconds_count{method="GET",route="/v1/accounts/:account/messages",status="200"}',
        'postern_sessions{state="free"}',
        'postern_accounts{state="owned"} 1',
        "postern_session_wait_seconds_count",
        "postern_imap_command_seconds_count{command=",
        "postern_imap_received_bytes_total",
        "postern_cache_reads_total",
        'postern_calls_total{operation="listMessages",outcome="ok"}',
      ])
        assert.ok(all.includes(name), `${name} is missing`);
    });

    test("a download that its reader leaves is in the log and in the metrics like any other", async () => {
      await deliver(other, write({ text: "A line of text that is repeated very often.\r\n".repeat(200_000) }));
      const page = await ask<{ items: { id: string }[] }>("/v1/accounts/alice/messages?mailbox=inbox&fields=id");
      const path = `/v1/accounts/alice/messages/${page.body.items[0]?.id}/raw`;
      const requestId = `left-${kind}-0001`;
      const headers = { authorization: `Bearer ${house.adminToken}`, "x-request-id": requestId };
      const { body } = await request(house.urls[0] + path, { headers });
      await once(body, "readable");
      body.on("error", () => undefined).destroy();
      await logged(house, requestId, "request", "call");
      const line = logLines().find(({ reqId }) => reqId === requestId);
      assert.deepEqual([line?.path, line?.aborted, line?.status], [path, true, undefined]);
      const metrics = (await askWith(house.urls, null)("/metrics")).bytes.toString();
      const route = "/v1/accounts/:account/messages/:message/raw";
      const counted = `postern_http_request_seconds_count{method="GET",route="${route}",status="aborted"} 1`;
      assert.ok(metrics.includes(counted), `${counted} is missing`);
    });

    test("no secret is ever told: not in an answer, a log line, nor a metric", async () => {
      const token = await ask<{ token: string }>("/v1/tokens", { body: { scopes: ["read"], accounts: ["alice"] } });
      const said: Answer[] = [
        await register("refused", dovecot, CANARY),
        await register("kept", dovecot, CANARY, false),
        await ask("/v1/accounts/kept", { method: "PATCH", body: { imap: { accessToken: `${CANARY}-2` } } }),
        await ask("/v1/accounts/kept/messages"),
        await ask("/v1/accounts/kept"),
        await ask("/v1/accounts"),
        await ask("/v1/accounts", { body: { id: "NOT VALID", imap: { password: CANARY } } }),
        await ask("/v1/accounts", { body: `{"imap": {"password": "${CANARY}"` }),
        await askWith(house.urls, token.body.token)("/v1/accounts/alice"),
        await askWith(house.urls, null)("/v1/accounts/alice", { headers: { authorization: `Bearer pst_x_${CANARY}` } }),
        ...(await Promise.all(house.services.map(({ url }) => askWith([url], null)("/metrics")))),
      ];
      await ask("/v1/accounts/kept", { method: "DELETE" });
      const secrets = [
        CANARY,
        house.adminToken,
        token.body.token,
        "correct-horse",
        Buffer.from(CANARY).toString("base64"),
      ];
      const told = [
        ...said.map(({ headers, bytes }) => JSON.stringify(headers) + bytes.toString()),
        ...house.services.flatMap(({ log }) => log),
      ].join("\n");
      for (const secret of secrets) assert.ok(!told.includes(secret), `${secret.slice(0, 6)}… was told`);
    });

    test("a token's owner sees the headers that keep browsers from guessing", async () => {
      const { headers } = await ask("/v1/accounts/alice");
      assert.equal(headers["x-content-type-options"], "nosniff");
    });
  });

  test(`stopping lets a download end well and logs out, services ${kind}`, async () => {
    const dovecot = await startDovecot();
    const house = await startHouse(kind);
    const ask = askWith(house.urls, house.adminToken);
    const agent = new Agent();
    try {
      const other = await otherClient(dovecot, "alice");
      const letter = write({ text: "A line of text that is repeated very often.\r\n".repeat(200_000) });
      await deliver(other, letter);
      await other.logout();
      const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user("alice") };
      await ask("/v1/accounts?verify=true", { body: { id: "alice", imap } });
      const page = await ask<{ items: { id: string }[] }>("/v1/accounts/alice/messages?mailbox=inbox&fields=id");
      const path = `/v1/accounts/alice/messages/${page.body.items[0]?.id}/raw`;
      const headers = { authorization: `Bearer ${house.adminToken}` };
      const download = await request(house.urls[0] + path, { headers, dispatcher: agent });
      const octets = download.body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
      let received = ((await octets.next()).value as Buffer).length;
      const exits = house.services.map(({ process }) => once(process, "exit"));
      const stopped = house.stop();
      await said(house, '"msg":"draining"');
      for (let next = await octets.next(); !next.done; next = await octets.next()) received += next.value.length;
      assert.equal(received, Buffer.byteLength(letter));
      assert.equal(received, Number(download.headers["content-length"]));
      await stopped;
      assert.deepEqual(
        (await Promise.all(exits)).map(([code]) => code as number),
        house.services.map(() => 0),
      );
      const log = await dovecot.log();
      assert.match(log, /Logged out/);
      assert.doesNotMatch(log, /imap\(alice\).*(Connection closed|Disconnected: (?!Logged out))/);
    } finally {
      await agent.destroy();
      await dovecot.stop();
    }
  });
}

function assertProblem({ headers, body, status }: Answer<Problem>, code: string): void {
  assert.match(String(headers["content-type"]), /^application\/problem\+json/);
  assert.equal(body.code, code);
  assert.equal(body.status, status);
  assert.equal(body.type, `urn:postern:problem:${code}`);
  assert.equal(typeof body.title, "string");
  assert.equal(typeof body.retryable, "boolean");
  assert.ok(body.instance.startsWith("/"));
  assert.ok(!body.instance.includes("?"));
}

/** What a server says to these octets until it closes. */
async function exchange(house: House, octets: string): Promise<string> {
  const { port, hostname } = new URL(house.urls[0] ?? "");
  const socket = connect(Number(port), hostname);
  socket.write(octets);
  let answer = "";
  socket.on("data", (chunk: Buffer) => (answer += chunk.toString()));
  socket.on("error", () => undefined);
  await once(socket, "close");
  return answer;
}

/** Waits until some service of the house has logged this. */
async function said(house: House, words: string): Promise<void> {
  while (!house.services.some(({ log }) => log.some((line) => line.includes(words))))
    await Promise.race(house.services.flatMap(({ process }) => (process.stdout ? [once(process.stdout, "data")] : [])));
}

/** Waits until each of these messages is logged for the request. */
async function logged(house: House, requestId: string, ...messages: string[]): Promise<void> {
  const isThere = (message: string): boolean =>
    house.services.some(({ log }) =>
      log.some((line) => line.includes(requestId) && line.includes(`"msg":"${message}"`)),
    );
  while (!messages.every(isThere))
    await Promise.race(house.services.flatMap(({ process }) => (process.stdout ? [once(process.stdout, "data")] : [])));
}

test("with * browsers may call from anywhere; what a stranger says of itself as a proxy is not believed", async () => {
  const dovecot = await startDovecot();
  const house = await startHouse("together", { POSTERN_CORS_ORIGINS: "*" });
  try {
    const ask = askWith(house.urls, house.adminToken);
    const other = await otherClient(dovecot, "alice");
    await deliver(other, {}, {});
    await other.logout();
    const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user("alice") };
    await ask("/v1/accounts?verify=true", { body: { id: "alice", imap } });
    const headers = { origin: "https://anywhere.example.com", "x-forwarded-host": "evil.example.com" };
    const answer = await ask("/v1/accounts/alice/messages?mailbox=inbox&limit=1", { headers });
    assert.equal(answer.headers["access-control-allow-origin"], "*");
    assert.ok(String(answer.headers.link).startsWith(`<${house.urls[0]}/v1/`), String(answer.headers.link));
  } finally {
    await house.stop();
    await dovecot.stop();
  }
});
