import { type Event, eventType, Failure, mailboxRole, position } from "@postern/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import * as z from "zod";
import { canSee, type Identity } from "../access/index.ts";
import { merged, PositionVector, SseStream, wants } from "../live/index.ts";
import { ofMail } from "./problem-responses.ts";
import { eventStream } from "./responses.ts";
import { accountParams, enter, enterAccount, identityOf, type RestOptions, type Scoped } from "./routes.ts";

/** Accounts that one stream tells of. */
const MOST_ACCOUNTS = 250;

const list = <O extends string>(of: z.ZodType<O, string>) =>
  z
    .string()
    .transform((text) => text.split(","))
    .pipe(z.array(of).min(1).max(100));
const types = list(eventType).optional().describe("Only events of these types, with commas between them.");
const lastEventId = z
  .string()
  .max(8_192)
  .optional()
  .describe("The id of the last event that was received: goes on after it.");
const fields = z.object({ "Last-Event-ID": lastEventId });
const query = z.strictObject({
  types,
  mailboxes: list(z.string().min(1).max(128)).optional().describe("Only what concerns these mailboxes: ids or roles."),
  after: position.optional().describe("Goes on after this `state` or event, where there is no `Last-Event-ID`."),
});
const queryOfAll = z.strictObject({
  types,
  accounts: list(z.string().max(63)).optional().describe("Only these accounts; absent: all that the token sees."),
});

export function eventRoutes(app: Scoped, { mail, store, live, watchdog }: RestOptions): void {
  app.route({
    method: "GET",
    exposeHeadRoute: false,
    url: "/accounts/:account/events",
    schema: {
      operationId: "streamEvents",
      summary: "Stream events",
      description:
        "Server-sent events: `id` is the event's place in the account's sequence, `event` its type, `data` the event as JSON. Without `Last-Event-ID` and `after` it begins now. A comment tells that the stream lives where there is nothing else to tell.",
      tags: ["events"],
      params: accountParams,
      querystring: query,
      fields,
      response: { 200: eventStream },
      failures: [...ofMail, "state-expired"],
    },
    handler: async (request, reply) => {
      const { account } = request.params;
      const call = enterAccount(request, reply, account, "read");
      const { types, mailboxes, after } = request.query;
      const places = mailboxes && (await Promise.all(mailboxes.map((mailbox) => placeOf(account, mailbox))));
      const last = lastSeen(request);
      if (last !== undefined && !position.safeParse(last).success)
        throw new Failure("invalid-request", { detail: "Last-Event-ID is no id of an event of this stream." });
      watchdog.refuseTooMany();
      const { from, batches } = await live.open(account, last ?? after, call);
      return send(request, reply, (signal) => ({
        source: batches(signal),
        wants: wants({ types, mailboxes: places }),
        idAfter: ({ id }) => id,
        idNow: from,
      }));

      async function placeOf(account: string, mailbox: string): Promise<string> {
        if (!mailboxRole.safeParse(mailbox).success) return mailbox;
        return (await mail.getMailbox({ account, mailbox }, call)).id;
      }
    },
  });

  app.route({
    method: "GET",
    exposeHeadRoute: false,
    url: "/events",
    schema: {
      operationId: "streamAllEvents",
      summary: "Stream events of all accounts",
      description: `As the stream of one account, for all that the token sees, at most ${MOST_ACCOUNTS}; those that are registered later are told of when the client comes back. \`id\` is good for coming back here alone.`,
      tags: ["events"],
      querystring: queryOfAll,
      fields,
      response: { 200: eventStream },
      failures: [...ofMail, "state-expired"],
    },
    handler: async (request, reply) => {
      const call = enter(request, reply, "read");
      const { types } = request.query;
      const accounts = await accountsFor(identityOf(request), request.query.accounts);
      const last = lastSeen(request);
      const known = last === undefined ? null : PositionVector.read(last);
      watchdog.refuseTooMany();
      const openings = await Promise.allSettled(
        accounts.map((account) => live.open(account, known?.of(account), call)),
      );
      const opened = openings.flatMap((opening) => (opening.status === "fulfilled" ? [opening.value] : []));
      const failed = openings.find((opening) => opening.status === "rejected");
      if (failed) {
        for (const each of opened) each.close();
        throw failed.reason;
      }
      const vector = new PositionVector(opened.map(({ from }, index) => [accounts[index] ?? "", from]));
      return send(request, reply, (signal) => ({
        source: merged(
          opened.map(({ batches }) => batches(signal)),
          signal,
        ),
        wants: wants({ types }),
        idAfter: (event) => vector.after(event),
        idNow: vector.text(),
      }));
    },
  });

  async function accountsFor(identity: Identity, wanted: readonly string[] | undefined): Promise<string[]> {
    const hidden = wanted?.find((account) => !canSee(identity, account));
    if (hidden !== undefined) throw new Failure("not-found", { detail: `There is no account ${hidden}.` });
    const ids = wanted ?? (identity.accounts ? [...identity.accounts] : undefined);
    const records = await store.accounts.list({ ...(ids && { ids }), limit: MOST_ACCOUNTS + 1 });
    if (records.length > MOST_ACCOUNTS) {
      const detail = `One stream tells of at most ${MOST_ACCOUNTS} accounts: name them with accounts=.`;
      throw new Failure("invalid-request", { detail, errors: [{ path: "accounts", message: detail }] });
    }
    return records.filter(({ disabled }) => !disabled).map(({ id }) => id);
  }

  interface Source {
    source: AsyncGenerator<readonly Event[]>;
    wants: (event: Event) => boolean;
    idAfter: (event: Event) => string;
    idNow: string;
  }

  function send(request: FastifyRequest, reply: FastifyReply, make: (signal: AbortSignal) => Source): FastifyReply {
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, live.draining]);
    const stream = new SseStream({ ...make(signal), signal });
    const remove = watchdog.add({
      actor: identityOf(request).actor,
      stuckSince: () => stream.stuckSince(),
      end: (why) => (why === "slow" ? reply.raw.destroy() : over.abort()),
    });
    reply.raw.once("close", () => {
      remove();
      over.abort();
    });
    return reply
      .type("text/event-stream; charset=utf-8")
      .header("cache-control", "no-store")
      .header("x-accel-buffering", "no")
      .send(stream.body);
  }
}

function lastSeen(request: FastifyRequest): string | undefined {
  const header = request.headers["last-event-id"];
  return typeof header === "string" && header !== "" ? header : undefined;
}
