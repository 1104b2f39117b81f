import { mailbox, mailboxInput, mailboxPatch, mailboxRef, quota } from "@postern/protocol";
import * as z from "zod";
import { exampleMailbox, exampleQuota } from "./examples.ts";
import { publicPath } from "../http/addresses.ts";
import { ofMail } from "./problem-responses.ts";
import { asOf, json, location, nothing } from "./responses.ts";
import { documentedAs } from "./schema.ts";
import { accountParams, enterAccount, type RestOptions, type Scoped } from "./routes.ts";

const shown = mailbox.meta({ id: "Mailbox", description: "A mailbox and its counters." });
/** What servers say no with to a change of mailboxes. */
const ofMailboxChange = [
  ...ofMail,
  "not-permitted" as const,
  "not-possible" as const,
  "upstream-limit" as const,
  "upstream-in-use" as const,
];
const onlyEmpty = z.strictObject({
  onlyEmpty: z
    .enum(["true", "false"])
    .default("false")
    .meta({
      description: "Refuse where there are messages.",
      override: documentedAs({ type: "boolean", default: false }),
    }),
});
const mailboxes = z.object({ items: z.array(shown) });
const limits = z.object({
  items: z.array(quota.meta({ id: "Quota", description: "A limit and what is used of it." })),
});

export function mailboxRoutes(app: Scoped, { mail, publicUrl }: RestOptions): void {
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
    method: "POST",
    url: "/accounts/:account/mailboxes",
    schema: {
      operationId: "createMailbox",
      summary: "Create a mailbox",
      description:
        "By `name`, below `parentId` or at the top, or by its whole `path`. It is subscribed to unless told otherwise.",
      tags: ["mailboxes"],
      params: accountParams,
      body: mailboxInput.meta({ id: "NewMailbox", description: "A mailbox to be made." }),
      example: { name: "Invoices", parentId: exampleMailbox.id },
      response: { 201: json("The mailbox.", shown, exampleMailbox, { ...location, ...asOf }) },
      failures: [...ofMailboxChange, "mailbox-exists"],
    },
    handler: async (request, reply) => {
      const { account } = request.params;
      const call = enterAccount(request, reply, account, "write");
      const made = await mail.createMailbox({ account, mailbox: request.body }, call);
      const path = `/v1/accounts/${account}/mailboxes/${made.id}`;
      return reply.code(201).header("location", publicPath(publicUrl, path)).send(made);
    },
  });

  app.route({
    method: "PATCH",
    url: "/accounts/:account/mailboxes/:mailbox",
    schema: {
      operationId: "updateMailbox",
      summary: "Rename, move or subscribe to a mailbox",
      description:
        "What is below goes along, and all ids stay, of mailboxes and messages. To give INBOX a name moves its messages to a new mailbox, which is the answer, and leaves INBOX empty.",
      tags: ["mailboxes"],
      params: accountParams.extend({ mailbox: mailboxRef }),
      body: mailboxPatch.meta({ id: "MailboxPatch", description: "What is to be different." }),
      example: { name: "Invoices 2026" },
      response: { 200: json("The mailbox as it is now.", shown, exampleMailbox, asOf) },
      failures: [...ofMailboxChange, "mailbox-exists"],
    },
    handler: async (request, reply) => {
      const { account, mailbox: ref } = request.params;
      const call = enterAccount(request, reply, account, "write");
      return mail.updateMailbox({ account, mailbox: ref, patch: request.body }, call);
    },
  });

  app.route({
    method: "DELETE",
    url: "/accounts/:account/mailboxes/:mailbox",
    schema: {
      operationId: "deleteMailbox",
      summary: "Delete a mailbox",
      description:
        "With its messages, for good: they do not go to Trash. One that has mailboxes below it is not deleted; with `onlyEmpty`, neither is one that has messages.",
      tags: ["mailboxes"],
      params: accountParams.extend({ mailbox: mailboxRef }),
      querystring: onlyEmpty,
      response: { 204: nothing("It is gone.", asOf) },
      failures: [...ofMailboxChange, "mailbox-has-children", "mailbox-not-empty"],
    },
    handler: async (request, reply) => {
      const { account, mailbox: ref } = request.params;
      const call = enterAccount(request, reply, account, "write");
      await mail.deleteMailbox({ account, mailbox: ref, onlyEmpty: request.query.onlyEmpty === "true" }, call);
      return reply.code(204).send(null);
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
