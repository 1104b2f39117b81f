import { mailbox, mailboxRef, quota } from "@postern/protocol";
import * as z from "zod";
import { exampleMailbox, exampleQuota } from "./examples.ts";
import { ofMail } from "./problem-responses.ts";
import { asOf, json } from "./responses.ts";
import { accountParams, enterAccount, type RestOptions, type Scoped } from "./routes.ts";

const shown = mailbox.meta({ id: "Mailbox", description: "A mailbox and its counters." });
const mailboxes = z.object({ items: z.array(shown) });
const limits = z.object({
  items: z.array(quota.meta({ id: "Quota", description: "A limit and what is used of it." })),
});

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
      response: { 200: json("The mailboxes.", mailboxes, { items: [exampleMailbox] }, asOf) },
      failures: ofMail,
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
      response: { 200: json("The mailbox.", shown, exampleMailbox, asOf) },
      failures: ofMail,
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
      response: { 200: json("The limits and what is used.", limits, { items: [exampleQuota] }, asOf) },
      failures: ofMail,
    },
    handler: async (request, reply) => {
      const call = enterAccount(request, reply, request.params.account, "read");
      return mail.getQuota({ account: request.params.account }, call);
    },
  });
}
