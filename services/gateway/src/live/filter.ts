import { type Event, type EventType, mailboxesOf } from "@postern/protocol";

/** Which events somebody wants; absent: all. */
export interface EventFilter {
  types?: readonly EventType[] | undefined;
  /** Ids. What is no mailbox's is left out where this is given. */
  mailboxes?: readonly string[] | undefined;
}

export function wants({ types, mailboxes }: EventFilter): (event: Event) => boolean {
  const [kinds, places] = [types && new Set<string>(types), mailboxes && new Set(mailboxes)];
  return (event) => {
    if (kinds && !kinds.has(event.type)) return false;
    return !places || mailboxesOf(event).some((mailbox) => places.has(mailbox));
  };
}
