import type { MessagePage } from "@postern/protocol";
import type { FastifyReply } from "fastify";

/** A page as REST shows it, around its items, which are JSON already. */
export function sendPage(reply: FastifyReply, { ready, nextCursor, total }: MessagePage): FastifyReply {
  const tail = `,"nextCursor":${JSON.stringify(nextCursor)},"total":${total}}`;
  return reply.type("application/json; charset=utf-8").send(Buffer.concat([head, ready, Buffer.from(tail)]));
}

const head = Buffer.from('{"items":');
