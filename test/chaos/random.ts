/** Chance that is the same for the same seed. */
export interface Random {
  /** From 0 up to, but not including, 1. */
  next(): number;
  /** A whole number below `end`. */
  below(end: number): number;
  /** From `low` to `high`, both included. */
  between(low: number, high: number): number;
  of<T>(choices: readonly T[]): T;
  /** One of the names, each as often as its weight says. */
  weighed<T extends string>(weights: Readonly<Record<T, number>>): T;
}

/** mulberry32. Each `name` has a sequence of its own, so that what one actor does hangs on nobody else's luck. */
export function randomFrom(seed: number, name = ""): Random {
  let state = seed >>> 0;
  for (let at = 0; at < name.length; at += 1) state = Math.imul(state ^ name.charCodeAt(at), 0x01_00_01_93) >>> 0;
  const next = (): number => {
    state = (state + 0x6d_2b_79_f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (end: number): number => Math.floor(next() * end);
  const of = <T>(choices: readonly T[]): T => {
    if (choices.length === 0) throw new Error("there is nothing to choose from");
    return choices[below(choices.length)] as T;
  };
  return {
    next,
    below,
    between: (low, high) => low + below(high - low + 1),
    of,
    weighed<T extends string>(weights: Readonly<Record<T, number>>): T {
      const names = Object.keys(weights) as T[];
      let left = next() * names.reduce((sum, name) => sum + weights[name], 0);
      for (const name of names) {
        left -= weights[name];
        if (left < 0) return name;
      }
      return of(names);
    },
  };
}
