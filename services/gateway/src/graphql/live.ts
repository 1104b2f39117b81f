import { randomUUID } from "node:crypto";
import { Failure } from "@postern/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import {
  type ExecutionArgs,
  type ExecutionResult,
  getOperationAST,
  GraphQLError,
  type GraphQLFormattedError,
  type GraphQLSchema,
  parse,
  specifiedRules,
  validate,
  type ValidationRule,
} from "graphql";
import { createHandler } from "graphql-sse/lib/use/fastify";
import { makeHandler } from "graphql-ws/use/@fastify/websocket";
import type { Access, Identity } from "../access/index.ts";
import { backgroundCall } from "../live/index.ts";
import type { SubscriptionContext } from "./context.ts";
import { documentOf, type TrustedDocuments } from "./documents.ts";
import { formatError } from "./errors.ts";
import { limitTokens } from "./limits.ts";

export interface LiveGraphqlOptions {
  schema: GraphQLSchema;
  access: Access;
  rules: readonly ValidationRule[];
  trusted: TrustedDocuments | null;
  contextFor: (identity: Identity, call: SubscriptionContext["call"]) => SubscriptionContext;
  onUnexpected: (error: unknown) => void;
}

/** Subscriptions that one connection may have at a time. */
const MOST_EACH = 100;

interface Params {
  query?: string | undefined;
  documentId?: string | undefined;
  operationName?: string | null | undefined;
  variables?: Record<string, unknown> | null | undefined;
}

/** Subscriptions, over graphql-transport-ws and over SSE as the GraphQL over SSE protocol's distinct connections have it. */
export function liveGraphql(options: LiveGraphqlOptions) {
  const { schema, rules, trusted, access } = options;

  const prepare = (params: Params, identity: Identity): ExecutionArgs | readonly GraphQLError[] => {
    try {
      const query = documentOf(params, trusted) ?? "";
      limitTokens(query);
      const document = parse(query);
      const errors = validate(schema, document, [...specifiedRules, ...rules]);
      if (errors.length > 0) return errors.map(malformed);
      const operation = getOperationAST(document, params.operationName);
      if (operation?.operation !== "subscription")
        return [malformed(new GraphQLError("Only subscriptions run here: send queries and mutations by POST."))];
      const call = { ...backgroundCall(), requestId: randomUUID(), actor: identity.actor };
      return {
        schema,
        document,
        operationName: params.operationName,
        variableValues: params.variables,
        contextValue: options.contextFor(identity, call),
      };
    } catch (error) {
      return [error instanceof GraphQLError ? malformed(error) : shown(wrapped(error))];
    }
  };
  const shown = (error: GraphQLError): GraphQLError => {
    const { message, extensions, locations: _, ...rest } = formatError(error, options.onUnexpected);
    return new GraphQLError(message, { ...rest, ...(extensions && { extensions }) });
  };
  const tell = (result: { errors?: readonly GraphQLError[] | undefined; data?: unknown }) => ({
    data: result.data as Record<string, unknown> | null,
    ...(result.errors && { errors: result.errors.map(shown) as GraphQLFormattedError[] }),
  });

  const websocket = makeHandler<Record<string, unknown>, { identity?: Identity }>({
    schema,
    onConnect: async ({ connectionParams, extra }) => {
      const { request } = extra;
      const given = connectionParams?.authorization ?? connectionParams?.Authorization;
      const authorization = typeof given === "string" ? given : request.headers.authorization;
      const { ticket } = request.query as { ticket?: string };
      try {
        extra.identity = await access.admit({ authorization, ticket, method: "GET", url: request.url });
        return true;
      } catch {
        // Closes with 4403.
        return false;
      }
    },
    onSubscribe: ({ extra, subscriptions }, _, payload) => {
      if (!extra.identity) throw new Error("a subscription before the connection was let in");
      if (Object.keys(subscriptions).length > MOST_EACH)
        return [
          shown(
            wrapped(
              new Failure("too-many-requests", { detail: `One connection has at most ${MOST_EACH} subscriptions.` }),
            ),
          ),
        ];
      return prepare(payload, extra.identity);
    },
    onNext: (_context, _id, _payload, _args, result) => tell(result),
    onError: (_context, _id, _payload, errors) =>
      errors.map(({ message, extensions }) => ({ message, ...(extensions && { extensions }) })),
  });

  const sse = createHandler<{ identity: Identity }>({
    authenticate: () => null,
    context: ({ raw }) => {
      if (!raw.identity) throw new Error("GraphQL without authentication");
      return { identity: raw.identity };
    },
    onSubscribe: ({ raw }, params) => {
      if (!raw.identity) throw new Error("GraphQL without authentication");
      const prepared = prepare(params, raw.identity);
      if ("schema" in prepared) return prepared as never;
      return { errors: [...prepared] };
    },
    onNext: (_context, _request, result) => tell(result) as unknown as ExecutionResult,
  });

  return {
    websocket,
    sse: async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
      reply.hijack();
      await sse(request, reply);
      return reply;
    },
  };
}

function malformed(error: GraphQLError): GraphQLError {
  const { code = "invalid-request" } = error.extensions;
  const locations = error.nodes ? { nodes: error.nodes } : {};
  return new GraphQLError(error.message, { ...locations, extensions: { code, retryable: false } });
}

function wrapped(error: unknown): GraphQLError {
  return new GraphQLError(String(error), { originalError: error instanceof Error ? error : new Error(String(error)) });
}
