import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { publicPath } from "./addresses.ts";

/** What the reference would fetch from its makers, or send there. */
const nothingFromElsewhere = {
  withDefaultFonts: false,
  telemetry: false,
  showDeveloperTools: "never",
  showToolbar: "never",
  hideClientButton: true,
  agent: { disabled: true },
  mcp: { disabled: true },
} as const;

/** A page of the API's reference that works offline. It holds tens of megabytes: nothing of it is loaded before somebody looks. */
export function serveReference(app: FastifyInstance, publicUrl: string | undefined): void {
  let reference: Promise<FastifyInstance> | null = null;
  const serve = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    // The reference's own redirect knows of no path that a proxy took away.
    if (/^\/docs(\?|$)/.test(request.url)) return reply.redirect(publicPath(publicUrl, "/docs/"), 301);
    reference ??= loadReference(publicUrl);
    const { statusCode, headers, rawPayload } = await (await reference).inject({ method: "GET", url: request.url });
    const type = headers["content-type"];
    if (type !== undefined) reply.type(type);
    return reply.code(statusCode).send(rawPayload);
  };
  for (const path of ["/docs", "/docs/*"]) app.get(path, { schema: { hide: true } }, serve);
}

async function loadReference(publicUrl: string | undefined): Promise<FastifyInstance> {
  const { default: reference } = await import("@scalar/fastify-api-reference");
  const app = fastify();
  await app.register(reference, {
    routePrefix: "/docs",
    configuration: {
      url: publicPath(publicUrl, "/openapi.json"),
      title: "Postern",
      pageTitle: "Postern API",
      defaultOpenAllTags: true,
      ...nothingFromElsewhere,
    },
  });
  return app;
}
