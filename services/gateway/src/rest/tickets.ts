import { accountId, scope } from "@postern/protocol";
import * as z from "zod";
import { exampleAccount } from "./examples.ts";
import { refuseUnknownAccounts } from "./known-accounts.ts";
import { json, notStored } from "./responses.ts";
import { enter, identityOf, type RestOptions, type Scoped } from "./routes.ts";

const ticketScope = scope.exclude(["admin"]);

const ticketRequest = z.strictObject({
  scopes: z
    .array(ticketScope)
    .min(1)
    .default(["read"])
    .describe("What the ticket may do; nothing that its maker's token may not."),
  accounts: z
    .array(accountId)
    .min(1)
    .max(100)
    .optional()
    .describe("The only accounts it is for; absent: those of its maker's token."),
  path: z
    .string()
    .max(4_000)
    .regex(/^\/[!-~]*$/)
    .optional()
    .describe("The only path it opens, as Postern sees it; with a query, the only query too. Absent: any."),
  expiresIn: z.int().min(1).max(3_600).default(300).describe("Seconds."),
});
const madeTicket = z
  .object({
    ticket: z.string().describe("To be sent as `?ticket=…`."),
    scopes: z.array(ticketScope).describe("What the ticket may do."),
    accounts: z.array(z.string()).nullable().describe("The only accounts it is for; null: those of its maker's token."),
    path: z.string().nullable().describe("The only path it opens; null: any."),
    expiresAt: z.iso.datetime().describe("When it stops opening anything."),
  })
  .meta({ id: "Ticket", description: "A short-lived, narrow stand-in for a token." });

const path = `/v1/accounts/${exampleAccount.id}/messages`;

export function ticketRoutes(app: Scoped, { access, store }: RestOptions): void {
  app.route({
    method: "POST",
    url: "/tickets",
    schema: {
      operationId: "createTicket",
      summary: "Make a ticket",
      description:
        "For what cannot send a header: EventSource, WebSocket, `<img>`. Goes into the query of GET and HEAD requests as `ticket`. Ends with the token that it was made with.",
      tags: ["tokens"],
      body: ticketRequest,
      example: { scopes: ["read"], accounts: [exampleAccount.id], path, expiresIn: 300 },
      response: {
        201: json(
          "The ticket.",
          madeTicket,
          {
            ticket: `tkt_${"x".repeat(80)}.${"y".repeat(24)}`,
            scopes: ["read"],
            accounts: [exampleAccount.id],
            path,
            expiresAt: "2026-03-02T09:25:00.000Z",
          },
          notStored,
        ),
      },
    },
    handler: async (request, reply) => {
      enter(request, reply, ...request.body.scopes);
      const { text, expiresAt, ...ticket } = access.issueTicket(identityOf(request), request.body);
      await refuseUnknownAccounts(store.accounts, request.body.accounts ?? []);
      return reply
        .code(201)
        .header("cache-control", "no-store")
        .send({
          ticket: text,
          scopes: ticket.scopes.filter((name) => name !== "admin"),
          accounts: ticket.accounts,
          path: ticket.path,
          expiresAt: new Date(expiresAt * 1_000).toISOString(),
        });
    },
  });
}
