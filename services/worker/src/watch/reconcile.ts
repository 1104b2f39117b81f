import type { SeenMessage } from "./seen.ts";

/** A message in a mailbox. */
export interface At {
  mailbox: number;
  uidValidity: number;
  message: SeenMessage;
}

/** What was known of a message; flags are null where they were not. */
export type Known = Omit<SeenMessage, "flags"> & { flags: string | null };

/** A message in a mailbox, as it was. */
export interface Before extends Omit<At, "message"> {
  message: Known;
}

/** What became of one message. */
export interface Change {
  before: Before | null;
  after: At | null;
}

/** What a mailbox has now of what may have changed. */
export interface Found {
  mailbox: number;
  uidValidity: number;
  /** As they are now. Those that have not changed may be missing. */
  present: readonly SeenMessage[];
  /** What was known and is no more. */
  gone: readonly Known[];
  /** UIDVALIDITY under which it was known; another one than `uidValidity` after a reset. */
  knownValidity: number;
}

/**
 * What has happened, from what was known of mailboxes and what they have now. Pure. A message that is gone here and has
 * come there is one that moved, if it has the same id, or else is the only one with its GUID. `unmet`: nobody has seen
 * either under an id.
 */
export function reconcile(
  known: (mailbox: number, uid: number) => Known | null,
  found: readonly Found[],
  idOf: (at: Before) => string,
  unmet: (at: Before) => boolean,
): Change[] {
  const changes: Change[] = [];
  const gone: Before[] = [];
  const come: At[] = [];
  for (const { mailbox, uidValidity, knownValidity, present, gone: lost } of found) {
    for (const message of lost) gone.push({ mailbox, uidValidity: knownValidity, message });
    for (const message of present) {
      const after = { mailbox, uidValidity, message };
      const before = knownValidity === uidValidity ? known(mailbox, message.uid) : null;
      if (before === null) come.push(after);
      else if (before.flags !== message.flags) changes.push({ before: { ...after, message: before }, after });
    }
  }
  const moved = pairs(gone, come, idOf);
  const guidOf = onlyOnes([gone, come], (at) => (unmet(at) ? at.message.guid : null));
  moved.push(...pairs(gone, come, guidOf));
  return [
    ...moved.map(([before, after]) => ({ before, after })),
    ...come.map((after) => ({ before: null, after })),
    ...changes,
    ...gone.map((before) => ({ before, after: null })),
  ];
}

/** The handle where no other of its list has it: which of several copies went where, nobody can tell. */
function onlyOnes(
  lists: readonly (readonly Before[])[],
  handle: (at: Before) => string | null,
): (at: Before) => string | null {
  const several = new Set<string>();
  for (const list of lists) {
    const met = new Set<string>();
    for (const { message } of list) {
      if (message.guid !== null && met.has(message.guid)) several.add(message.guid);
      else if (message.guid !== null) met.add(message.guid);
    }
  }
  return (at) => {
    const name = handle(at);
    return name !== null && several.has(name) ? null : name;
  };
}

/** Takes out of both those that have the same handle, in order. */
function pairs(gone: Before[], come: At[], handle: (at: Before) => string | null): [before: Before, after: At][] {
  if (gone.length === 0 || come.length === 0) return [];
  const waiting = new Map<string, At[]>();
  for (const at of come) add(waiting, handle(at), at);
  const found: [Before, At][] = [];
  const [leftGone, taken] = [[] as Before[], new Set<At>()];
  for (const before of gone) {
    const name = handle(before);
    const after = name === null ? undefined : waiting.get(name)?.shift();
    if (!after) leftGone.push(before);
    else {
      taken.add(after);
      found.push([before, after]);
    }
  }
  const leftCome = come.filter((at) => !taken.has(at));
  gone.splice(0, gone.length, ...leftGone);
  come.splice(0, come.length, ...leftCome);
  return found;
}

function add<T>(map: Map<string, T[]>, name: string | null, value: T): void {
  if (name === null) return;
  const values = map.get(name);
  if (values) values.push(value);
  else map.set(name, [value]);
}
