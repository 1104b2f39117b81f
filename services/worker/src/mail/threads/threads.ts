import { type Call, Failure, isFailure, packThreadId, unpackThreadId } from "@postern/protocol";
import type { MailboxRecord } from "@postern/store";
import type { ListedMailbox } from "../../imap/session.ts";
import { SharedWork } from "../../mirror/shared-work.ts";
import type { Core } from "../core.ts";
import { inParallel } from "../list/in-parallel.ts";
import { markOf } from "../list/states.ts";
import { placeOf } from "../locate-message.ts";
import type { AccountRef } from "../mailboxes/registry.ts";
import { isSelectable } from "../mailboxes/tree.ts";
import { openMailbox } from "../open-mailbox.ts";
import { addSeed, type Conversation, isComplete, MOST_SEARCHED, newConversation } from "./conversation.ts";
import { look } from "./look.ts";

/** A conversation's messages over all mailboxes. */
export interface Members {
  /** All names of it, the oldest first. */
  threadIds: string[];
  complete: boolean;
  /** By mailbox, and there by UID: arrival in epoch milliseconds. */
  byMailbox: ReadonlyMap<number, { uidValidity: number; members: ReadonlyMap<number, number> }>;
}

export interface Threads {
  /** All names of the conversation that this thread is of. Throws `not-found` for one that was never given. */
  names(core: Core, account: AccountRef, id: string): Promise<string[]>;
  /** What is of it now. Throws `not-found` for one that was never given. */
  members(core: Core, account: AccountRef, id: string, call: Call): Promise<Members>;
}

/** Conversations kept in memory; the one that was not asked for longest makes room. */
const CONVERSATIONS = 500;
/** Each may learn of Message-IDs that must be looked for again elsewhere. */
const MOST_ROUNDS = 12;

export function createThreads(): Threads {
  const memory = new Map<string, Conversation>();
  const shared = new SharedWork();

  const conversationOf = (key: string): Conversation => {
    const conversation = memory.get(key) ?? newConversation();
    memory.delete(key);
    memory.set(key, conversation);
    const [oldest] = memory.keys();
    if (memory.size > CONVERSATIONS && oldest !== undefined) memory.delete(oldest);
    return conversation;
  };

  return {
    names: async (core, account, id) => (await stored(core, account, id)).names,
    members: async (core, account, id, call) => {
      const { threads } = await stored(core, account, id);
      const root = threads[0] ?? 0;
      return shared.ask(`search thread ${account.key} ${root}`, call, (own) =>
        gather(core, account, root, conversationOf(`${account.key}.${root}`), own),
      );
    },
  };
}

async function stored(core: Core, account: AccountRef, id: string) {
  const name = unpackThreadId(id);
  const found = name?.accountKey === account.key ? await core.threadStore.find(account.id, name.thread) : null;
  if (!found) throw new Failure("not-found", { detail: "There is no such thread." });
  return { ...found, names: found.threads.map((thread) => packThreadId({ accountKey: account.key, thread })) };
}

/** Mailbox by mailbox, again and again, until nothing is learnt any more. */
async function gather(
  core: Core,
  account: AccountRef,
  root: number,
  conversation: Conversation,
  call: Call,
): Promise<Members> {
  const listing = await core.listings.current(account, "offered", call);
  const mailboxes = listing.listed.flatMap((listed): Target[] => {
    const record = listing.records.get(listed.path);
    return record && isSelectable(listed) ? [{ record, listed }] : [];
  });
  const there = new Set(mailboxes.map(({ record }) => record.key));
  for (const key of conversation.visits.keys()) if (!there.has(key)) conversation.visits.delete(key);
  const looked = new Set<number>();
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const known = await core.threadStore.find(account.id, root);
    for (const seed of known?.seeds ?? []) addSeed(conversation, seed);
    const pending = mailboxes.filter((target) => isPending(conversation, target, looked));
    if (pending.length === 0) break;
    const own = await placesOf(core, account, conversation);
    await inParallel(pending, async ({ record }) => {
      looked.add(record.key);
      await lookInto(core, account, record, conversation, own.get(record.key) ?? [], call);
    });
  }
  const names = (await core.threadStore.find(account.id, root))?.threads ?? [root];
  return {
    threadIds: names.map((thread) => packThreadId({ accountKey: account.key, thread })),
    complete: isComplete(conversation),
    byMailbox: new Map(
      [...conversation.visits].map(([mailbox, { uidValidity, members }]) => [
        mailbox,
        { uidValidity, members: new Map(members) },
      ]),
    ),
  };
}

interface Target {
  record: MailboxRecord;
  listed: ListedMailbox;
}

/** Whether a mailbox may have something that was not seen: it has changed, or more is known to look for. */
function isPending({ visits, ids }: Conversation, { record, listed }: Target, looked: ReadonlySet<number>): boolean {
  const visit = visits.get(record.key);
  if (!visit) return listed.status?.messages !== 0 && !looked.has(record.key);
  if (
    visit.searched < Math.min(ids.length, MOST_SEARCHED) &&
    ids.slice(visit.searched).some((id) => !visit.followed.has(id))
  )
    return true;
  if (looked.has(record.key)) return false;
  return visit.mark === null || !listed.status || markOf(record.key, listed.status) !== visit.mark;
}

/** Where messages are that are found by their ids alone. */
async function placesOf(
  core: Core,
  account: AccountRef,
  { messages }: Conversation,
): Promise<Map<number, { uid: number; uidValidity: number }[]>> {
  const places = await Promise.all(
    [...messages].map((id) =>
      placeOf(core, account, id).catch((error: unknown) => {
        if (isFailure(error, "not-found") || isFailure(error, "message-gone")) return null;
        throw error;
      }),
    ),
  );
  return Map.groupBy(
    places.filter((place) => place !== null),
    ({ mailbox }) => mailbox,
  );
}

/** A mailbox that went meanwhile, or that may be seen and not read, has nothing to tell. */
async function lookInto(
  core: Core,
  account: AccountRef,
  record: MailboxRecord,
  conversation: Conversation,
  own: readonly { uid: number; uidValidity: number }[],
  call: Call,
): Promise<void> {
  let opened = false;
  const request = { account, mailbox: record.key, lane: "interactive", call } as const;
  try {
    await openMailbox(core, request, async (open) => {
      opened = true;
      const here = own.filter(({ uidValidity }) => uidValidity === open.state.uidValidity).map(({ uid }) => uid);
      await core.threadIds.ofEvidence(open, await look(open, conversation, here));
    });
  } catch (error) {
    const isDenied = isFailure(error, "not-permitted") || (isFailure(error) && error.upstream?.code === "NOPERM");
    if (opened || !(isFailure(error, "not-found") || isDenied)) throw error;
    conversation.visits.delete(record.key);
  }
}
