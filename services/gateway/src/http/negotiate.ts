import { Failure } from "@postern/protocol";
import type { FastifyRequest } from "fastify";
import Negotiator from "negotiator";

/** The media type of `offered` that the client likes best (RFC 9110 section 12.5.1); null where it takes none. */
export function negotiate(request: FastifyRequest, offered: string[]): string | null {
  return new Negotiator(request.raw).mediaType(offered) ?? null;
}

/** For routes that answer with JSON alone. */
export async function demandJsonReader(request: FastifyRequest): Promise<void> {
  if (negotiate(request, ["application/json"]) === null)
    throw new Failure("not-acceptable", { detail: "This path answers with application/json." });
}
