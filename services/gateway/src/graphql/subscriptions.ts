import type { Event } from "@postern/protocol";
import { requireAccount } from "../access/index.ts";
import type { SubscriptionContext } from "./context.ts";

interface EventsArguments {
  account: string;
  after?: string | null;
}

export const subscriptions = {
  events: {
    subscribe: async (_: unknown, { account, after }: EventsArguments, context: SubscriptionContext) => {
      const { identity, live, watchdog, call } = context;
      requireAccount(identity, account, "read");
      const { batches } = await live.open(account, after ?? undefined, call);
      const over = new AbortController();
      const forget = watchdog.add({ actor: identity.actor, stuckSince: () => null, end: () => over.abort() });
      const source = oneByOne(batches(AbortSignal.any([over.signal, live.draining])));
      return leaving(source, () => {
        forget();
        over.abort();
      });
    },
  },
};

async function* oneByOne(batches: AsyncGenerator<readonly Event[]>): AsyncGenerator<{ events: Event }> {
  for await (const batch of batches) for (const event of batch) yield { events: event };
}

/** A generator that waits does not hear that nobody listens any more: it is told. */
function leaving<T>(source: AsyncGenerator<T>, leave: () => void): AsyncIterableIterator<T> {
  return {
    next: async () => {
      const result = await source.next();
      if (result.done) leave();
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
