import { accountId, type Call, Failure, mailboxRole, unpackMailboxId } from "@postern/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import * as z from "zod";
import { identityOf, type RestOptions, type Scoped, enter, enterAccount, accountParams } from "./routes.ts";
import {
  accountOfAll,
  delivery,
  deliveryParam,
  graceSeconds,
  made,
  patch,
  ping,
  rotated,
  show,
  showDelivery,
  shown,
  shownWithSecret,
  since,
  webhookParam,
} from "./webhook-schemas.ts";
import { exampleDelivery, exampleWebhook } from "./webhook-examples.ts";
import { asOf, json, location, notStored, nothing } from "./responses.ts";
import { noSuchAccount } from "../access/identity.ts";
import { ofMail } from "./problem-responses.ts";

/** The webhooks of one account, and those that are for all of them: the same routes twice. */
export function webhookRoutes(app: Scoped, options: RestOptions): void {
  routesFor(app, options, true);
  routesFor(app, options, false);
}

function routesFor(app: Scoped, { mail, store, webhooks }: RestOptions, isOne: boolean): void {
  const base = isOne ? "/accounts/:account/webhooks" : "/webhooks";
  const one = `${base}/:webhook`;
  const own = isOne ? accountParams : z.object({});
  const params = own.extend({ webhook: webhookParam });
  const ofAll = isOne ? "" : "OfAll";
  const whose = isOne ? "" : " for all accounts";
  const needs = isOne ? "Needs `manage`." : "Needs `manage`, with a token that is not bound to accounts.";
  const common = { tags: ["webhooks"] };

  /** Whose webhooks the request is about. Webhooks for all accounts tell of those too that a bound token must not see. */
  const admit = async (request: FastifyRequest, reply: FastifyReply): Promise<{ scope: string | null; call: Call }> => {
    const { account } = request.params as { account?: string };
    if (isOne && account !== undefined) {
      const call = enterAccount(request, reply, account, "manage");
      if (!(await store.accounts.get(account))) throw noSuchAccount();
      return { scope: account, call };
    }
    const call = enter(request, reply, "manage");
    if (identityOf(request).accounts)
      throw new Failure("scope-missing", { detail: "A token bound to accounts has no webhooks for all of them." });
    return { scope: null, call };
  };

  const mailboxIds = async (scope: string | null, wanted: string[] | null, call: Call): Promise<string[] | null> =>
    wanted &&
    Promise.all(
      wanted.map(async (mailbox, place) => {
        if (scope !== null && mailboxRole.safeParse(mailbox).success)
          return (await mail.getMailbox({ account: scope, mailbox }, call)).id;
        if (unpackMailboxId(mailbox)) return mailbox;
        const errors = [{ path: `mailboxes.${place}`, message: "is no mailbox's id" }];
        throw new Failure("invalid-request", { errors });
      }),
    );

  app.route({
    method: "POST",
    url: base,
    schema: {
      ...common,
      operationId: `createWebhook${ofAll}`,
      summary: `Make a webhook${whose}`,
      description: `Events from now on are sent to its URL, signed as Standard Webhooks has it, in each account's order, at least once. This answer is the only one that has the secret. ${needs}`,
      ...(isOne && { params: own }),
      body: made,
      example: { url: exampleWebhook.url, types: ["message.created"] },
      response: {
        201: json(
          "The webhook.",
          shownWithSecret,
          { ...exampleWebhook, secret: "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD" },
          { ...notStored, ...location, ...asOf },
        ),
      },
      failures: ["host-not-allowed", ...ofMail],
    },
    handler: async (request, reply) => {
      const { scope, call } = await admit(request, reply);
      const places = await mailboxIds(scope, request.body.mailboxes, call);
      const { webhook, secret } = await webhooks.create(scope, { ...request.body, mailboxes: places }, call);
      return reply
        .code(201)
        .header("cache-control", "no-store")
        .header(
          "location",
          `${request.url
            .replace(/[?].*$/, "")
            .replace(/\/$/, "")
            .replace(/^.*\//, "")}/${webhook.id}`,
        )
        .send({ ...show(webhook), secret });
    },
  });

  app.route({
    method: "GET",
    url: base,
    schema: {
      ...common,
      operationId: `listWebhooks${ofAll}`,
      summary: `List webhooks${whose}`,
      description: `Without their secrets. ${needs}`,
      ...(isOne && { params: own }),
      response: { 200: json("The webhooks.", z.object({ items: z.array(shown) }), { items: [exampleWebhook] }) },
      failures: ["not-found"],
    },
    handler: async (request, reply) => {
      const { scope } = await admit(request, reply);
      return { items: (await webhooks.list(scope)).map(show) };
    },
  });

  app.route({
    method: "GET",
    url: one,
    schema: {
      ...common,
      operationId: `getWebhook${ofAll}`,
      summary: `Get a webhook${whose}`,
      description: `Without its secret. ${needs}`,
      params,
      response: { 200: json("The webhook.", shown, exampleWebhook) },
      failures: ["not-found"],
    },
    handler: async (request, reply) => {
      const { scope } = await admit(request, reply);
      return show(await webhooks.get(scope, request.params.webhook));
    },
  });

  app.route({
    method: "PATCH",
    url: one,
    schema: {
      ...common,
      operationId: `updateWebhook${ofAll}`,
      summary: `Change a webhook${whose}`,
      description: `What is left out stays. An event that waits to be sent again is sent at once. ${needs}`,
      params,
      body: patch,
      example: { disabled: false },
      response: { 200: json("The webhook.", shown, exampleWebhook, asOf) },
      failures: ["not-found", "host-not-allowed", ...ofMail],
    },
    handler: async (request, reply) => {
      const { scope, call } = await admit(request, reply);
      const { disabled, mailboxes: wanted, ...others } = request.body;
      const given = Object.fromEntries(Object.entries(others).filter(([, value]) => value !== undefined));
      const places = wanted === undefined ? {} : { mailboxes: await mailboxIds(scope, wanted, call) };
      const changes = { ...given, ...places, isDisabled: disabled };
      return show(await webhooks.update(scope, request.params.webhook, changes, call));
    },
  });

  app.route({
    method: "DELETE",
    url: one,
    schema: {
      ...common,
      operationId: `deleteWebhook${ofAll}`,
      summary: `Delete a webhook${whose}`,
      description: `What was not sent is not sent any more. ${needs}`,
      params,
      response: { 204: nothing("Deleted.") },
      failures: ["not-found"],
    },
    handler: async (request, reply) => {
      const { scope, call } = await admit(request, reply);
      await webhooks.remove(scope, request.params.webhook, call);
      return reply.code(204).send(null);
    },
  });

  app.route({
    method: "POST",
    url: `${one}/secret`,
    schema: {
      ...common,
      operationId: `rotateWebhookSecret${ofAll}`,
      summary: `Give a webhook${whose} another secret`,
      description: `Both sign for a while. This answer is the only one that has the new one. ${needs}`,
      params,
      body: z.strictObject({ graceSeconds }),
      example: { graceSeconds: 3_600 },
      response: {
        200: json(
          "The new secret.",
          rotated,
          { id: exampleWebhook.id, secret: "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", previousUntil: null },
          notStored,
        ),
      },
      failures: ["not-found"],
    },
    handler: async (request, reply) => {
      const { scope, call } = await admit(request, reply);
      const graceMs = request.body.graceSeconds * 1_000;
      const { id, secret, previousUntil } = await webhooks.rotate(scope, request.params.webhook, graceMs, call);
      void reply.header("cache-control", "no-store");
      return { id, secret, previousUntil: previousUntil === null ? null : new Date(previousUntil).toISOString() };
    },
  });

  app.route({
    method: "POST",
    url: `${one}/test`,
    schema: {
      ...common,
      operationId: `testWebhook${ofAll}`,
      summary: `Try a webhook${whose}`,
      description: `Sends a \`webhook.ping\`, signed as events are, and tells what came of it. ${needs}`,
      params,
      response: { 200: json("What came of it.", ping, { delivered: true, status: 204, error: null, ms: 41 }) },
      failures: ["not-found"],
    },
    handler: async (request, reply) => {
      const { scope } = await admit(request, reply);
      const { isDelivered, status, error, ms } = await webhooks.test(scope, request.params.webhook);
      return { delivered: isDelivered, status, error, ms };
    },
  });

  app.route({
    method: "GET",
    url: `${one}/deliveries`,
    schema: {
      ...common,
      operationId: `listDeliveries${ofAll}`,
      summary: `List deliveries by a webhook${whose}`,
      description: `The last 100 events that were sent of an account, the newest first. ${needs}`,
      params,
      ...(!isOne && { querystring: z.strictObject({ account: accountOfAll }) }),
      response: {
        200: json("The deliveries.", z.object({ items: z.array(delivery) }), { items: [exampleDelivery] }),
      },
      failures: ["not-found"],
    },
    handler: async (request, reply) => {
      const { scope } = await admit(request, reply);
      const account = scope ?? (request.query as { account?: string }).account;
      // Who may not ask learns that first, and not what is missing.
      if (account === undefined)
        throw new Failure("invalid-request", { errors: [{ path: "account", message: "says in which account" }] });
      return { items: (await webhooks.deliveries(scope, request.params.webhook, account)).map(showDelivery) };
    },
  });

  app.route({
    method: "POST",
    url: `${one}/deliveries/:delivery/redeliver`,
    schema: {
      ...common,
      operationId: `redeliver${ofAll}`,
      summary: `Send an event once more by a webhook${whose}`,
      description: `At once, whatever its turn, under the same \`webhook-id\`. ${needs}`,
      params: params.extend({ delivery: deliveryParam }),
      response: { 200: json("The delivery, as it is now.", delivery, { ...exampleDelivery, attempts: 2 }) },
      failures: ["not-found", "state-expired"],
    },
    handler: async (request, reply) => {
      const { scope } = await admit(request, reply);
      return showDelivery(await webhooks.redeliver(scope, request.params.webhook, request.params.delivery));
    },
  });

  app.route({
    method: "POST",
    url: `${one}/replay`,
    schema: {
      ...common,
      operationId: `replayWebhook${ofAll}`,
      summary: `Send events again by a webhook${whose}`,
      description: `It goes on from another place in ${isOne ? "the" : "an"} account's sequence: events after it are sent in their order, those that were sent before too. ${needs}`,
      params,
      body: isOne
        ? z.strictObject({ since })
        : z.strictObject({ since, account: accountId.describe("In which account.") }),
      example: isOne ? { since: "3-42" } : { since: "3-42", account: "ada" },
      response: { 204: nothing("It goes on from there.") },
      failures: ["not-found", "state-expired"],
    },
    handler: async (request, reply) => {
      const { scope } = await admit(request, reply);
      const body = request.body as { since: string; account?: string };
      const account = scope ?? body.account ?? "";
      if (!(await store.accounts.get(account))) throw noSuchAccount();
      await webhooks.replay(scope, request.params.webhook, account, body.since);
      return reply.code(204).send(null);
    },
  });
}
