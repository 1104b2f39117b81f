import { type Event, type MailboxRole, readPosition } from "@postern/protocol";
import { requireAccount } from "../access/index.ts";
import type { Opened } from "../live/index.ts";
import type { GraphQLResolveInfo } from "graphql";
import type { SubscriptionContext } from "./context.ts";
import { type ListChange, listChanges } from "./live-list.ts";
import { messageFieldsFor } from "./message-fields.ts";
import { type ConnectionArguments, filterOf, invalid, limitOf } from "./messages.ts";
import { selectedAt } from "./selection.ts";

interface EventsArguments {
  account: string;
  after?: string | null;
}

export interface ListArguments extends Pick<ConnectionArguments, "filter" | "sort" | "first" | "after"> {
  account: string;
  mailbox?: string | null;
  role?: MailboxRole | null;
}

/** What is told; or why nothing more will be, which is the last. */
type Told<T> = { value: T } | { failure: unknown };

export const subscriptions = {
  events: {
    subscribe: async (_: unknown, { account, after }: EventsArguments, context: SubscriptionContext) => {
      requireAccount(context.identity, account, "read");
      const opened = await open(account, after ?? undefined, context);
      return told(context, opened, (signal) => oneByOne(opened.batches(signal)));
    },
    resolve: valueOf<Event>,
  },
  messages: {
    subscribe: async (_: unknown, args: ListArguments, context: SubscriptionContext, info: GraphQLResolveInfo) => {
      const { account, after } = args;
      requireAccount(context.identity, account, "read");
      if (after && !readPosition(after)) throw invalid("after", "is no state that was ever given");
      const input = await inputOf(args, context, info);
      const opened = await open(account, undefined, context);
      return told(context, opened, (signal) =>
        listChanges({ input, after: after ?? null, batches: opened.batches(signal), context }),
      );
    },
    resolve: valueOf<ListChange>,
  },
};

function open(
  account: string,
  after: string | undefined,
  { live, watchdog, call }: SubscriptionContext,
): Promise<Opened> {
  watchdog.refuseTooMany();
  return live.open(account, after, call);
}

async function inputOf(args: ListArguments, { mail, call }: SubscriptionContext, info: GraphQLResolveInfo) {
  const { account, mailbox, role, sort, first } = args;
  if (mailbox && role) throw invalid("role", "give mailbox or role, not both");
  const place = mailbox ?? role;
  const filter = filterOf(args.filter);
  return {
    account,
    // By its id, whatever it is for later on.
    ...(place && { mailbox: (await mail.getMailbox({ account, mailbox: place }, call)).id }),
    ...(filter && { filter }),
    ...(sort && { sort }),
    limit: limitOf("first", first),
    fields: messageFieldsFor(selectedAt(info, "MessageListChange", ["added", "message"], ["changed"])),
  };
}

async function* oneByOne<T>(batches: AsyncGenerator<readonly T[]>): AsyncGenerator<T> {
  for await (const batch of batches) yield* batch;
}

function valueOf<T>(told: Told<T>): T {
  if ("failure" in told) throw told.failure;
  return told.value;
}

/**
 * What a source gives, until its token ends, the gateway leaves or nobody listens any more. A generator that waits does not hear
 * of the last: it is told.
 */
function told<T>(
  { identity, live, watchdog, cut }: SubscriptionContext,
  opened: Opened,
  make: (signal: AbortSignal) => AsyncGenerator<T>,
): AsyncIterableIterator<Told<T>> {
  const over = new AbortController();
  let offeredAt: number | null = null;
  const forget = watchdog.add({
    actor: identity.actor,
    stuckSince: () => offeredAt,
    end: (why) => {
      over.abort();
      if (why === "slow") cut();
    },
  });
  const source = withLastWord(make(AbortSignal.any([over.signal, live.draining])));
  const leave = (): void => {
    forget();
    over.abort();
    opened.close();
  };
  return {
    next: async () => {
      offeredAt = null;
      const result = await source.next();
      if (result.done) leave();
      else offeredAt = Date.now();
      return result;
    },
    return: async () => {
      leave();
      await source.return(undefined);
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** Errors of a source would end the whole connection: they are told as the last that there is. */
async function* withLastWord<T>(source: AsyncGenerator<T>): AsyncGenerator<Told<T>> {
  try {
    for await (const value of source) yield { value };
  } catch (failure) {
    yield { failure };
  }
}
