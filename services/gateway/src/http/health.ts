import type { FastifyInstance, FastifyRequest } from "fastify";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";

declare module "fastify" {
  interface FastifyRequest {
    /** As `performance.now()` tells it. */
    startedAt: number;
  }
}

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
  // Counted here, and told when somebody looks: a step of a metric costs more than a request's routing.
  let inFlight = 0;
  let octets = 0;
  new Gauge({
    name: "postern_http_in_flight",
    help: "Requests being answered.",
    registers,
    collect() {
      this.set(inFlight);
    },
  });
  new Counter({
    name: "postern_imap_octets_for_requests_total",
    help: "Octets that requests brought from mail servers.",
    registers,
    collect() {
      this.inc(octets);
      octets = 0;
    },
  });
  const count = (request: FastifyRequest, ms: number, status: string): void => {
    inFlight -= 1;
    octets += request.call?.report.bytes ?? 0;
    const route = request.routeOptions.url ?? "none";
    durations.observe({ method: request.method, route, status }, ms / 1_000);
  };
  app.decorateRequest("startedAt", 0);
  app.addHook("onRequest", (request, _, done) => {
    inFlight += 1;
    request.startedAt = performance.now();
    done();
  });
  app.addHook("onResponse", (request, reply, done) => {
    count(request, reply.elapsedTime, String(reply.statusCode));
    done();
  });
  // A client that hangs up gets no answer whose status could be told.
  app.addHook("onRequestAbort", (request, done) => {
    count(request, performance.now() - request.startedAt, "aborted");
    done();
  });
}
