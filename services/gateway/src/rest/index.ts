import type { FastifyInstance } from "fastify";
import { admit } from "../http/admit.ts";
import { explanationOf, isExplained, takeExplain } from "../http/explain.ts";
import { takeIdempotencyKeys } from "../http/idempotency.ts";
import { demandJsonReader } from "../http/negotiate.ts";
import { accountRoutes } from "./accounts.ts";
import { appendRoutes, takeRawMessages } from "./append.ts";
import { changeRoutes } from "./changes.ts";
import { eventRoutes } from "./events.ts";
import { batchRoutes } from "./batch.ts";
import { imageRoutes } from "./images.ts";
import { importRoutes } from "./import.ts";
import { jobRoutes } from "./jobs.ts";
import { mailboxRoutes } from "./mailboxes.ts";
import { messageChangeRoutes } from "./message-changes.ts";
import { messageRoutes } from "./messages.ts";
import type { RestOptions, ZodTypes } from "./routes.ts";
import { uploadRoutes } from "./uploads.ts";
import { useZod } from "./schema.ts";
import { streamRoutes } from "./streams.ts";
import { threadRoutes } from "./threads.ts";
import { ticketRoutes } from "./tickets.ts";
import { tokenRoutes } from "./tokens.ts";
import { webhookRoutes } from "./webhooks.ts";

export type { RestOptions } from "./routes.ts";

/** What is asked about an account's mail can be explained: in objects as their `explain`, with octets in the header. */
function explainWhereAsked(app: FastifyInstance): void {
  app.addHook("onRequest", (request, _, done) => {
    if (isExplained(request.routeOptions.url)) request.explain = takeExplain(request);
    done();
  });
  app.addHook("preSerialization", (request, reply, payload, done) => {
    const explain = request.explain && reply.statusCode < 400 ? explanationOf(request.call) : null;
    done(null, explain && isObject(payload) ? { ...payload, explain } : payload);
  });
}

function isObject(payload: unknown): payload is object {
  return typeof payload === "object" && payload !== null && !Array.isArray(payload);
}

/** REST, under `/v1`: every route behind a token. */
export async function restRoutes(app: FastifyInstance, options: RestOptions): Promise<void> {
  useZod(app);
  app.addHook("onRequest", (request, _, done) => admit(options.access, request, done));
  explainWhereAsked(app);
  app.decorateRequest("claim", null);
  takeIdempotencyKeys(app, options.store.idempotency);
  const scoped = app.withTypeProvider<ZodTypes>();
  streamRoutes(scoped, options);
  imageRoutes(scoped, options);
  eventRoutes(scoped, options);
  await app.register(async (json) => {
    json.addHook("onRequest", demandJsonReader);
    const typed = json.withTypeProvider<ZodTypes>();
    takeRawMessages(typed);
    await typed.register(async (uploads) => uploadRoutes(uploads.withTypeProvider<ZodTypes>(), options));
    for (const routes of [
      tokenRoutes,
      ticketRoutes,
      accountRoutes,
      mailboxRoutes,
      messageRoutes,
      threadRoutes,
      messageChangeRoutes,
      batchRoutes,
      jobRoutes,
      appendRoutes,
      importRoutes,
      changeRoutes,
      webhookRoutes,
    ])
      routes(typed, options);
  });
}
