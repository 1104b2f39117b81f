import { Readable } from "node:stream";
import type { ByteRange, ByteStream, Call, StreamHead } from "@postern/protocol";
import { create as contentDisposition } from "content-disposition";
import type { FastifyReply, FastifyRequest } from "fastify";
import * as z from "zod";
import { etagsIn } from "./etags.ts";
import { rangeIn } from "./ranges.ts";
import { ofMail } from "./problem-responses.ts";
import { nothing, octets, octetsAnswer, rangeAnswer } from "./responses.ts";
import { explanationOf } from "../http/explain.ts";
import { enterAccount, ifNoneMatch, messageParams, type RestOptions, type Scoped } from "./routes.ts";

/** What a browser would run in this origin if it were shown. */
const active = /^(text\/html|application\/xhtml\+xml|image\/svg\+xml|(text|application)\/(\w+\+)?xml|.*\+xml)(;|$)/i;

const partParams = messageParams.extend({
  part: z.string().max(200).describe("The part's number, as in `attachments`."),
});

const fields = z.object({
  "If-None-Match": ifNoneMatch,
  Range: z.string().optional().describe("One range of octets (RFC 9110 section 14); several are answered with all."),
  "If-Range": z.string().optional().describe("An ETag or date; where it no longer fits, all is answered."),
});

const responses = (contentType: string, description: string) => ({
  200: octets(description, contentType, octetsAnswer),
  206: octets("The range that was asked for.", contentType, rangeAnswer),
  304: nothing("Nothing has changed: it never does.", octetsAnswer),
});
const failures = [...ofMail, "message-gone" as const, "range-not-satisfiable" as const];

export function streamRoutes(app: Scoped, { mail }: RestOptions): void {
  app.route({
    method: ["GET", "HEAD"],
    url: "/accounts/:account/messages/:message/raw",
    schema: {
      operationId: "readRaw",
      summary: "Read a message's octets",
      description: "As they are on the server, streamed.",
      tags: ["messages"],
      params: messageParams,
      fields,
      response: responses("message/rfc822", "The message."),
      failures,
    },
    handler: async (request, reply) => {
      const { account, message } = request.params;
      const call = enterAccount(request, reply, account, "read");
      return sendStream(request, reply, call, (range) => mail.readRaw({ account, message, range }, call));
    },
  });

  app.route({
    method: ["GET", "HEAD"],
    url: "/accounts/:account/messages/:message/parts/:part",
    schema: {
      operationId: "readPart",
      summary: "Read a part",
      description:
        "With its transfer encoding undone and nothing else, streamed. HTML, SVG and XML come as a download.",
      tags: ["messages"],
      params: partParams,
      fields,
      response: responses("*/*", "The part, in its own media type."),
      failures,
    },
    handler: async (request, reply) => {
      const { account, message, part } = request.params;
      const call = enterAccount(request, reply, account, "read");
      return sendStream(request, reply, call, (range) => mail.readPart({ account, message, part, range }, call));
    },
  });
}

type Read = (range: ByteRange | undefined) => Promise<ByteStream>;

async function sendStream(request: FastifyRequest, reply: FastifyReply, call: Call, read: Read): Promise<FastifyReply> {
  // Ranges are for GET alone (RFC 9110 section 14.2).
  const wanted = request.method === "GET" ? rangeIn(request.headers.range) : null;
  const range = request.headers["if-range"] === undefined ? wanted : null;
  let stream = await read(range ?? undefined);
  if (range === null && wanted && isSame(String(request.headers["if-range"]), stream.head)) {
    await abandon(stream);
    stream = await read(wanted);
  }
  describe(reply, stream.head);
  const explained = explanationOf(call);
  if (explained) void reply.header("postern-explain", JSON.stringify(explained));
  // Whoever embeds it by a ticket was given it for that.
  if (request.identity?.ticket) void reply.header("cross-origin-resource-policy", "cross-origin");
  if (etagsIn(request.headers["if-none-match"]).some((etag) => etag === "*" || etag === stream.head.etag)) {
    await abandon(stream);
    return reply.code(304).send();
  }
  const size = sizeOf(stream.head);
  if (size !== null) void reply.header("content-length", size);
  if (stream.head.range) void reply.code(206).header("content-range", contentRange(stream.head));
  if (request.method === "HEAD") {
    await abandon(stream);
    return reply.send();
  }
  const body = Readable.from(stream.body, { objectMode: false, highWaterMark: 64 << 10 });
  call.signal.addEventListener("abort", () => body.destroy(), { once: true });
  return reply.send(body);
}

/** RFC 9110 section 13.1.5: strong etags alone, or the exact date. */
function isSame(ifRange: string, { etag, lastModified }: StreamHead): boolean {
  if (ifRange.startsWith('"')) return ifRange === `"${etag}"`;
  return lastModified !== null && ifRange === new Date(lastModified).toUTCString();
}

function describe(reply: FastifyReply, { contentType, filename, etag, lastModified }: StreamHead): void {
  const type = active.test(contentType) ? "attachment" : "inline";
  const name = filename ?? (contentType === "message/rfc822" ? "message.eml" : undefined);
  void reply
    .type(contentType)
    .header("etag", `"${etag}"`)
    .header("accept-ranges", "bytes")
    .header("content-disposition", contentDisposition(name, { type }))
    .header("content-security-policy", "sandbox; default-src 'none'")
    .header("cross-origin-resource-policy", "same-site")
    .header("cache-control", "private, max-age=31536000, immutable")
    .header("vary", "authorization");
  if (lastModified !== null) void reply.header("last-modified", new Date(lastModified).toUTCString());
}

function sizeOf({ size, range }: StreamHead): number | null {
  return range ? range.last - range.first + 1 : size;
}

function contentRange({ range, size }: StreamHead): string {
  return `bytes ${range?.first}-${range?.last}/${size ?? "*"}`;
}

/** Lets go of what will not be read. */
async function abandon({ body }: ByteStream): Promise<void> {
  await body[Symbol.asyncIterator]().return?.();
}
