import {
  BEGINNING,
  comparePositions,
  type Event,
  Failure,
  isFailure,
  type ListMessagesInput,
  type Message,
  type MessagePage,
  type Position,
} from "@postern/protocol";
import { wants } from "../live/index.ts";
import type { SubscriptionContext } from "./context.ts";
import type { MessageSource } from "./messages.ts";

/** What leads from a list as it was to the list as it is. */
export interface ListChange {
  reset: boolean;
  removed: string[];
  added: { index: number; message: MessageSource }[];
  changed: MessageSource[];
  totalCount: number | null;
  state: Position;
}

export interface LiveList {
  input: ListMessagesInput;
  /** The state of the latest change that the client has applied; null: it has nothing. */
  after: Position | null;
  /** The account's events from before the list is read first. */
  batches: AsyncGenerator<readonly Event[]>;
  context: SubscriptionContext;
}

/**
 * A list that is kept up to date: whenever something has happened that may concern it, it is read again, which costs a look at the
 * mirror, and what is different is told. What happens while it is read is looked at together afterwards.
 */
export async function* listChanges({ input, after, batches, context }: LiveList): AsyncGenerator<ListChange> {
  const { account, mailbox } = input;
  const concerns = wants({ mailboxes: mailbox === undefined ? undefined : [mailbox] });
  const first = await read(input, null, context);
  if (!first) throw new Failure("internal", { cause: new Error("not modified, though no etag was sent") });
  let page: MessagePage = first;
  // In this order: what changes nothing up to now has not changed the page before.
  if (after === null || !(await isUnchanged(input, after, context))) yield whole(account, page);
  let isStale = false;
  for await (const events of batches) {
    const { state = BEGINNING }: MessagePage = page;
    isStale ||= events.some((event) => isOfMail(event) && concerns(event) && comparePositions(event.id, state) > 0);
    if (!isStale) continue;
    const next: MessagePage | null | undefined = await read(input, page, context).catch((error: unknown) => {
      if (isFailure(error) && error.retryable) return undefined;
      throw error;
    });
    // The mail server is away: it is asked again with the next batch, which comes soon, though it be empty.
    if (next === undefined) continue;
    isStale = false;
    if (next === null) continue;
    const change = { reset: false, ...difference(account, page.items, next.items), ...ends(next) };
    const isNews = change.totalCount !== page.total;
    page = next;
    if (isNews || change.removed.length + change.added.length + change.changed.length > 0) yield change;
  }
}

/** Null: it is still the same. */
async function read(
  input: ListMessagesInput,
  known: MessagePage | null,
  context: SubscriptionContext,
): Promise<MessagePage | null> {
  context.renew();
  const answer = await context.mail.listMessages(known ? { ...input, ifNoneMatch: [known.etag] } : input, context.call);
  return answer.notModified ? null : answer;
}

/** A state that cannot be gone on from is as good as none: the page is told whole. */
async function isUnchanged(
  { account, mailbox }: ListMessagesInput,
  since: Position,
  { mail, call }: SubscriptionContext,
): Promise<boolean> {
  try {
    const changes = await mail.getChanges(
      { account, since, limit: 1, ...(mailbox !== undefined && { mailbox }) },
      call,
    );
    const { created, updated, destroyed, hasMore } = changes;
    return !hasMore && created.length + updated.length + destroyed.length === 0;
  } catch (error) {
    if (isFailure(error, "state-expired")) return false;
    throw error;
  }
}

function isOfMail({ type }: Event): boolean {
  return !type.startsWith("account.");
}

function whole(account: string, page: MessagePage): ListChange {
  return { reset: true, ...difference(account, [], page.items), ...ends(page) };
}

function ends({ total, state = BEGINNING }: MessagePage): Pick<ListChange, "totalCount" | "state"> {
  return { totalCount: total, state };
}

function difference(
  account: string,
  before: readonly Message[],
  after: readonly Message[],
): Pick<ListChange, "removed" | "added" | "changed"> {
  const places = new Map(before.map(({ id }, index) => [id, index]));
  const both = after.filter(({ id }) => places.has(id));
  const inOrder = rising(both.map(({ id }) => places.get(id) ?? 0));
  const kept = new Map(
    both.flatMap(({ id }, index) => (inOrder.has(index) ? [[id, before[places.get(id) ?? 0]]] : [])),
  );
  const shown = (message: Message): MessageSource => ({ ...message, account });
  return {
    removed: before.flatMap(({ id }) => (kept.has(id) ? [] : [id])),
    added: after.flatMap((message, index) => (kept.has(message.id) ? [] : [{ index, message: shown(message) }])),
    changed: after.flatMap((message) => {
      const old = kept.get(message.id);
      return old && JSON.stringify(old) !== JSON.stringify(message) ? [shown(message)] : [];
    }),
  };
}

/** Where the longest subsequence that rises has its numbers: what need not be moved. */
function rising(numbers: readonly number[]): Set<number> {
  const ends: number[] = [];
  const before: number[] = [];
  for (const [index, number] of numbers.entries()) {
    const at = ends.findLastIndex((end) => (numbers[end] ?? 0) < number) + 1;
    before.push(ends[at - 1] ?? -1);
    ends[at] = index;
  }
  const found = new Set<number>();
  for (let at = ends.at(-1) ?? -1; at >= 0; at = before[at] ?? -1) found.add(at);
  return found;
}
