import type { FastifyRequest } from "fastify";
import type { Access, Identity } from "../access/index.ts";

/**
 * Whom the request is let in for: by its `Authorization`, or where it has none by `?ticket=`, which is taken out of the
 * query so that no route has to know of it. Throws `unauthenticated`.
 */
export function admit(access: Access, request: FastifyRequest): Promise<Identity> {
  const query = request.query as Record<string, unknown>;
  const { ticket } = query;
  delete query.ticket;
  const { method, url, headers } = request;
  return access.admit({
    authorization: headers.authorization,
    // One that is there twice is none.
    ticket: ticket === undefined || typeof ticket === "string" ? ticket : "",
    method,
    url,
  });
}
