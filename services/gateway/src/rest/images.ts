import { Failure } from "@postern/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import * as z from "zod";
import type { Image } from "../images/index.ts";
import { octets, proxiedAnswer } from "./responses.ts";
import { accountParams, enterAccount, type RestOptions, type Scoped } from "./routes.ts";

const params = accountParams.extend({
  signature: z.string().max(100).describe("Of the image's address, as HTML with `remoteImages=proxy` has it."),
});
const query = z.strictObject({ url: z.string().max(8_000).describe("The image's address.") });

export function imageRoutes(app: Scoped, { access, images }: RestOptions): void {
  app.route({
    method: ["GET", "HEAD"],
    url: "/accounts/:account/images/:signature",
    schema: {
      operationId: "readRemoteImage",
      summary: "Read a remote image",
      description:
        "As found in a message's HTML, whose addresses lead here where `remoteImages` is `proxy`. Whoever has the image is told nothing of who looks at it.",
      tags: ["messages"],
      params,
      querystring: query,
      response: { 200: octets("The image, streamed.", "image/*", proxiedAnswer) },
      failures: ["not-found", "host-not-allowed", "image-unavailable"],
    },
    handler: async (request, reply) => {
      const { account, signature } = request.params;
      const { url } = request.query;
      const call = enterAccount(request, reply, account, "read");
      // Nobody has the gateway fetch what was in no message.
      if (!access.isSignedImage(url, signature)) throw new Failure("not-found", { detail: "There is no such image." });
      return sendImage(request, reply, await images.fetch(url, call.signal));
    },
  });
}

function sendImage(request: FastifyRequest, reply: FastifyReply, { contentType, size, body }: Image): FastifyReply {
  void reply
    .type(contentType)
    .header("cache-control", "private, max-age=3600")
    .header("content-disposition", "inline")
    .header("content-security-policy", "sandbox; default-src 'none'")
    .header("cross-origin-resource-policy", "cross-origin")
    .header("vary", "authorization");
  if (size !== null) void reply.header("content-length", size);
  if (request.method === "GET") return reply.send(body);
  body.destroy();
  return reply.send();
}
