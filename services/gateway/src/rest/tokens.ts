import { accountId, type Call, Failure, scope } from "@postern/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import * as z from "zod";
import { exampleAccount, exampleToken } from "./examples.ts";
import { refuseUnknownAccounts } from "./known-accounts.ts";
import { json, notStored, nothing } from "./responses.ts";
import { enter, identityOf, limit, nextCursor, type RestOptions, type Scoped } from "./routes.ts";

const tokenRequest = z.strictObject({
  scopes: z.array(scope).min(1).describe("What the token may do. No scope implies another, but `admin`."),
  accounts: z.array(accountId).min(1).max(1_000).optional().describe("The only accounts it is for; absent: all."),
  expiresIn: z.int().min(1).max(3_153_600_000).optional().describe("Seconds; absent: until it is deleted."),
  name: z.string().max(200).optional().describe("For people."),
});
const shown = z.object({
  id: z.string().describe("By which the token is deleted."),
  name: z.string().nullable().describe("For people."),
  scopes: z.array(scope).describe("What the token may do."),
  accounts: z.array(z.string()).nullable().describe("The only accounts it is for; null: all."),
  createdAt: z.iso.datetime().describe("When it was made."),
  expiresAt: z.iso.datetime().nullable().describe("Null: never."),
});
const shownToken = shown.meta({ id: "Token", description: "A token without its secret." });
const madeToken = shown
  .extend({ token: z.string().describe("The secret, to be sent as `Authorization: Bearer …`.") })
  .meta({ id: "TokenWithSecret", description: "A token with its secret." });
const tokenPage = z.object({ items: z.array(shownToken), nextCursor });
const page = z.strictObject({
  limit,
  cursor: z.string().max(100).optional().describe("`nextCursor` of the page before."),
});

export function tokenRoutes(app: Scoped, { access, store }: RestOptions): void {
  app.route({
    method: "POST",
    url: "/tokens",
    schema: {
      operationId: "createToken",
      summary: "Make a token",
      description:
        "Needs `admin`, with a token that is not bound to accounts. This answer is the only one that has the secret.",
      tags: ["tokens"],
      body: tokenRequest,
      example: { scopes: ["read"], accounts: [exampleAccount.id], name: exampleToken.name },
      response: {
        201: json(
          "The token.",
          madeToken,
          { ...exampleToken, token: `pst_9rTq2VwXyZ0aBcDe_${"x".repeat(43)}` },
          notStored,
        ),
      },
    },
    handler: async (request, reply) => {
      const call = enterUnbound(request, reply);
      await refuseUnknownAccounts(store.accounts, request.body.accounts ?? []);
      const made = await access.createToken(request.body, call.actor, call.requestId);
      return reply.code(201).header("cache-control", "no-store").send(made);
    },
  });

  app.route({
    method: "GET",
    url: "/tokens",
    schema: {
      operationId: "listTokens",
      summary: "List tokens",
      description:
        "Needs `admin`, with a token that is not bound to accounts. Without their secrets, and without those that have expired.",
      tags: ["tokens"],
      querystring: page,
      response: {
        200: json("A page of tokens.", tokenPage, { items: [exampleToken], nextCursor: null }),
      },
    },
    handler: async (request, reply) => {
      enterUnbound(request, reply);
      const { limit, cursor } = request.query;
      const found = await access.listTokens({ limit: limit + 1, after: cursor });
      const items = found.slice(0, limit);
      return { items, nextCursor: found.length > limit ? (items.at(-1)?.id ?? null) : null };
    },
  });

  app.route({
    method: "DELETE",
    url: "/tokens/:token",
    schema: {
      operationId: "deleteToken",
      summary: "Delete a token",
      description:
        "Needs `admin`, with a token that is not bound to accounts. The token is refused everywhere within 2 seconds.",
      tags: ["tokens"],
      params: z.object({ token: z.string().max(100).describe("The token's id.") }),
      response: { 204: nothing("Deleted.") },
      failures: ["not-found"],
    },
    handler: async (request, reply) => {
      const { actor } = enterUnbound(request, reply);
      await access.deleteToken(request.params.token, actor, request.id);
      return reply.code(204).send(null);
    },
  });

  /** Tokens may be for any account: whoever is bound to some could set themselves free. */
  function enterUnbound(request: FastifyRequest, reply: FastifyReply): Call {
    const call = enter(request, reply, "admin");
    if (identityOf(request).accounts)
      throw new Failure("scope-missing", { detail: "A token bound to accounts cannot make, list or delete tokens." });
    return call;
  }
}
