import { readFileSync } from "node:fs";
import { Failure, type Mail } from "@postern/protocol";
import type { Store } from "@postern/store";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import {
  type DocumentNode,
  getOperationAST,
  getVariableValues,
  GraphQLError,
  type GraphQLSchema,
  Location,
  NoSchemaIntrospectionCustomRule,
} from "graphql";
import { makeExecutableSchema } from "@graphql-tools/schema";
import mercurius from "mercurius";
import websocket from "@fastify/websocket";
import type { Access, Identity } from "../access/index.ts";
import type { FaceConfig } from "../config.ts";
import { callFor } from "../http/calls.ts";
import { htmlShower } from "../http/shown-html.ts";
import type { Context, SubscriptionContext } from "./context.ts";
import { isCompilable } from "./compilable.ts";
import { limitCost } from "./cost.ts";
import { readDocuments } from "./documents.ts";
import { backgroundCall, type Live, type Watchdog } from "../live/index.ts";
import { enums } from "./enums.ts";
import { serveGraphiql } from "./graphiql.ts";
import { serveHttp } from "./http.ts";
import { liveGraphql } from "./live.ts";
import { documentLimits, limitTokens } from "./limits.ts";
import { createLoaders } from "./loaders.ts";
import { resolvers } from "./resolvers.ts";
import { scalars } from "./scalars.ts";

export interface GraphqlOptions {
  mail: Mail;
  store: Pick<Store, "accounts">;
  access: Access;
  live: Live;
  watchdog: Watchdog;
  face: FaceConfig;
}

/** The schema as text: what clients generate their types from. */
export const typeDefs = readFileSync(new URL("schema.graphql", import.meta.url), "utf8");

export async function registerGraphql(
  app: FastifyInstance,
  { mail, store, access, live, watchdog, face }: GraphqlOptions,
): Promise<void> {
  const schema = makeExecutableSchema({ typeDefs, resolvers: { ...scalars, ...enums, ...resolvers } });
  const rules = [documentLimits, ...(face.introspection ? [] : [NoSchemaIntrospectionCustomRule])];
  const trusted = face.documents === undefined ? null : readDocuments(face.documents);
  await app.register(websocket, { options: { maxPayload: 256 << 10 } });
  await app.register(mercurius, {
    schema,
    routes: false,
    cache: 1_000,
    // From its second time on a query runs as compiled code, at a third of the cost.
    jit: 1,
    // Errors as they were thrown: mercurius' own form has lost what kind of failure they are.
    errorFormatter: (execution) => ({ statusCode: 200, response: execution }),
    validationRules: rules,
  });
  app.graphql.addHook("preParsing", async (_, source) => limitTokens(source));
  app.graphql.addHook("preValidation", async (_, document) => demandText(document));
  app.graphql.addHook("preExecution", async (schema, document, context, variables) => {
    beforeExecution(schema, document, context as unknown as Context, variables ?? {});
    // One that was touched is not compiled.
    return isCompilable(schema, document) ? undefined : { document };
  });
  serveHttp(app, {
    access,
    trusted,
    live: liveGraphql({
      schema,
      access,
      rules,
      trusted,
      contextFor: (request, identity, cut) =>
        subscriptionContext(request, identity, cut, { mail, store, access, live, watchdog, face }),
      onUnexpected: (error) => app.log.error({ err: error }, "subscription failed unexpectedly"),
    }),
    mail,
    contextFor: (request, reply, asked) => contextFor(request, reply, { mail: asked, store, access, face }),
  });
  if (face.graphiql) serveGraphiql(app, face.publicUrl);
}

function contextFor(
  request: FastifyRequest,
  reply: FastifyReply,
  { mail, store, access, face }: Pick<GraphqlOptions, "mail" | "store" | "access" | "face">,
): Context {
  const call = callFor(request, reply);
  if (!request.identity) throw new Error("GraphQL without authentication");
  return {
    ...commonContext(request, request.identity, { mail, store, access, face }),
    call,
    loaders: createLoaders(mail, call),
    isSafe: request.method === "GET",
  };
}

function subscriptionContext(
  request: FastifyRequest,
  identity: Identity,
  cut: () => void,
  { mail, store, access, live, watchdog, face }: GraphqlOptions,
): SubscriptionContext {
  const ask = (): Pick<Context, "call" | "loaders"> => {
    const call = { ...backgroundCall(), actor: identity.actor };
    return { call, loaders: createLoaders(mail, call) };
  };
  const context: SubscriptionContext = {
    ...commonContext(request, identity, { mail, store, access, face }),
    ...ask(),
    isSafe: true,
    live,
    watchdog,
    cut,
    renew: () => void Object.assign(context, ask()),
  };
  return context;
}

function commonContext(
  request: FastifyRequest,
  identity: Identity,
  { mail, store, access, face }: Pick<GraphqlOptions, "mail" | "store" | "access" | "face">,
) {
  return {
    mail,
    accounts: store.accounts,
    identity,
    showHtml: htmlShower(access, face.publicUrl, request, identity),
    publicUrl: face.publicUrl,
    operationName: undefined,
  };
}

/** mercurius takes a document as JSON of its syntax tree too. No text was limited then, and nobody says it is well formed. */
function demandText(document: DocumentNode | null): void {
  if (!(document?.loc instanceof Location))
    throw new Failure("invalid-request", { detail: "The query is no GraphQL document." });
}

/** What a document may do at all was looked at when it was validated; this depends on the request. */
function beforeExecution(
  schema: GraphQLSchema,
  document: DocumentNode,
  { isSafe, operationName }: Context,
  variables: Record<string, unknown>,
): void {
  const operation = getOperationAST(document, operationName);
  if (!operation) throw malformed([new GraphQLError("The document does not tell which operation is to run.")]);
  if (operation.operation === "subscription")
    throw malformed([new GraphQLError("A subscription is sent over a WebSocket, or with Accept: text/event-stream.")]);
  if (isSafe && operation.operation !== "query") {
    throw new Failure("method-not-allowed", { detail: "A mutation is sent by POST." });
  }
  // mercurius leaves out this look when it compiles.
  const { errors, coerced } = getVariableValues(schema, operation.variableDefinitions ?? [], variables);
  if (errors) throw malformed(errors);
  limitCost({ schema, document, operation, variables: coerced });
}

/** As mercurius says it of what it finds itself. */
function malformed(errors: readonly GraphQLError[]): Error {
  return Object.assign(new Error("the request is malformed"), { code: "MER_ERR_GQL_VALIDATION", errors });
}
