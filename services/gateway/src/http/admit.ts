import { Failure } from "@postern/protocol";
import type { FastifyRequest } from "fastify";
import type { Access } from "../access/index.ts";

/**
 * Sets whom the request is let in for: by its `Authorization`, or where it has none by `?ticket=`, which is taken out of the
 * query so that no route has to know of it. Ends with `unauthenticated` otherwise. Without waiting where it is known: most
 * requests come from somebody who has just asked.
 */
export function admit(access: Access, request: FastifyRequest, done: (failure?: Error) => void): void {
  const ticket = takeTicket(request);
  request.identity = access.known(request.headers.authorization);
  if (request.identity) done();
  else void findOut(access, request, ticket, done);
}

async function findOut(
  access: Access,
  request: FastifyRequest,
  ticket: string | undefined,
  done: (failure?: Error) => void,
): Promise<void> {
  const { method, url, headers } = request;
  try {
    request.identity = await access.admit({ authorization: headers.authorization, ticket, method, url });
  } catch (error) {
    return done(Failure.from(error));
  }
  done();
}

/** One that is there twice is none. */
function takeTicket(request: FastifyRequest): string | undefined {
  const query = request.query as Record<string, unknown>;
  if (query.ticket === undefined) return undefined;
  const { ticket, ...rest } = query;
  request.query = rest;
  return typeof ticket === "string" ? ticket : "";
}
