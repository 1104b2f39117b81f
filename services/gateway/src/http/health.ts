import type { FastifyInstance, FastifyRequest } from "fastify";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";

export interface HealthOptions {
  metrics: Registry;
  ping: () => Promise<void>;
  isDraining: () => boolean;
}

/** For orchestrators and operators. Readiness never depends on a mail server, and a store that is away does not take every gateway out. */
export function serveHealth(app: FastifyInstance, { metrics, ping, isDraining }: HealthOptions): void {
  app.get("/livez", { schema: { hide: true } }, async () => ({ status: "ok" }));
  app.get("/readyz", { schema: { hide: true } }, async (_, reply) => {
    if (isDraining()) return reply.code(503).send({ status: "draining" });
    const isThere = await ping().then(
      () => true,
      () => false,
    );
    return { status: isThere ? "ok" : "degraded", store: isThere ? "ok" : "away" };
  });
  app.get("/metrics", { schema: { hide: true } }, async (_, reply) =>
    reply.type(metrics.contentType).send(await metrics.metrics()),
  );
  countRequests(app, metrics);
}

function countRequests(app: FastifyInstance, metrics: Registry): void {
  const registers = [metrics];
  const labelNames = ["method", "route", "status"];
  const buckets = [0.002, 0.01, 0.05, 0.2, 1, 5, 20, 60];
  const durations = new Histogram({
    name: "postern_http_request_seconds",
    help: "Time from a request to the end of its answer.",
    labelNames,
    buckets,
    registers,
  });
  const inFlight = new Gauge({ name: "postern_http_in_flight", help: "Requests being answered.", registers });
  const bytes = new Counter({
    name: "postern_imap_octets_for_requests_total",
    help: "Octets that requests brought from mail servers.",
    registers,
  });
  const started = new WeakMap<FastifyRequest, number>();
  const count = (request: FastifyRequest, status: string): void => {
    inFlight.dec();
    if (request.call) bytes.inc(request.call.report.bytes);
    const route = request.routeOptions.url ?? "none";
    const seconds = (performance.now() - (started.get(request) ?? performance.now())) / 1_000;
    durations.observe({ method: request.method, route, status }, seconds);
  };
  app.addHook("onRequest", async (request) => {
    inFlight.inc();
    started.set(request, performance.now());
  });
  app.addHook("onResponse", async (request, reply) => count(request, String(reply.statusCode)));
  // A client that hangs up gets no answer whose status could be told.
  app.addHook("onRequestAbort", async (request) => count(request, "aborted"));
}
