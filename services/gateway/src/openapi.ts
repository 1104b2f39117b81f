import { createRequire } from "node:module";
import type { FastifyInstance, FastifySchema, RouteOptions } from "fastify";
import * as z from "zod";
import {
  createDocument,
  type ZodOpenApiOperationObject,
  type ZodOpenApiParameters,
  type ZodOpenApiPathsObject,
  type ZodOpenApiResponseObject,
  type ZodOpenApiObject,
} from "zod-openapi";
import { describeKeys } from "./http/idempotency.ts";
import { explainParameter, explanation, isExplained } from "./http/explain.ts";
import { serveReference } from "./http/reference.ts";
import { describedWebhooks } from "./webhooks/index.ts";
import { type Failing, problemResponses } from "./rest/problem-responses.ts";

const { version } = createRequire(import.meta.url)("../package.json") as { version: string };

type Responses = Record<string, ZodOpenApiResponseObject>;
type Problems = (failing: Failing) => Responses;
type Method = "get" | "head" | "post" | "put" | "patch" | "delete";
const methods: readonly string[] = ["get", "head", "post", "put", "patch", "delete"] satisfies Method[];

/** Reads the routes that are registered after this; gives what makes their document once they all are. */
export function describeApi(app: FastifyInstance, publicUrl: string | undefined): () => string {
  const problems = problemResponses();
  const paths: ZodOpenApiPathsObject = {};
  app.addHook("onRoute", ({ url, method, schema }: RouteOptions) => {
    const { operationId } = schema ?? {};
    if (schema === undefined || operationId === undefined) return;
    const path = url.replace(/:(\w+)/g, "{$1}");
    const names = [method].flat().map((name) => name.toLowerCase());
    for (const name of names.filter(isMethod))
      paths[path] = {
        ...paths[path],
        [name]: operation(name, operationId, isExplained(url) ? explained(schema) : schema, problems),
      };
  });
  let document: string | null = null;
  return () =>
    (document ??= JSON.stringify(
      createDocument({ ...head(publicUrl), paths, webhooks: describedWebhooks() }, { override: plain }),
    ));
}

/** What every route of an account's mail takes and gives beside what it says of itself. */
function explained(schema: FastifySchema): FastifySchema {
  const query = schema.querystring instanceof z.ZodObject ? schema.querystring : z.object({});
  const responses = Object.entries(schema.response as Responses).map(([status, response]) => {
    const json = response.content?.["application/json"];
    if (!(json?.schema instanceof z.ZodObject)) return [status, response] as const;
    const whole = json.schema.extend({ explain: explanation.optional() });
    return [status, { ...response, content: { "application/json": { ...json, schema: whole } } }] as const;
  });
  return {
    ...schema,
    querystring: query.extend({ explain: explainParameter }),
    response: Object.fromEntries(responses),
  };
}

const isMethod = (name: string): name is Method => methods.includes(name);

function head(publicUrl: string | undefined): Omit<ZodOpenApiObject, "paths"> {
  return {
    openapi: "3.1.0",
    info: {
      title: "Postern",
      version,
      description: "Any IMAP mailbox over HTTP. Every error is a problem document (RFC 9457) with a stable `code`.",
      license: { name: "MIT", identifier: "MIT" },
      contact: { name: "Whoever runs this Postern", ...(publicUrl !== undefined && { url: publicUrl }) },
    },
    servers: [{ url: publicUrl ?? "/" }],
    tags: [
      { name: "accounts", description: "Mail accounts and their state." },
      { name: "events", description: "What changes, as it changes." },
      { name: "jobs", description: "Changes of many messages that go on by themselves." },
      { name: "mailboxes", description: "Mailboxes and quota." },
      { name: "messages", description: "Lists, search, messages, and their octets." },
      { name: "tokens", description: "Who may do what." },
      { name: "webhooks", description: "Events, sent to a receiver of one's own." },
    ],
    components: {
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "The admin token, or one made by `POST /v1/tokens`." },
        ticket: {
          type: "apiKey",
          in: "query",
          name: "ticket",
          description: "For what cannot send a header: made by `POST /v1/tickets`, opens GET and HEAD for a while.",
        },
      },
    },
    security: [{ token: [] }],
  };
}

function operation(
  method: Method,
  operationId: string,
  given: FastifySchema,
  problems: Problems,
): ZodOpenApiOperationObject {
  const schema = describeKeys(method.toUpperCase(), given);
  const { summary = "", description = "", tags = [], failures = [] } = schema;
  const own = schema.response as Responses;
  const isJson = !Object.values(own).some(({ content }) => content && !("application/json" in content));
  const responses = { ...own, ...problems({ method: method.toUpperCase(), isJson, failures }) };
  const isRead = method === "get" || method === "head";
  const common = {
    tags,
    requestParams: parameters(schema),
    ...(isRead && { security: [{ token: [] }, { ticket: [] }] }),
  };
  if (method === "head") {
    return {
      ...common,
      operationId: `${operationId}Head`,
      summary: `${summary}: the header alone`,
      description: `As GET answers, without the content, and always of the whole. ${description}`,
      responses: headResponses(responses),
      // The reference leaves it out: it says nothing that GET does not.
      "x-scalar-ignore": true,
    };
  }
  return { ...common, operationId, summary, description, ...requestBody(schema), responses };
}

function parameters({ params, querystring, fields }: FastifySchema): ZodOpenApiParameters {
  return {
    ...(params instanceof z.ZodObject && { path: params }),
    ...(querystring instanceof z.ZodObject && { query: querystring }),
    ...(fields && { header: fields }),
  };
}

/** A body that may be of several media types. */
interface BodyKinds {
  content: Record<string, { schema: z.ZodType; example: unknown }>;
}

function requestBody({ body, example }: FastifySchema): Pick<ZodOpenApiOperationObject, "requestBody"> {
  if (body === undefined) return {};
  if (!(body instanceof z.ZodType)) return { requestBody: { required: true, content: (body as BodyKinds).content } };
  const content = { "application/json": { schema: body, ...(example !== undefined && { example }) } };
  return { requestBody: { required: true, content } };
}

/** Ranges are for GET alone (RFC 9110 section 14.2). */
function headResponses(responses: Responses): Responses {
  const kept = Object.entries(responses).filter(([status]) => status !== "206" && status !== "416");
  return Object.fromEntries(
    kept.map(([status, { description = "", headers }]) => [status, { description, ...(headers && { headers }) }]),
  );
}

/** Formats say what zod's patterns for them say, and a number that is merely safe has no bound to tell of. */
function plain({ jsonSchema }: { jsonSchema: Record<string, unknown> }): void {
  if (jsonSchema.format === "date-time" || jsonSchema.format === "date") delete jsonSchema.pattern;
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
}

export function serveDocuments(app: FastifyInstance, document: () => string, publicUrl: string | undefined): void {
  app.get("/openapi.json", { schema: { hide: true } }, async (_, reply) =>
    reply.type("application/json; charset=utf-8").send(document()),
  );
  // Browsers ask for it wherever a page names none.
  app.get("/favicon.ico", { schema: { hide: true } }, (_, reply) => reply.code(204).send());
  serveReference(app, publicUrl);
}
