import { BEGINNING, type Call, type MessagePage } from "@postern/protocol";
import { explanationOf } from "../http/explain.ts";
import type { FastifyReply } from "fastify";

/** A page as REST shows it, around its items, which are JSON already. */
export function sendPage(reply: FastifyReply, page: MessagePage, call: Call): FastifyReply {
  const { nextCursor, total, state = BEGINNING } = page;
  const tail = `,"nextCursor":${JSON.stringify(nextCursor)},"total":${total},"state":"${state}"`;
  void reply.type("application/json; charset=utf-8");
  const explained = explanationOf(call);
  if (!explained) return reply.send(page.framed('{"items":', `${tail}}`));
  const explain = Buffer.from(`${tail},"explain":${JSON.stringify(explained)}}`);
  return reply.send(Buffer.concat([Buffer.from('{"items":'), page.ready, explain]));
}
