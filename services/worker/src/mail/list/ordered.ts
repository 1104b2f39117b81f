import type { Call } from "@postern/protocol";
import type { OpenMailbox } from "../open-mailbox.ts";
import type { FactStore } from "../rows/fact-store.ts";
import { fetchFacts, readFacts } from "../rows/facts.ts";
import type { SortValue } from "./cursor.ts";
import { compareValues, type Order } from "./order.ts";
import { type Query, tooCostly } from "./query.ts";

/** What a query finds in one mailbox, in a sorted order, read by rank. */
export interface Ordered {
  /** UIDs of ranks `from` to `to` (1-based, inclusive), and how many there are at all. What the window asked for last
   *  holds is cut from it: then both are of one moment. */
  window(from: number, to: number): Promise<Window>;
  /** How many there are, as of the last window. */
  total(): Promise<number>;
  /** What they are sorted by. Those that are gone are missing. */
  values(uids: readonly number[]): Promise<Map<number, SortValue>>;
}

/** Messages that are sorted here where the server does not sort: all that match have to be looked at. */
export const MOST_SORTED_HERE = 20_000;

export function ordered(store: FactStore, open: OpenMailbox, query: Query, order: Order, call: Call): Ordered {
  const values = async (uids: readonly number[]): Promise<Map<number, SortValue>> => {
    const facts = await readFacts(store, open, uids, order.facts, call);
    return new Map([...facts].map(([uid, known]) => [uid, order.valueOf(known)]));
  };
  if (open.session.abilities.sort) {
    const by = { by: order.by, reverse: order.reverse };
    return { ...remembering((from, to) => open.session.sort(by, query.key, { from, to })), values };
  }
  return sortedHere(() => sortHere(open, query, order));
}

export interface Window {
  uids: number[];
  total: number;
}

type ReadWindow = (from: number, to: number) => Promise<Window>;

/** Sorting is dear to a server: what the last window holds is not asked for again. */
function remembering(read: ReadWindow): Pick<Ordered, "window" | "total"> {
  let last: (Window & { from: number; to: number }) | null = null;
  const window: ReadWindow = async (from, to) => {
    if (!last || from < last.from || Math.min(to, last.total) > last.to) last = { ...(await read(from, to)), from, to };
    return { uids: last.uids.slice(from - last.from, to - last.from + 1), total: last.total };
  };
  return { window, total: async () => (last ?? (await window(1, 1))).total };
}

function sortedHere(sort: () => Promise<Map<number, SortValue>>): Ordered {
  let sorted: Promise<Map<number, SortValue>> | null = null;
  const all = (): Promise<Map<number, SortValue>> => (sorted ??= sort());
  return {
    async window(from, to) {
      const uids = [...(await all()).keys()];
      return { uids: uids.slice(from - 1, to), total: uids.length };
    },
    async total() {
      return (await all()).size;
    },
    async values(uids) {
      const known = await all();
      return new Map(uids.flatMap((uid) => entryOf(known, uid)));
    },
  };
}

function entryOf(known: ReadonlyMap<number, SortValue>, uid: number): [number, SortValue][] {
  const value = known.get(uid);
  return value === undefined ? [] : [[uid, value]];
}

async function sortHere({ session }: OpenMailbox, query: Query, order: Order): Promise<Map<number, SortValue>> {
  const window = { from: 1, to: MOST_SORTED_HERE };
  const { uids, total } = await session.searchWindow(query.key, window);
  if (total > MOST_SORTED_HERE) {
    throw tooCostly(
      `The mail server cannot sort, and Postern sorts at most ${MOST_SORTED_HERE} messages of a mailbox by itself; ` +
        `here are ${total}. A filter that finds fewer, or no sort in a single mailbox, is possible.`,
    );
  }
  const facts = await fetchFacts(session, uids, order.facts);
  const entries = [...facts].map(([uid, known]): [number, SortValue] => [uid, order.valueOf(known)]);
  return new Map(entries.sort(([a, x], [b, y]) => compareValues(order, x, y) || a - b));
}
