import { createRequire } from "node:module";
import swagger from "@fastify/swagger";
import reference from "@scalar/fastify-api-reference";
import type { FastifyInstance } from "fastify";
import { createJsonSchemaTransform } from "fastify-type-provider-zod";

const { version } = createRequire(import.meta.url)("../package.json") as { version: string };

/** The document of the routes that are registered after this, at `/openapi.json`, and a reference of it at `/docs`. */
export async function describeApi(app: FastifyInstance, publicUrl: string | undefined): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Postern",
        version,
        description: "Any IMAP mailbox over HTTP. Every error is a problem document (RFC 9457) with a stable `code`.",
        license: { name: "MIT", identifier: "MIT" },
        contact: { name: "Whoever runs this Postern", url: publicUrl ?? "http://127.0.0.1:8025" },
      },
      servers: [{ url: publicUrl ?? "/" }],
      tags: [
        { name: "accounts", description: "Mail accounts and their state." },
        { name: "tokens", description: "Who may do what." },
        { name: "mailboxes", description: "Mailboxes and quota." },
        { name: "messages", description: "Lists, search, messages, and their octets." },
      ],
      components: {
        securitySchemes: {
          token: { type: "http", scheme: "bearer", description: "The admin token, or one made by `POST /v1/tokens`." },
        },
      },
      security: [{ token: [] }],
    },
    transform: createJsonSchemaTransform({ zodToJsonConfig: { target: "draft-2020-12" } }),
  });
}

export async function serveDocuments(app: FastifyInstance): Promise<void> {
  app.get("/openapi.json", { schema: { hide: true } }, async () => app.swagger());
  await app.register(reference, {
    routePrefix: "/docs",
    configuration: {
      url: "/openapi.json",
      withDefaultFonts: false,
      telemetry: false,
      agent: { disabled: true },
      title: "Postern",
    },
  });
}
