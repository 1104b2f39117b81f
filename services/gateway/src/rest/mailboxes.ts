import { mailbox, mailboxRef, quota } from "@postern/protocol";
import * as z from "zod";
import { accountParams, enterAccount, problems, type RestOptions, type Scoped } from "./routes.ts";

export function mailboxRoutes(app: Scoped, { mail }: RestOptions): void {
  app.route({
    method: "GET",
    url: "/accounts/:account/mailboxes",
    schema: {
      operationId: "listMailboxes",
      summary: "List mailboxes",
      description: "All of the account's, with their roles and counters. `parentId` makes them a tree.",
      tags: ["mailboxes"],
      params: accountParams,
      response: { 200: z.object({ items: z.array(mailbox) }).describe("The mailboxes."), ...problems },
    },
    handler: async (request, reply) => {
      const call = enterAccount(request, reply, request.params.account, "read");
      return mail.listMailboxes({ account: request.params.account }, call);
    },
  });

  app.route({
    method: "GET",
    url: "/accounts/:account/mailboxes/:mailbox",
    schema: {
      operationId: "getMailbox",
      summary: "Get a mailbox",
      description: "By its id or its role.",
      tags: ["mailboxes"],
      params: accountParams.extend({ mailbox: mailboxRef }),
      response: { 200: mailbox.describe("The mailbox."), ...problems },
    },
    handler: async (request, reply) => {
      const call = enterAccount(request, reply, request.params.account, "read");
      return mail.getMailbox(request.params, call);
    },
  });

  app.route({
    method: "GET",
    url: "/accounts/:account/quota",
    schema: {
      operationId: "getQuota",
      summary: "Get the quota",
      description: "Every limit that counts the inbox; none where the server has no quota.",
      tags: ["mailboxes"],
      params: accountParams,
      response: { 200: z.object({ items: z.array(quota) }).describe("The limits and what is used."), ...problems },
    },
    handler: async (request, reply) => {
      const call = enterAccount(request, reply, request.params.account, "read");
      return mail.getQuota({ account: request.params.account }, call);
    },
  });
}
