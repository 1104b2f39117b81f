/** What has been found of a conversation so far. It is kept, so that the next look finds only what is new. */
export interface Conversation {
  /** Message-IDs that are of it, in the order in which they were learnt: those of its beginnings come early. */
  readonly ids: string[];
  readonly known: Set<string>;
  /** The server's own names for it. */
  readonly servers: Set<string>;
  /** Ids of messages that are found by nothing else. */
  readonly messages: Set<string>;
  /** By mailbox. */
  readonly visits: Map<number, Visit>;
}

/** What was found in one mailbox. */
export interface Visit {
  uidValidity: number;
  /** UIDs below were looked at. */
  upTo: number;
  /** Of the conversation's Message-IDs, so many were looked for among those. */
  searched: number;
  /** The mailbox's state then; null: nothing tells whether it has changed. */
  mark: string | null;
  /** By UID: arrival in epoch milliseconds. */
  members: Map<number, number>;
  /** Message-IDs that need not be looked for: the server has followed them. */
  followed: Set<string>;
}

/** Searches of one mailbox for Message-IDs of one conversation, each of up to `IDS_AT_ONCE`. */
const MOST_SEARCHES = 16;
export const IDS_AT_ONCE = 25;
/** How many Message-IDs are looked for, where the server follows none by itself. */
export const MOST_SEARCHED = MOST_SEARCHES * IDS_AT_ONCE;
const MOST_IDS = 20_000;

export function newConversation(): Conversation {
  return { ids: [], known: new Set(), servers: new Set(), messages: new Set(), visits: new Map() };
}

export function newVisit(uidValidity: number): Visit {
  return { uidValidity, upTo: 1, searched: 0, mark: null, members: new Map(), followed: new Set() };
}

/** A seed of the store, whatever it names. */
export function addSeed(conversation: Conversation, seed: string): void {
  if (seed.startsWith("<")) addId(conversation, seed);
  else if (seed.startsWith("thread:")) conversation.servers.add(seed.slice("thread:".length));
  else conversation.messages.add(seed);
}

export function addId(conversation: Conversation, id: string): void {
  if (conversation.known.has(id) || conversation.ids.length >= MOST_IDS) return;
  conversation.known.add(id);
  conversation.ids.push(id);
}

/** Whether there are more Message-IDs than will be looked for in some mailbox. */
export function isComplete({ ids, visits }: Conversation): boolean {
  if (ids.length >= MOST_IDS) return false;
  return [...visits.values()].every(({ searched, followed }) => {
    if (searched >= ids.length) return true;
    return ids.slice(searched).every((id) => followed.has(id));
  });
}
