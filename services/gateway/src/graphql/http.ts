import { type Call, Failure, isFailure, type Mail } from "@postern/protocol";
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from "fastify";
import type { ExecutionResult, GraphQLError } from "graphql";
import type { Access } from "../access/index.ts";
import { admit } from "../http/admit.ts";
import { failureOf, sendFailure } from "../http/errors.ts";
import { explanationOf, takeExplain } from "../http/explain.ts";
import { negotiate } from "../http/negotiate.ts";
import { statusOf } from "../rest/problem.ts";
import type { Context } from "./context.ts";
import { documentOf } from "./documents.ts";
import type { liveGraphql } from "./live.ts";
import { extensionsOf, formatError } from "./errors.ts";
import { type Question, recorded, RememberedAnswers } from "./remembered.ts";

const NEW_TYPE = "application/graphql-response+json; charset=utf-8";
const OLD_TYPE = "application/json; charset=utf-8";

interface GraphqlRequest {
  query: string | undefined;
  documentId: string | undefined;
  operationName: string | undefined;
  variables: Record<string, unknown> | undefined;
  /** `explain: true`: the answer is to tell how it came about. */
  extensions: Record<string, unknown> | undefined;
}

export interface GraphqlHttpOptions {
  access: Access;
  trusted: ReadonlyMap<string, string> | null;
  mail: Mail;
  contextFor: (request: FastifyRequest, reply: FastifyReply, mail: Mail) => Context;
  /** Subscriptions, over either way. */
  live: ReturnType<typeof liveGraphql>;
}

/** GraphQL over HTTP (the GraphQL foundation's draft): requests by GET and POST, answers in either media type. */
export function serveHttp(app: FastifyInstance, options: GraphqlHttpOptions): void {
  const remembered = new RememberedAnswers();
  const common: Omit<RouteOptions, "method"> = {
    url: "/graphql",
    schema: { hide: true },
    onRequest: (request, _, done) => {
      // Who opens a WebSocket may say who they are in its first message.
      if (request.ws) done();
      else admit(options.access, request, done);
    },
    errorHandler: (error, request, reply) => void answerError(request, reply, error),
    handler: async (request, reply) => {
      if (request.method === "POST" && /\btext\/event-stream\b/.test(request.headers.accept ?? ""))
        return options.live.sse(request, reply);
      const type = acceptable(request);
      if (type === null)
        throw new Failure("not-acceptable", {
          detail: "Accept application/graphql-response+json or application/json.",
        });
      const isWished = takeExplain(request);
      const read = readRequest(request);
      request.explain = isWished || read.extensions?.explain === true;
      const query = documentOf(read, options.trusted);
      if (query === undefined) throw new Failure("invalid-request", { detail: "There is no query." });
      const question = { query, operationName: read.operationName, variables: read.variables };
      const { mail, calls } = recorded(options.mail);
      const context = options.contextFor(request, reply, mail);
      const known = await remembered.recall(question, context.identity, options.mail, context.call);
      if (known !== null) return answerReady(reply, type, known, context);
      const result = await execute(app, request, question, context);
      if (result.data !== undefined) remembered.keep(question, context.identity, calls(), result.data);
      if (result.data !== undefined) return answerReady(reply, type, result.data, context);
      return answer(reply, type, result.status, withExtensions(result.body, context));
    },
  };
  app.route({ ...common, method: "POST" });
  app.route({ ...common, method: "GET", wsHandler: options.live.websocket });
}

interface Result {
  status: number;
  body: Record<string, unknown>;
  /** JSON of what there is to tell, where nothing went wrong. */
  data?: string;
}

/** Statuses as the new media type has them; the old one knows 200 for whatever could be read. */
async function execute(
  app: FastifyInstance,
  request: FastifyRequest,
  { query, operationName, variables }: Question,
  context: Context,
): Promise<Result> {
  try {
    const result: ExecutionResult = await app.graphql(
      query,
      { ...context, operationName },
      // Without any, mercurius leaves looking at them to execution.
      variables ?? {},
      operationName,
    );
    const errors = result.errors?.map((error) =>
      formatError(error, (cause) => request.log.error({ err: cause }, "resolver failed unexpectedly")),
    );
    const data = result.data ?? null;
    if (errors && errors.length > 0) return { status: 200, body: { errors, data } };
    return { status: 200, body: { data }, data: JSON.stringify(data) };
  } catch (error) {
    if (isFailure(error, "method-not-allowed")) throw error;
    return { status: 400, body: { errors: requestErrors(error) } };
  }
}

/** Syntax, validation, variables: nothing has run, so there is no `data` at all. */
function requestErrors(error: unknown): object[] {
  if (isFailure(error)) return [{ message: error.detail ?? error.title, extensions: extensionsOf(error) }];
  const { code, errors } = error as { code?: string; errors?: readonly GraphQLError[] };
  if (code !== "MER_ERR_GQL_VALIDATION" || !errors) throw error;
  return errors.map(({ message, locations, extensions: { code = "invalid-request" } }) => ({
    message,
    ...(locations && { locations }),
    extensions: { code, retryable: false },
  }));
}

function readRequest(request: FastifyRequest): GraphqlRequest {
  const given = request.method === "GET" ? fromQuery(request.query as Record<string, unknown>) : request.body;
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw wrong("", "the body is to be a JSON object");
  const { query, documentId, operationName, variables, extensions } = given as Record<string, unknown>;
  return {
    extensions: objectOrNothing("extensions", extensions),
    query: textOrNothing("query", query),
    documentId: textOrNothing("documentId", documentId),
    operationName: textOrNothing("operationName", operationName),
    variables: objectOrNothing("variables", variables),
  };
}

function fromQuery(query: Record<string, unknown>): Record<string, unknown> {
  const json = (name: string): unknown => {
    const text = query[name];
    if (typeof text !== "string" || text === "") return undefined;
    try {
      return JSON.parse(text) as unknown;
    } catch {
      throw wrong(name, "is to be JSON");
    }
  };
  return { ...query, variables: json("variables"), extensions: json("extensions") };
}

function textOrNothing(name: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw wrong(name, "is to be a text");
  return value;
}

function objectOrNothing(name: string, value: unknown): Record<string, unknown> | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "object" || Array.isArray(value)) throw wrong(name, "is to be an object");
  return value as Record<string, unknown>;
}

function wrong(path: string, message: string): Failure {
  return new Failure("invalid-request", { detail: `${path} ${message}`.trim(), errors: [{ path, message }] });
}

function withExtensions(body: Record<string, unknown>, { call }: Context): Record<string, unknown> {
  const extensions = extensionsFor(call);
  return extensions ? { ...body, extensions } : body;
}

/** Null where there is nothing to tell. */
function extensionsFor(call: Call): object | null {
  const { asOf } = call.report;
  const imap = explanationOf(call);
  if (asOf === null && imap === null) return null;
  return { ...(asOf !== null && { asOf: new Date(asOf).toISOString() }), ...(imap && { imap }) };
}

/** Null: the client takes neither. Without a field, or with a wildcard, the old type, which every client knows. */
function acceptable(request: FastifyRequest): string | null {
  return negotiate(request, [OLD_TYPE, NEW_TYPE]);
}

function answerReady(reply: FastifyReply, type: string, data: string, { call }: Context): FastifyReply {
  const extensions = extensionsFor(call);
  const tail = extensions ? `,"extensions":${JSON.stringify(extensions)}}` : "}";
  return reply.type(type).header("cache-control", "no-store").send(`{"data":${data}${tail}`);
}

function answer(reply: FastifyReply, type: string, status: number, body: object): FastifyReply {
  const code = type === NEW_TYPE ? status : 200;
  return reply.code(code).type(type).header("cache-control", "no-store").serializer(JSON.stringify).send(body);
}

/** What is wrong with the request itself: GraphQL's form for those who speak it, a problem document for the rest. */
function answerError(request: FastifyRequest, reply: FastifyReply, error: unknown): FastifyReply {
  const failure = failureOf(error);
  if (failure.code === "method-not-allowed") void reply.header("allow", "POST");
  const type = acceptable(request);
  if (type === null || failure.code !== "invalid-request") return sendFailure(request, reply, failure);
  const body = { errors: [{ message: failure.detail ?? failure.title, extensions: extensionsOf(failure) }] };
  return reply.code(statusOf[failure.code]).type(type).serializer(JSON.stringify).send(body);
}
