import { type Call, newReport } from "@postern/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { ServerResponse } from "node:http";
import type { Identity } from "../access/index.ts";
import { continueTrace } from "./trace.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Set where a token was asked for. */
    identity: Identity | null;
    /** What the request asked of mail, once it did. */
    call: Call | null;
    /** Whether the answer is to tell how it came about. */
    explain: boolean;
    /** The `traceparent` of the request's own span, where traces are made. */
    spanParent?: string;
  }
}

/** For an answer, or the beginning of a stream. */
const DEADLINE_MS = 55_000;

/** For requests whose body is large. */
export const UPLOAD_DEADLINE_MS = 10 * 60_000;

/** The call that a request makes: it ends when the client hangs up. One for each request, however much is asked in it. */
export function callFor(request: FastifyRequest, reply: FastifyReply, deadlineMs = DEADLINE_MS): Call {
  if (request.call) return request.call;
  let signal: AbortSignal | null = null;
  request.call = {
    requestId: request.id,
    traceparent: request.spanParent ?? continueTrace(request.headers.traceparent),
    actor: request.identity?.actor ?? "anonymous",
    deadline: Date.now() + deadlineMs,
    // Made when somebody looks: most answers are there before anybody has to.
    get signal() {
      // Who has named the request may ask again what became of it.
      return (signal ??= request.claim ? neverAborts : hangUpSignal(reply.raw));
    },
    report: newReport(request.explain),
  };
  return request.call;
}

const neverAborts = new AbortController().signal;

function hangUpSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  const look = (): void => {
    if (!response.writableFinished) controller.abort();
  };
  if (response.closed || response.destroyed) look();
  else response.once("close", look);
  return controller.signal;
}
