import type { MessagePage } from "@postern/protocol";
import type { FastifyReply } from "fastify";

/** A page as REST shows it, around its items, which are JSON already. */
export function sendPage(reply: FastifyReply, page: MessagePage): FastifyReply {
  const { nextCursor, total } = page;
  const body = page.framed('{"items":', `,"nextCursor":${JSON.stringify(nextCursor)},"total":${total}}`);
  return reply.type("application/json; charset=utf-8").send(body);
}
