import { type Call, Failure, isFailure, unpackMessageId } from "@postern/protocol";
import type { MailboxRecord, MessagePlace } from "@postern/store";
import type { Core } from "./core.ts";
import { accountRef, type OpenMailbox, openMailbox } from "./open-mailbox.ts";
import type { AccountRef } from "./mailboxes/registry.ts";
import { rematch } from "./places/rematch.ts";

/** Where the message of an id is. */
export interface Place extends MessagePlace {
  /** It was not born there. */
  isMoved: boolean;
}

export interface Located extends OpenMailbox {
  id: string;
  uid: number;
}

export interface LocateRequest {
  account: string;
  /** `msg_…` */
  message: string;
  lane: "interactive" | "bulk";
  call: Call;
}

/**
 * Lends a session on which the message's mailbox is selected, its UIDVALIDITY looked at. `work` finds out itself whether
 * the UID still exists and throws `messageGone()` when not; it may run a second time on another session.
 * Throws `not-found` for what was never issued and `message-gone` for what was.
 */
export async function locateMessage<T>(
  core: Core,
  { account: accountId, message: id, lane, call }: LocateRequest,
  work: (located: Located) => Promise<T>,
): Promise<T> {
  const account = await accountRef(core, accountId);
  const place = (await placesOf(core, account, [id])).get(id) ?? noSuchMessage();
  if (isFailure(place, "not-found")) throw place;
  const at = ({ mailbox, ...there }: Place): Promise<T> =>
    openForMessages(core, { account, mailbox, lane, call }, async (open) => {
      const failure = absence({ mailbox, ...there }, open);
      if (failure) throw failure;
      return work({ ...open, id, uid: there.uid });
    });
  try {
    if (place instanceof Failure) throw place;
    return await at(place);
  } catch (error) {
    const asked = { id, place: place instanceof Failure ? null : place };
    const moved = isFailure(error, "message-gone") && (await follow(core, account, [asked], call)).get(id);
    if (!moved) throw error;
    return at(moved);
  }
}

/** As `openMailbox`, for messages known by id: where their mailbox is no more, they are gone. */
export async function openForMessages<T>(
  core: Core,
  request: Parameters<typeof openMailbox>[1],
  work: (open: OpenMailbox) => Promise<T>,
): Promise<T> {
  let opened = false;
  try {
    return await openMailbox(core, request, (open) => {
      opened = true;
      return work(open);
    });
  } catch (error) {
    if (opened || !isFailure(error, "not-found")) throw error;
    const record = await core.registry.find(request.account, request.mailbox);
    // One that is there for those below it alone has lost what it had (RFC 9051 section 6.3.5).
    throw record && (record.goneAt !== null || record.uidValidity !== null) ? messageGone() : error;
  }
}

/** Throws `not-found` for an id that cannot have been issued for this account, `message-gone` when its mailbox is no more. */
export async function placeOf(core: Core, account: AccountRef, id: string): Promise<Place> {
  const place = (await placesOf(core, account, [id])).get(id) ?? noSuchMessage();
  if (place instanceof Failure) throw place;
  return place;
}

/**
 * Where messages are, each or why it can be nowhere. At most one round trip to the store, none where nothing was moved
 * away. What comes out by `message-gone` may have been moved since: see `follow`.
 */
export async function placesOf(
  core: Core,
  account: AccountRef,
  ids: readonly string[],
): Promise<Map<string, Place | Failure>> {
  const result = new Map<string, Place | Failure>();
  const born: { id: string; birth: MessagePlace }[] = [];
  for (const id of new Set(ids)) {
    const birth = await birthOf(core, account, id);
    if (birth) born.push({ id, birth });
    else result.set(id, noSuchMessage());
  }
  const places = await core.places.whereAre(
    account,
    born.map(({ birth }) => birth),
  );
  for (const [index, { id, birth }] of born.entries()) {
    const place = places[index] ?? birth;
    result.set(id, await whereStill(core, account, birth, place));
  }
  return result;
}

/** Null for an id that was never issued. */
async function birthOf(core: Core, account: AccountRef, id: string): Promise<MessagePlace | null> {
  const unpacked = unpackMessageId(id);
  if (!unpacked || unpacked.accountKey !== account.key) return null;
  const { mailboxKey, uidValidity, uid } = unpacked;
  const record = await core.registry.find(account, mailboxKey);
  // What is known of a mailbox that is there may be behind: opening it tells.
  const mayBe = record !== null && (record.goneAt === null || wasIssued(record, uidValidity));
  return mayBe ? { mailbox: mailboxKey, uidValidity, uid } : null;
}

async function whereStill(
  core: Core,
  account: AccountRef,
  birth: MessagePlace,
  place: MessagePlace,
): Promise<Place | Failure> {
  const record = await core.registry.find(account, place.mailbox);
  return record === null || record.goneAt !== null ? messageGone() : { ...place, isMoved: place !== birth };
}

/**
 * Of messages that were not where they should be, those that are found elsewhere: a move may have been under way, or be
 * another client's.
 */
export async function follow(
  core: Core,
  account: AccountRef,
  missing: readonly { id: string; place: Place | null }[],
  call: Call,
): Promise<Map<string, Place>> {
  await core.places.settled(account, call);
  const found = await elsewhere(core, account, missing);
  const lost = missing.filter(({ id }) => !found.has(id));
  if (lost.length === 0) return found;
  await rematch(
    core,
    account,
    lost.map(({ id }) => id),
    call,
  );
  for (const [id, place] of await elsewhere(core, account, lost)) found.set(id, place);
  return found;
}

async function elsewhere(
  core: Core,
  account: AccountRef,
  missing: readonly { id: string; place: Place | null }[],
): Promise<Map<string, Place>> {
  const now = await placesOf(
    core,
    account,
    missing.map(({ id }) => id),
  );
  const found = new Map<string, Place>();
  for (const { id, place } of missing) {
    const there = now.get(id);
    if (there && !(there instanceof Failure) && !(place && isSame(there, place))) found.set(id, there);
  }
  return found;
}

function isSame(one: MessagePlace, other: MessagePlace): boolean {
  return one.mailbox === other.mailbox && one.uidValidity === other.uidValidity && one.uid === other.uid;
}

/** Why the message is certainly not in the opened mailbox; null when its UID may be. */
export function absence(place: Place, { record, state }: OpenMailbox): Failure | null {
  if (place.isMoved) return place.uidValidity === state.uidValidity ? null : messageGone();
  if (place.uidValidity !== state.uidValidity) {
    return wasIssued(record, place.uidValidity) ? messageGone() : noSuchMessage();
  }
  return place.uid >= state.uidNext || place.uid === 0 ? noSuchMessage() : null;
}

function wasIssued(record: MailboxRecord, uidValidity: number): boolean {
  return record.uidValidity === uidValidity || record.formerUidValidities.includes(uidValidity);
}

export function messageGone(): Failure {
  return new Failure("message-gone", { detail: "The message was deleted, or its mailbox was reset or deleted." });
}

export function noSuchMessage(): Failure {
  return new Failure("not-found", { detail: "There is no such message." });
}
