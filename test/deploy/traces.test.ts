import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test } from "node:test";
import { type Ask, askWith } from "../e2e/client.ts";
import { type House, type HouseKind, startHouse } from "../e2e/house.ts";
import { deliver, otherClient } from "../e2e/mailbox.ts";
import { startDovecot } from "../servers/index.ts";

interface OtlpSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  attributes: { key: string; value: { stringValue?: string; intValue?: number } }[];
  status?: { code?: number; message?: string };
  events?: unknown[];
}
interface OtlpRequest {
  resourceSpans: {
    resource: { attributes: { key: string; value: { stringValue?: string } }[] };
    scopeSpans: { spans: OtlpSpan[] }[];
  }[];
}

interface Collector {
  url: string;
  /** All that was sent, as it came. */
  bodies: string[];
  headers: Record<string, string | string[] | undefined>[];
  spans(): (OtlpSpan & { service: string })[];
  close(): void;
}

/** What an OpenTelemetry collector takes at `/v1/traces` as JSON. */
async function startCollector(): Promise<Collector> {
  const bodies: string[] = [];
  const headers: Collector["headers"] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    headers.push(request.headers);
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      bodies.push(Buffer.concat(chunks).toString());
      response.setHeader("content-type", "application/json").end("{}");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const requests = (): OtlpRequest[] => bodies.map((body) => JSON.parse(body) as OtlpRequest);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`,
    bodies,
    headers,
    spans: () =>
      requests().flatMap(({ resourceSpans }) =>
        resourceSpans.flatMap(({ resource, scopeSpans }) => {
          const service = resource.attributes.find(({ key }) => key === "service.name")?.value.stringValue ?? "";
          return scopeSpans.flatMap(({ spans }) => spans.map((span) => ({ ...span, service })));
        }),
      ),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const traceparent = `00-${traceId}-00f067aa0ba902b7-01`;
const canaries = { subject: "kanarienvogel", address: "canary.bird@example.org", text: "zwitschern" };

for (const kind of ["together", "apart"] as const satisfies HouseKind[]) {
  describe(`traces, services ${kind}`, () => {
    const during = async (work: (ask: Ask, house: House) => Promise<void>, env = {}): Promise<Collector> => {
      const collector = await startCollector();
      const dovecot = await startDovecot();
      const settings = { POSTERN_TRACES_URL: collector.url, POSTERN_TRACES_HEADERS: "x-key=a=b,x-more=c", ...env };
      const house = await startHouse(kind, settings);
      try {
        const other = await otherClient(dovecot, "ada");
        await deliver(other, { subject: canaries.subject, from: canaries.address, text: canaries.text });
        await other.logout();
        const ask = askWith(house.urls, house.adminToken);
        const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user("ada") };
        assert.equal((await ask("/v1/accounts?verify=true", { body: { id: "ada", imap } })).status, 201);
        await work(ask, house);
      } finally {
        // What is not sent yet is sent on the way out.
        await house.stop();
        await dovecot.stop();
        collector.close();
      }
      return collector;
    };

    test("a request is followed to its IMAP commands, and nothing of the mail is told", async () => {
      const collector = await during(async (ask) => {
        const query = `mailbox=inbox&subject=${canaries.subject}&from=${canaries.address}&fields=subject,from,text`;
        const { body } = await ask<{ items: { id: string; text: string }[] }>(`/v1/accounts/ada/messages?${query}`, {
          headers: { traceparent },
        });
        assert.match(body.items[0]?.text ?? "", new RegExp(canaries.text));
        await ask(`/v1/accounts/ada/messages/${body.items[0]?.id}/raw`);
        assert.equal((await ask("/v1/accounts/ada/messages?mailbox=mbx_never")).status, 404);
      });
      const spans = collector.spans();
      const followed = spans.filter((span) => span.traceId === traceId);
      const request = followed.find(({ name }) => name === "GET /v1/accounts/:account/messages");
      assert.equal(request?.parentSpanId, "00f067aa0ba902b7");
      assert.equal(factOf(request, "http.response.status_code"), 200);
      const operation = followed.find(({ name }) => name === "listMessages");
      assert.equal(operation?.parentSpanId, request?.spanId);
      assert.equal(factOf(operation, "postern.account"), "ada");
      const commands = followed.filter(({ name }) => name.startsWith("IMAP "));
      assert.ok(commands.length > 0 && commands.every(({ parentSpanId }) => parentSpanId === operation?.spanId));
      assert.ok(commands.some(({ name }) => name === "IMAP FETCH"));
      const services = new Set(spans.map(({ service }) => service));
      assert.deepEqual(
        [...services].sort(),
        kind === "apart" ? ["postern-gateway", "postern-worker"] : ["postern-standalone"],
      );
      const raw = spans.find(({ name }) => name === "readRaw");
      assert.ok(spans.some(({ name, parentSpanId }) => name === "IMAP FETCH" && parentSpanId === raw?.spanId));
      const failed = spans.filter(({ status }) => status?.code === 2);
      assert.ok(failed.some((span) => factOf(span, "error.type") === "not-found"));
      const told = collector.bodies.join("\n");
      for (const secret of [...Object.values(canaries), "admin-", "secret", "subject=", "url.path", "INBOX"])
        assert.ok(!told.includes(secret), secret);
      assert.deepEqual([collector.headers[0]?.["x-key"], collector.headers[0]?.["x-more"]], ["a=b", "c"]);
    });

    test("a caller who does not want to be followed is not, and the share that is kept may be none", async () => {
      const unwanted = { traceparent: traceparent.replace(/01$/, "00") };
      const collector = await during(
        async (ask) => {
          await ask("/v1/accounts/ada/messages?mailbox=inbox", { headers: unwanted });
          await ask("/v1/accounts/ada/messages?mailbox=inbox");
        },
        { POSTERN_TRACES_SAMPLED: "0" },
      );
      assert.deepEqual(collector.spans(), []);
    });
  });
}

function factOf(span: OtlpSpan | undefined, name: string): unknown {
  const value = span?.attributes.find(({ key }) => key === name)?.value;
  return value?.stringValue ?? value?.intValue;
}
