import { type Call, newReport } from "@postern/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Identity } from "../access/index.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Set where a token was asked for. */
    identity: Identity | null;
    /** What the request asked of mail, once it did. */
    call: Call | null;
  }
}

/** For an answer, or the beginning of a stream. */
const DEADLINE_MS = 55_000;

/** The call that a request makes: it ends when the client hangs up. One for each request, however much is asked in it. */
export function callFor(request: FastifyRequest, reply: FastifyReply): Call {
  if (request.call) return request.call;
  const controller = new AbortController();
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) controller.abort();
  });
  const { traceparent } = request.headers;
  request.call = {
    requestId: request.id,
    traceparent: typeof traceparent === "string" && isTraceparent(traceparent) ? traceparent : undefined,
    actor: request.identity?.actor ?? "anonymous",
    deadline: Date.now() + DEADLINE_MS,
    signal: controller.signal,
    report: newReport(),
  };
  return request.call;
}

/** W3C Trace Context, section 3.2. */
export function isTraceparent(text: string): boolean {
  return /^[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/.test(text);
}
