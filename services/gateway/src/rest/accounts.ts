import { account, accountId, accountInput, accountPatch, Failure } from "@postern/protocol";
import * as z from "zod";
import { canSee, requireScope } from "../access/index.ts";
import { publicPath } from "../http/addresses.ts";
import { callFor } from "../http/calls.ts";
import { exampleAccount, exampleAccountInput } from "./examples.ts";
import { ofAccounts, ofMail } from "./problem-responses.ts";
import { json, location, nothing } from "./responses.ts";
import { accountParams, enterAccount, identityOf, limit, nextCursor, type RestOptions, type Scoped } from "./routes.ts";
import { documentedAs } from "./schema.ts";

const verify = z.strictObject({
  verify: z
    .enum(["true", "false"])
    .default("false")
    .meta({
      description: "Log in first; a refused login is 422 and nothing is kept.",
      override: documentedAs({ type: "boolean", default: false }),
    }),
});
const shown = account.meta({ id: "Account", description: "A mail account. Its secrets never come back." });
const accountPage = z.object({ items: z.array(shown), nextCursor });
/** With `verify`, the mail server is asked in any way it may answer. */
const verifying = [...ofMail, "login-refused" as const];
const page = z.strictObject({
  limit,
  cursor: accountId.optional().describe("`nextCursor` of the page before."),
});

export function accountRoutes(app: Scoped, { mail, publicUrl }: RestOptions): void {
  app.route({
    method: "POST",
    url: "/accounts",
    schema: {
      operationId: "createAccount",
      summary: "Register a mail account",
      description: "Needs `manage`, with a token that is not bound to accounts.",
      tags: ["accounts"],
      querystring: verify,
      body: accountInput,
      example: exampleAccountInput,
      response: { 201: json("The account.", shown, exampleAccount, location) },
      failures: [...verifying, "account-exists"],
    },
    handler: async (request, reply) => {
      const identity = identityOf(request);
      requireScope(identity, "manage");
      if (identity.accounts)
        throw new Failure("scope-missing", { detail: "A token bound to accounts cannot register others." });
      const input = { account: request.body, verify: request.query.verify === "true" };
      const made = await mail.createAccount(input, callFor(request, reply));
      return reply
        .code(201)
        .header("location", publicPath(publicUrl, `/v1/accounts/${made.id}`))
        .send(made);
    },
  });

  app.route({
    method: "GET",
    url: "/accounts",
    schema: {
      operationId: "listAccounts",
      summary: "List accounts",
      description: "Those that the token may see, in the order of their ids.",
      tags: ["accounts"],
      querystring: page,
      response: {
        200: json("A page of accounts.", accountPage, { items: [exampleAccount], nextCursor: null }),
      },
      failures: ["upstream-timeout"],
    },
    handler: async (request, reply) => {
      const identity = identityOf(request);
      requireScope(identity, "read", "manage");
      const { limit, cursor } = request.query;
      const ids = identity.accounts ? [...identity.accounts] : undefined;
      const { items, next } = await mail.listAccounts({ ids, limit, after: cursor }, callFor(request, reply));
      return { items: items.filter(({ id }) => canSee(identity, id)), nextCursor: next };
    },
  });

  app.route({
    method: "GET",
    url: "/accounts/:account",
    schema: {
      operationId: "getAccount",
      summary: "Get an account",
      description: "With the state its connections are in now.",
      tags: ["accounts"],
      params: accountParams,
      response: { 200: json("The account.", shown, exampleAccount) },
      failures: ofAccounts,
    },
    handler: async (request, reply) => {
      const call = enterAccount(request, reply, request.params.account, "read", "manage");
      return mail.getAccount({ account: request.params.account }, call);
    },
  });

  app.route({
    method: "PATCH",
    url: "/accounts/:account",
    schema: {
      operationId: "updateAccount",
      summary: "Change an account",
      description: "What is absent stays. A change of host, port, security, tls or user needs the secret with it.",
      tags: ["accounts"],
      params: accountParams,
      querystring: verify,
      body: accountPatch,
      example: { name: "Ada at home" },
      response: { 200: json("The account as it is now.", shown, exampleAccount) },
      failures: [...verifying, "account-declared"],
    },
    handler: async (request, reply) => {
      const call = enterAccount(request, reply, request.params.account, "manage");
      const input = { account: request.params.account, patch: request.body, verify: request.query.verify === "true" };
      return mail.updateAccount(input, call);
    },
  });

  app.route({
    method: "DELETE",
    url: "/accounts/:account",
    schema: {
      operationId: "deleteAccount",
      summary: "Delete an account",
      description: "Erases everything that Postern keeps of it. The mail on its server is left as it is.",
      tags: ["accounts"],
      params: accountParams,
      response: { 204: nothing("Deleted.") },
      failures: ["account-declared", ...ofAccounts],
    },
    handler: async (request, reply) => {
      const call = enterAccount(request, reply, request.params.account, "manage");
      await mail.deleteAccount({ account: request.params.account }, call);
      return reply.code(204).send(null);
    },
  });
}
