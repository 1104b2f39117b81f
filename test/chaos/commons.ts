/** What all actors of an account share: messages that all of them flag, and others that all of them move. */
export interface Commons {
  shared: string[];
  travelling: string[];
  /** Flags on shared messages: those that everybody sets, and one of each actor. */
  contested: string[];
  flags: string[];
  /** What Postern calls them, as last heard. */
  ids: Map<string, string>;
}

export function commonsOf(account: string, keywords: readonly string[]): Commons {
  const markers = (kind: string, count: number): string[] =>
    Array.from({ length: count }, (_, at) => `${account}-${kind}-${at}`);
  const contested = ["\\Flagged", "$both"];
  return {
    shared: markers("shared", 5),
    travelling: markers("traveller", 4),
    contested,
    flags: [...contested, ...keywords],
    ids: new Map(),
  };
}
