import { Failure } from "@postern/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import {
  type ExecutionArgs,
  type ExecutionResult,
  getOperationAST,
  getVariableValues,
  GraphQLError,
  type GraphQLFormattedError,
  type GraphQLSchema,
  parse,
  specifiedRules,
  validate,
  type ValidationRule,
} from "graphql";
import { createHandler } from "graphql-sse/lib/use/fastify";
import { CloseCode } from "graphql-ws";
import { makeHandler } from "graphql-ws/use/@fastify/websocket";
import type { Access, Identity } from "../access/index.ts";
import type { SubscriptionContext } from "./context.ts";
import { limitCost } from "./cost.ts";
import { documentOf, type TrustedDocuments } from "./documents.ts";
import { formatError } from "./errors.ts";
import { limitTokens } from "./limits.ts";

export interface LiveGraphqlOptions {
  schema: GraphQLSchema;
  access: Access;
  rules: readonly ValidationRule[];
  trusted: TrustedDocuments | null;
  contextFor: (request: FastifyRequest, identity: Identity, cut: () => void) => SubscriptionContext;
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

  const prepare = (params: Params, context: () => SubscriptionContext): ExecutionArgs | readonly GraphQLError[] => {
    try {
      const query = documentOf(params, trusted) ?? "";
      limitTokens(query);
      const document = parse(query);
      const errors = validate(schema, document, [...specifiedRules, ...rules]);
      if (errors.length > 0) return errors.map(malformed);
      const operation = getOperationAST(document, params.operationName);
      if (operation?.operation !== "subscription")
        return [malformed(new GraphQLError("Only subscriptions run here: send queries and mutations by POST."))];
      const { errors: wrong, coerced } = getVariableValues(
        schema,
        operation.variableDefinitions ?? [],
        params.variables ?? {},
      );
      if (wrong) return wrong.map(malformed);
      limitCost({ schema, document, operation, variables: coerced });
      return {
        schema,
        document,
        operationName: params.operationName,
        variableValues: params.variables,
        contextValue: context(),
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
        request.identity = extra.identity;
        return true;
      } catch {
        // Closes with 4403.
        return false;
      }
    },
    onSubscribe: async ({ extra, subscriptions }, _, payload) => {
      const { identity, request, socket } = extra;
      if (!identity) throw new Error("a subscription before the connection was let in");
      // They were let in with a token that may be valid no longer. While the store is away nobody is cut off by mistake.
      if (!(await access.isValid(identity.actor).catch(() => true))) {
        socket.close(CloseCode.Forbidden, "Forbidden");
        return [shown(wrapped(new Failure("unauthenticated")))];
      }
      if (Object.keys(subscriptions).length > MOST_EACH)
        return [
          shown(
            wrapped(
              new Failure("too-many-requests", { detail: `One connection has at most ${MOST_EACH} subscriptions.` }),
            ),
          ),
        ];
      return prepare(payload, () => options.contextFor(request, identity, () => socket.terminate()));
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
    onSubscribe: ({ raw, context: { reply } }, params) => {
      const { identity } = raw;
      if (!identity) throw new Error("GraphQL without authentication");
      const prepared = prepare(params, () => options.contextFor(raw, identity, () => reply.raw.destroy()));
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
