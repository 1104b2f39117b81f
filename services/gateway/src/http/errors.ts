import { STATUS_CODES } from "node:http";
import { Failure, type FailureCode, isFailure } from "@postern/protocol";
import type { ConnectionError, FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Socket } from "node:net";
import { problemOf, statusOf } from "../rest/problem.ts";

/** Everything that goes wrong in HTTP becomes a problem document. */
export function handleErrors(app: FastifyInstance): void {
  const paths = new KnownPaths();
  app.addHook("onRoute", ({ url, method }) => paths.add(url, Array.isArray(method) ? method : [method]));
  app.setErrorHandler((error, request, reply) => sendFailure(request, reply, failureOf(error)));
  app.setNotFoundHandler((request, reply) => {
    const methods = paths.methodsFor(request.url.replace(/\?.*$/s, ""));
    if (methods.length === 0)
      return sendFailure(request, reply, new Failure("not-found", { detail: "There is nothing at this path." }));
    void reply.header("allow", methods.join(", "));
    return sendFailure(
      request,
      reply,
      new Failure("method-not-allowed", { detail: `This path takes ${methods.join(", ")}.` }),
    );
  });
}

export function sendFailure(request: FastifyRequest, reply: FastifyReply, failure: Failure): FastifyReply {
  if (failure.code === "internal") request.log.error({ err: failure.cause ?? failure }, "request failed unexpectedly");
  if (failure.retryAfter !== undefined)
    void reply.header("retry-after", String(Math.max(1, Math.ceil(failure.retryAfter))));
  if (failure.code === "unauthenticated") void reply.header("www-authenticate", 'Bearer realm="postern"');
  if (failure.code === "range-not-satisfiable")
    void reply.header("content-range", `bytes */${sizeIn(failure.current)}`);
  return reply
    .code(statusOf[failure.code])
    .header("cache-control", "no-store")
    .type("application/problem+json")
    .serializer(JSON.stringify)
    .send(problemOf(withOutcome(failure, request), request.url.replace(/\?.*$/s, "")));
}

/** Of a request that was to change mail: what never came to whoever does that was not done. */
function withOutcome(failure: Failure, { method, routeOptions: { url = "" } }: FastifyRequest): Failure {
  if (failure.outcome !== undefined || !writes.has(method) || !url.startsWith("/v1/accounts/:account/")) return failure;
  if (/\/messages\/(search|get)$/.test(url)) return failure;
  return failure.withOutcome(failure.code === "internal" ? "unknown" : "none");
}
const writes = new Set(["POST", "PUT", "PATCH", "DELETE"]);

function sizeIn(current: unknown): string {
  const { size } = (current ?? {}) as { size?: number };
  return size === undefined ? "*" : String(size);
}

const byFastifyCode: Readonly<Record<string, FailureCode>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "unsupported-media-type",
  FST_ERR_CTP_BODY_TOO_LARGE: "payload-too-large",
  FST_ERR_CTP_EMPTY_JSON_BODY: "invalid-request",
  FST_ERR_CTP_INVALID_JSON_BODY: "invalid-request",
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: "invalid-request",
  FST_ERR_BAD_URL: "invalid-request",
  // No id is that long.
  FST_ERR_MAX_PARAM_LENGTH: "not-found",
};

/** The framework's own errors by their codes; what is nobody's is `internal`. */
export function failureOf(error: unknown): Failure {
  if (isFailure(error)) return error;
  const { code = "", statusCode, message } = error as Partial<FastifyError>;
  const known = byFastifyCode[code];
  if (known) return new Failure(known, { detail: detailOf(known, message), cause: error });
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new Failure("invalid-request", { detail: "The request cannot be read.", cause: error });
  }
  return Failure.from(error);
}

function detailOf(code: FailureCode, message: string | undefined): string {
  if (code === "unsupported-media-type") return "Send the body as application/json.";
  if (code === "not-found") return "There is nothing at this path.";
  return message ?? "The request cannot be read.";
}

const byParserCode: Readonly<Record<string, FailureCode>> = {
  HPE_HEADER_OVERFLOW: "headers-too-large",
  ERR_HTTP_REQUEST_TIMEOUT: "request-timeout",
};

/** What is no HTTP, or comes too slowly, gets a problem document too, as long as it can be written to. */
export function answerUnreadable(error: ConnectionError, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  const failure = new Failure(byParserCode[error.code] ?? "invalid-request");
  const status = statusOf[failure.code];
  const body = JSON.stringify(problemOf(failure, "*"));
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "content-type: application/problem+json",
    `content-length: ${Buffer.byteLength(body)}`,
    "cache-control: no-store",
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}

/** Which methods a path would take, to tell a wrong method from a wrong path. */
class KnownPaths {
  private readonly routes: { pattern: RegExp; methods: string[] }[] = [];

  add(url: string, methods: string[]): void {
    if (url === "*" || url === "/*") return;
    const pattern = url
      .replace(/[.+?^${}()|[\]\\]/g, "\\$&")
      .replace(/:\w+/g, "[^/]+")
      .replace(/\*/g, ".*");
    this.routes.push({ pattern: new RegExp(`^${pattern}/?$`), methods: methods.map((method) => method.toUpperCase()) });
  }

  methodsFor(path: string): string[] {
    const found = this.routes.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => methods);
    return [...new Set(found)].sort();
  }
}
