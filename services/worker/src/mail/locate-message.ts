import { type Call, Failure, isFailure, unpackMessageId } from "@postern/protocol";
import type { MailboxRecord } from "@postern/store";
import type { Core } from "./core.ts";
import { accountRef, type OpenMailbox, openMailbox } from "./open-mailbox.ts";
import type { AccountRef } from "./mailboxes/registry.ts";

/** Where an id says that its message is. */
export interface Place {
  mailbox: number;
  uidValidity: number;
  uid: number;
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
  const place = await placeOf(core, account, id);
  const request = { account, mailbox: place.mailbox, lane, call };
  return openForMessages(core, request, async (open) => {
    const failure = absence(place, open);
    if (failure) throw failure;
    return work({ ...open, id, uid: place.uid });
  });
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
    throw record && record.goneAt !== null ? messageGone() : error;
  }
}

/** Throws `not-found` for an id that cannot have been issued for this account, `message-gone` when its mailbox is no more. */
export async function placeOf(core: Core, account: AccountRef, id: string): Promise<Place> {
  const birth = unpackMessageId(id);
  if (!birth || birth.accountKey !== account.key) throw noSuchMessage();
  const record = await core.registry.find(account, birth.mailboxKey);
  if (!record) throw noSuchMessage();
  if (record.goneAt !== null) throw wasIssued(record, birth.uidValidity) ? messageGone() : noSuchMessage();
  return { mailbox: birth.mailboxKey, uidValidity: birth.uidValidity, uid: birth.uid };
}

/** Why the message is certainly not in the opened mailbox; null when its UID may be. */
export function absence(place: Place, { record, state }: OpenMailbox): Failure | null {
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
