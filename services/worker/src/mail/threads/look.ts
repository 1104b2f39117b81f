import { isFailure } from "@postern/protocol";
import type { SearchKey } from "../../imap/session.ts";
import { conjunction, disjunction } from "../list/search-key.ts";
import { markOf } from "../list/states.ts";
import type { OpenMailbox } from "../open-mailbox.ts";
import { addId, type Conversation, IDS_AT_ONCE, MOST_SEARCHED, newVisit, type Visit } from "./conversation.ts";
import { type Evidence, readEvidence } from "./evidence.ts";

/** New messages are looked at one by one up to this many; more are searched by the server. */
const FEW = 200;

/**
 * Looks into the opened mailbox for what is of the conversation and was not seen yet: among all of its messages for the
 * Message-IDs that were not looked for before, and among the new ones for all. What is found may name further ones.
 * `own`: UIDs here that are of it whatever they say.
 */
export async function look(open: OpenMailbox, conversation: Conversation, own: readonly number[]): Promise<Evidence[]> {
  const visit = visitOf(open, conversation);
  await forgetGone(open, visit);
  const end = open.state.uidNext;
  // Others look elsewhere meanwhile, and learn of more.
  const ids = conversation.ids.slice(0, MOST_SEARCHED);
  const found = new Map<number, Evidence>();
  const take = (evidence: readonly Evidence[]): void => {
    for (const each of evidence) if (!visit.members.has(each.uid)) found.set(each.uid, each);
  };
  if (visit.upTo > 1 && end - visit.upTo <= FEW && end > visit.upTo)
    take(ofConversation(conversation, await readEvidence(open.session, range(visit.upTo, end))));
  else if (end > visit.upTo) take(await searched(open, conversation, visit, visit.upTo, ids));
  if (visit.searched < ids.length && visit.upTo > 1)
    take(await searched(open, conversation, visit, 1, ids.slice(visit.searched)));
  const missing = own.filter((uid) => !visit.members.has(uid) && !found.has(uid));
  if (missing.length > 0) take(await readEvidence(open.session, { uids: missing }));
  visit.upTo = Math.max(visit.upTo, end);
  visit.searched = ids.length;
  visit.mark = markOf(open.record.key, open.state);
  for (const each of found.values()) {
    visit.members.set(each.uid, each.receivedAt ?? 0);
    for (const id of [...each.references, each.messageId]) if (id !== null) addId(conversation, id);
  }
  return [...found.values()];
}

function visitOf({ record, state }: OpenMailbox, { visits }: Conversation): Visit {
  const known = visits.get(record.key);
  if (known?.uidValidity === state.uidValidity) return known;
  const visit = newVisit(state.uidValidity);
  visits.set(record.key, visit);
  return visit;
}

async function forgetGone({ session }: OpenMailbox, { members }: Visit): Promise<void> {
  if (members.size === 0) return;
  const there = new Set(await session.search({ uids: [...members.keys()] }));
  for (const uid of members.keys()) if (!there.has(uid)) members.delete(uid);
}

function range(from: number, end: number): { uidRange: { from: number; to: number } } {
  return { uidRange: { from, to: end - 1 } };
}

/** Whatever order they come in: one may be of it by another. */
function ofConversation(conversation: Conversation, all: readonly Evidence[]): Evidence[] {
  const known = new Set(conversation.known);
  const found: Evidence[] = [];
  let rest = all;
  for (;;) {
    const more = rest.filter(
      ({ server, messageId, references }) =>
        (server !== null && conversation.servers.has(server)) ||
        (messageId !== null && known.has(messageId)) ||
        references.some((id) => known.has(id)),
    );
    if (more.length === 0) return found;
    found.push(...more);
    for (const { messageId, references } of more) {
      if (messageId !== null) known.add(messageId);
      for (const id of references) known.add(id);
    }
    const taken = new Set(more);
    rest = rest.filter((each) => !taken.has(each));
  }
}

/** From `from` on, for these Message-IDs and the server's names. */
async function searched(
  open: OpenMailbox,
  conversation: Conversation,
  visit: Visit,
  from: number,
  ids: readonly string[],
): Promise<Evidence[]> {
  const { session, state } = open;
  const within = range(from, state.uidNext);
  const uids = new Set<number>();
  for (const uid of await byServerName(open, conversation, within)) uids.add(uid);
  const wanted = ids.filter((id) => !visit.followed.has(id));
  const follows = session.abilities.threads.has("REFS") && from === 1;
  for (let at = 0; at < wanted.length; at += IDS_AT_ONCE) {
    const some = disjunction(wanted.slice(at, at + IDS_AT_ONCE).flatMap(keysOf));
    const followed = follows ? await threadOf(open, some) : null;
    for (const uid of followed ?? (await session.search(conjunction([within, some])))) uids.add(uid);
  }
  const fresh = [...uids].filter((uid) => !visit.members.has(uid));
  const evidence = await readEvidence(session, { uids: fresh });
  const found = ofConversation(conversation, evidence);
  if (follows) for (const { messageId, references } of found) note(visit, messageId, references);
  return found;
}

function note({ followed }: Visit, messageId: string | null, references: readonly string[]): void {
  if (messageId !== null) followed.add(messageId);
  for (const id of references) followed.add(id);
}

/** With its brackets, a part of a header's value can only be the whole identifier. */
function keysOf(id: string): SearchKey[] {
  return ["Message-ID", "References", "In-Reply-To"].map((header) => ({ header, value: id }));
}

async function byServerName({ session }: OpenMailbox, { servers }: Conversation, within: SearchKey): Promise<number[]> {
  const by = session.abilities.objectId ? "objectId" : session.abilities.gmail ? "gmail" : null;
  if (by === null || servers.size === 0) return [];
  return session.search({ and: [within, disjunction([...servers].map((threadId) => ({ threadId, by })))] });
}

/** The server follows references within the mailbox by itself. Null: it does not know how to be asked. */
async function threadOf({ session }: OpenMailbox, key: SearchKey): Promise<number[] | null> {
  try {
    return (await session.thread("REFS", { inThread: key })).flat();
  } catch (error) {
    if (isFailure(error, "upstream-refused") && session.usable) return null;
    throw error;
  }
}
