import { Failure, TextMemory } from "@postern/protocol";
import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from "fastify";
import Negotiator from "negotiator";

/** The media type of `offered` that the client likes best (RFC 9110 section 12.5.1); null where it takes none. */
export function negotiate(request: FastifyRequest, offered: string[]): string | null {
  return new Negotiator(request.raw).mediaType(offered) ?? null;
}

const readsJson = new TextMemory<boolean>();

/** For routes that answer with JSON alone. */
export function demandJsonReader(request: FastifyRequest, _: FastifyReply, done: HookHandlerDoneFunction): void {
  const takes = readsJson.recall(
    request.headers.accept ?? "*/*",
    () => negotiate(request, ["application/json"]) !== null,
  );
  if (takes) return done();
  done(new Failure("not-acceptable", { detail: "This path answers with application/json." }));
}
