import * as z from "zod";

/** A thread as it is kept: the one that it is part of by now (itself, mostly), and what finds it on the server. */
export interface StoredThread {
  joined: number;
  seeds: string[];
}

/** However many come to a thread by ways of their own. */
export const MOST_SEEDS = 20;

const seedList = z.array(z.string());
export const readSeeds = (body: string): string[] => seedList.parse(JSON.parse(body));

/** The list with the best of the new ones; null where one of them is in it already, or it is full. */
export function addSeeds(known: readonly string[], more: readonly string[]): string[] | null {
  const [best] = more;
  if (best === undefined || known.length >= MOST_SEEDS || more.some((seed) => known.includes(seed))) return null;
  return [...known, best];
}
