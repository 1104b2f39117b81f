import { randomUUID } from "node:crypto";
import cors from "@fastify/cors";
import { type Mail, traceIdOf } from "@postern/protocol";
import { closeIfDone, type Logger, resolveAll } from "@postern/service";
import type { KeyRing, Store } from "@postern/store";
import fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyRequest, LogController } from "fastify";
import type { Registry } from "prom-client";
import { createAccess, createTickets } from "./access/index.ts";
import type { FaceConfig } from "./config.ts";
import { registerGraphql } from "./graphql/index.ts";
import { describeAnswer, describeAnswers } from "./http/answers.ts";
import { answerUnreadable, failureOf, handleErrors, sendFailure } from "./http/errors.ts";
import { UPLOAD_DEADLINE_MS } from "./http/calls.ts";
import { serveHealth } from "./http/health.ts";
import { createImages } from "./images/index.ts";
import { createLive, createWatchdog } from "./live/index.ts";
import { describeApi, serveDocuments } from "./openapi.ts";
import { parseQuery } from "./http/queries.ts";
import { restRoutes } from "./rest/index.ts";
import { openWebhooks } from "./webhooks/index.ts";

export interface GatewayOptions {
  mail: Mail;
  store: Store;
  face: FaceConfig;
  adminToken: string;
  /** Signs tickets, and the addresses that carry them. */
  ring: KeyRing;
  log: Logger;
  metrics: Registry;
  /** Whether spans are made of requests: where tracing was started. */
  traced?: boolean;
}

export interface Gateway {
  app: FastifyInstance;
  /** Lets requests in flight end, and takes no more. */
  drain(): Promise<void>;
}

const LIMITS = {
  bodyLimit: 2 << 20,
  /** For a request to arrive whole, large messages among them; what is slower is cut. */
  requestTimeout: UPLOAD_DEADLINE_MS,
  /** Without any octet, either way. */
  connectionTimeout: 120_000,
  keepAliveTimeout: 72_000,
};

/** Who gets what. */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const { mail, store, face, adminToken, ring, log, metrics } = options;
  let draining = false;
  const logger: FastifyBaseLogger = log;
  const app = fastify({
    ...LIMITS,
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    trustProxy: face.trustedProxies.length > 0 ? face.trustedProxies : false,
    genReqId: ({ headers }) => saneId(headers["x-request-id"]) ?? randomUUID(),
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 1_000, querystringParser: parseQuery },
    // Who still has a connection while this one drains is answered, and asked to connect elsewhere.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => {
      describeAnswer(request, reply);
      void sendFailure(request, reply, failureOf(error));
    },
    clientErrorHandler: answerUnreadable,
  });
  app.addHook("onResponse", (_, __, done) => {
    closeIfDone(app.server);
    done();
  });
  app.addHttpMethod("QUERY", { hasBody: true, overrideExisting: true });
  // Loaded where it is wanted: it is a part of OpenTelemetry, and heavy.
  if (options.traced === true) await (await import("./http/spans.ts")).spanRequests(app);
  handleErrors(app);
  describeAnswers(app);
  logRequests(app);
  if (face.corsOrigins.length > 0) await app.register(cors, corsFor(face.corsOrigins));
  serveHealth(app, { metrics, ping: store.ping, isDraining: () => draining });
  const document = describeApi(app, face.publicUrl);
  const access = createAccess({
    tokens: store.tokens,
    tickets: createTickets(ring),
    audit: store.audit,
    adminToken,
  });
  const live = createLive({ mail, store });
  const watchdog = createWatchdog(access.isValid);
  const sending = openWebhooks({ store, mail, ring, log, metrics, config: face.webhooks });
  const { webhooks } = sending;
  const { publicUrl } = face;
  const images = createImages({ vetting: { allowed: face.allowedImageHosts, resolve: resolveAll } });
  const rest = { mail, store, access, live, watchdog, webhooks, images, publicUrl };
  await app.register(restRoutes, { prefix: "/v1", ...rest });
  await registerGraphql(app, { mail, store, access, live, watchdog, face });
  serveDocuments(app, document, face.publicUrl);
  return {
    app,
    drain: async () => {
      draining = true;
      live.drain();
      watchdog.close();
      await Promise.all([app.close(), sending.close()]);
      images.close();
    },
  };
}

/** An id that a proxy gave, if it looks like one. */
function saneId(header: string | string[] | undefined): string | undefined {
  return typeof header === "string" && /^[\w.:-]{8,100}$/.test(header) ? header : undefined;
}

function corsFor(origins: string[]) {
  return {
    origin: origins.includes("*") ? "*" : origins,
    methods: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "QUERY"],
    exposedHeaders: [
      "etag",
      "link",
      "location",
      "postern-as-of",
      "postern-stale",
      "retry-after",
      "server-timing",
      "x-request-id",
      "content-disposition",
      "content-range",
    ],
    maxAge: 600,
  };
}

/** One line for each request: which route, never its query, which may hold what somebody looks for. */
function logRequests(app: FastifyInstance): void {
  const common = (request: FastifyRequest) => ({
    reqId: request.id,
    method: request.method,
    path: pathOf(request.url),
    actor: request.identity?.actor ?? null,
    traceId: traceIdOf(request.call?.traceparent),
    imapCommands: request.call?.report.commands,
  });
  app.addHook("onResponse", (request, reply, done) => {
    const { elapsedTime, statusCode } = reply;
    app.log.info({ ...common(request), status: statusCode, ms: Math.round(elapsedTime) }, "request");
    done();
  });
  // No answer reached them whole.
  app.addHook("onRequestAbort", (request, done) => {
    app.log.info({ ...common(request), aborted: true }, "request");
    done();
  });
}

function pathOf(url: string): string {
  const end = url.indexOf("?");
  return end < 0 ? url : url.slice(0, end);
}
