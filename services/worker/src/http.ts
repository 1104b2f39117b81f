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

/** Longer than any call's own deadline: what is late is ended by those who know what it waits for. */
const REQUEST_TIMEOUT_MS = 120_000;

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
    const store = await options.ping().then(
      () => "ok",
      () => "degraded",
    );
    return { status: "ok", store };
  });
  app.get("/metrics", async (_, reply) =>
    reply.type(options.metrics.contentType).send(await options.metrics.metrics()),
  );
  serveMail(app, options.mail, { secret: options.secret });
  return app;
}
