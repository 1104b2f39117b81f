import type { Server } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { Mail } from "@postern/protocol";
import { closeIfDone } from "@postern/service";
import { serveMail } from "@postern/wire";
import fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from "fastify";
import type { Registry } from "prom-client";

export interface WorkerHttpOptions {
  mail: Mail;
  secret: string;
  log: FastifyBaseLogger;
  metrics: Registry;
  /** Whether it is on its way out. */
  isDraining: () => boolean;
  ping: () => Promise<void>;
}

/** Longer than any call's own deadline, uploads included: what is late is ended by those who know what it waits for. */
const REQUEST_TIMEOUT_MS = 11 * 60_000;

/** A worker's face: calls for the cluster, and what an orchestrator asks. */
export function workerHttp(options: WorkerHttpOptions): FastifyInstance {
  const app = fastify({
    loggerInstance: options.log,
    logController: new LogController({ disableRequestLogging: true }),
    requestTimeout: REQUEST_TIMEOUT_MS,
    bodyLimit: 4 << 20,
    // Gateways hear of the withdrawal soon, but not at once: until then they are answered.
    return503OnClosing: false,
  });
  app.addHook("onResponse", (_, __, done) => {
    closeIfDone(app.server);
    done();
  });
  app.get("/livez", async () => ({ status: "ok" }));
  app.get("/readyz", async (_, reply) => {
    if (options.isDraining()) return reply.code(503).send({ status: "draining" });
    const isThere = await options.ping().then(
      () => true,
      () => false,
    );
    return { status: isThere ? "ok" : "degraded", store: isThere ? "ok" : "away" };
  });
  app.get("/metrics", async (_, reply) =>
    reply.type(options.metrics.contentType).send(await options.metrics.metrics()),
  );
  serveMail(app, options.mail, { secret: options.secret });
  return app;
}

/** Longer than it takes all gateways to see that this worker has left, and to hang up. */
const FAREWELL_MS = 3_000;

/**
 * Until nobody has a connection any more, for a bounded time: a server that closes one while a call is on its way through it
 * leaves its caller in doubt.
 */
export async function untilLeftAlone(server: Server): Promise<void> {
  const until = performance.now() + FAREWELL_MS;
  while (performance.now() < until && (await connectionsOf(server)) > 0) await delay(50);
}

function connectionsOf(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
  });
}
