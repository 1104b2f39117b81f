import { createHash, timingSafeEqual } from "node:crypto";
import { Readable } from "node:stream";
import {
  type AnyOperation,
  type ByteStream,
  Failure,
  type ListMessagesOutput,
  type Mail,
  newReport,
  type Octets,
  type OperationName,
  operationNames,
  operations,
  type Report,
} from "@postern/protocol";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import * as z from "zod";
import {
  callOf,
  failureHeader,
  headHeader,
  mailPath,
  octetsType,
  packHead,
  reportHeader,
  unpackHead,
} from "./frame.ts";
import { Misdirected, packMisdirected } from "./misdirected.ts";
import { packPage, pageType } from "./pages.ts";

const callFrame = z.object({
  requestId: z.string().max(200),
  traceparent: z.string().max(200).optional(),
  actor: z.string().max(200),
  budgetMs: z.number().min(0).max(86_400_000),
  askedInVain: z.array(z.string().max(200)).max(1_000).optional(),
  explain: z.boolean().optional(),
});

/** Offers a `Mail` to those who know the cluster's secret: one route for each operation of the table. */
export function serveMail(app: FastifyInstance, mail: Mail, options: { secret: string }): void {
  app.register(async (scope) => {
    scope.addHook("onRequest", demandSecret(options.secret));
    scope.addContentTypeParser(octetsType, (_, octets, done) => done(null, octets));
    for (const name of operationNames) serveOperation(scope, mail, name);
  });
}

function serveOperation(scope: FastifyInstance, mail: Mail, name: OperationName): void {
  const { kind, input } = operations[name];
  const body = z.object({ input, call: callFrame });
  const perform = mail[name] as AnyOperation;
  scope.post(mailPath + name, async (request, reply) => {
    const report = newReport();
    try {
      const octets = kind === "upload" ? (request.body as Octets) : undefined;
      const parsed = body.safeParse(octets ? frameIn(request) : request.body);
      if (!parsed.success) throw new Failure("invalid-request", { detail: z.prettifyError(parsed.error) });
      const call = callOf(parsed.data.call, hangUp(reply), report);
      const answer = await perform(parsed.data.input, call, octets);
      return senders[kind](reply, answer, report);
    } catch (error) {
      if (error instanceof Misdirected)
        return reply.code(421).header("content-type", "application/json").send(packMisdirected(error));
      return sendFailure(request, reply, error, report);
    }
  });
}

/** Undefined where there is none that can be read. */
function frameIn({ headers }: FastifyRequest): unknown {
  try {
    return unpackHead(String(headers[headHeader]));
  } catch {
    return undefined;
  }
}

function demandSecret(secret: string): (request: FastifyRequest, reply: FastifyReply) => Promise<void> {
  const wanted = digest(`Bearer ${secret}`);
  return async (request, reply) => {
    if (!timingSafeEqual(digest(request.headers.authorization ?? ""), wanted)) {
      await reply.code(401).send({ error: "this worker answers to its own cluster only" });
    }
  };
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** Aborts when the far side closes the connection before it has the whole answer. */
function hangUp(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) controller.abort();
  });
  return controller.signal;
}

const senders = {
  call: sendOutput,
  upload: sendOutput,
  page: sendPage,
  stream: sendStream,
} as const;

function sendPage(reply: FastifyReply, page: unknown, report: Report): FastifyReply {
  return reply
    .header(reportHeader, JSON.stringify(report))
    .header("content-type", pageType)
    .send(packPage(page as ListMessagesOutput));
}

function sendOutput(reply: FastifyReply, output: unknown, report: Report): FastifyReply {
  return reply
    .header(reportHeader, JSON.stringify(report))
    .header("content-type", "application/json")
    .send(JSON.stringify(output));
}

function sendStream(reply: FastifyReply, answer: unknown, report: Report): FastifyReply {
  const stream = answer as ByteStream;
  return reply
    .header(reportHeader, JSON.stringify(report))
    .header(headHeader, packHead(stream.head))
    .header("content-type", "application/octet-stream")
    .send(Readable.from(stream.body, { objectMode: false, highWaterMark: 64 * 1024 }));
}

function sendFailure(request: FastifyRequest, reply: FastifyReply, error: unknown, report: Report): FastifyReply {
  const failure = Failure.from(error);
  if (failure.code === "internal")
    request.log.error({ err: failure.cause ?? failure }, "operation failed unexpectedly");
  return reply
    .code(500)
    .header(reportHeader, JSON.stringify(report))
    .header(failureHeader, failure.code)
    .header("content-type", "application/json")
    .send(JSON.stringify(failure));
}
