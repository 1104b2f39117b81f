import { type Call, Failure, isFailure, packMessageId } from "@postern/protocol";
import type { MailboxRecord, MessagePlace } from "@postern/store";
import type { Appended } from "../../imap/session.ts";
import { afterwards } from "../afterwards.ts";
import { aMomentLater } from "../changes/look-up.ts";
import type { Core } from "../core.ts";
import type { AccountRef } from "../mailboxes/registry.ts";
import { openForMessages } from "../locate-message.ts";
import { noSuchMailbox, type OpenMailbox, openMailbox, prove } from "../open-mailbox.ts";
import type { Spooled } from "../ports.ts";
import { findStored } from "./find-stored.ts";
import { messageIdOf } from "./message-id.ts";

export interface NewMessage {
  /** The mailbox's key. */
  mailbox: number;
  flags: readonly string[];
  /** Null: now. */
  receivedAt: Date | null;
  spooled: Spooled;
  /** A message of the mailbox that goes in the same step, where the server can do that. */
  inPlaceOf?: InPlaceOf;
}

export interface InPlaceOf {
  uid: number;
  /** Throws where it is not, or not any more, the one that is to go. */
  check: (open: OpenMailbox) => Promise<void>;
}

/** Where a message is that was stored. */
export interface StoredMessage extends MessagePlace {
  /** Its answer was lost, and it was found. */
  isFound?: true;
}

/** A mailbox as it was before a message was stored in it: what is found in it later at or above `uidNext` is new. */
export interface Before {
  record: MailboxRecord;
  uidValidity: number;
  uidNext: number;
}

/** Above this, others who wait in front of a screen go first. */
const LARGE = 1 << 20;

/**
 * Stores a message and tells where it is. Where the connection was lost it is looked for: what is found was stored; what is
 * not may yet appear, and the failure says `unknown`. Messages that might be taken for each other are stored one after the
 * other, so that each finds its own.
 */
export async function storeMessage(
  core: Core,
  account: AccountRef,
  message: NewMessage,
  call: Call,
): Promise<StoredMessage> {
  const turn = await turnOf(account, message);
  const work = async (): Promise<StoredMessage> => {
    const stored = await store(core, account, message, call);
    const id = packMessageId({ ...stored, accountKey: account.key, mailboxKey: stored.mailbox });
    core.causes.note(account.id, [id], call);
    return stored;
  };
  return core.storing.take(turn, work, call);
}

/** What is stored one after the other. */
export async function turnOf({ key }: AccountRef, { mailbox, spooled }: NewMessage): Promise<string> {
  return `append ${key} ${mailbox} ${spooled.size} ${await messageIdOf(spooled.octets())}`;
}

async function store(core: Core, account: AccountRef, message: NewMessage, call: Call): Promise<StoredMessage> {
  const before = await stateBefore(core, account, message.mailbox, call);
  let appended: Appended;
  try {
    appended = await append(core, account, before.record, message, call);
  } catch (error) {
    if (!isFailure(error) || error.outcome !== "unknown") throw error;
    const [found] = await findLater(core, account, before, [message], afterwards(call));
    if (found) return { ...found, isFound: true };
    throw error;
  }
  if (appended.uid !== null) return placeOf(core, account, before, appended, call);
  const [found] = await findStored(core, account, before, [message], afterwards(call));
  if (found) return found;
  throw storedAndGone();
}

export function storedAndGone(): Failure {
  return new Failure("message-gone", { detail: "The message was stored, and is not there any more.", outcome: "done" });
}

/** What a server had received when the connection broke it may be storing still. */
export async function findLater(
  core: Core,
  account: AccountRef,
  before: Before,
  messages: readonly NewMessage[],
  call: Call,
): Promise<(MessagePlace | null)[]> {
  const look = (): Promise<(MessagePlace | null)[]> =>
    findStored(core, account, before, messages, call).catch(() => messages.map(() => null));
  const found = await look();
  if (!found.includes(null)) return found;
  await aMomentLater();
  return look();
}

export async function stateBefore(core: Core, account: AccountRef, mailbox: number, call: Call): Promise<Before> {
  const proved = await prove(core, account, mailbox, call);
  if (proved && proved.proof.uidNext !== null) {
    const { record, proof } = proved;
    return { record, uidValidity: proof.uidValidity, uidNext: proof.uidNext ?? 1 };
  }
  return openMailbox(core, { account, mailbox, lane: "interactive", call }, async ({ record, state }) => ({
    record,
    uidValidity: state.uidValidity,
    uidNext: state.uidNext,
  }));
}

async function append(
  core: Core,
  account: AccountRef,
  { path }: MailboxRecord,
  { mailbox, flags, receivedAt, spooled, inPlaceOf }: NewMessage,
  call: Call,
): Promise<Appended> {
  const lane = spooled.size > LARGE ? "bulk" : "interactive";
  const { size, octets } = spooled;
  const items = { flags, internalDate: receivedAt, size, octets };
  const appended = inPlaceOf
    ? await openForMessages(core, { account, mailbox, lane, call, write: true }, async (open) => {
        await inPlaceOf.check(open);
        core.ownership.assertHeld(account.id);
        return open.session.replace(open.record.path, inPlaceOf.uid, items);
      })
    : await core.sessions.use({ account: account.id, lane, call }, (session) => {
        core.ownership.assertHeld(account.id);
        return session.append(path, items);
      });
  if (appended === null) throw noSuchMailbox().withOutcome("none");
  return appended;
}

/** Under another UIDVALIDITY the mailbox was made anew in between: the message is in the one that is there now. */
export async function placeOf(
  core: Core,
  account: AccountRef,
  { record, uidValidity }: Before,
  appended: Extract<Appended, { uid: number }>,
  call: Call,
): Promise<MessagePlace> {
  if (appended.uidValidity === uidValidity) return { mailbox: record.key, uidValidity, uid: appended.uid };
  const { records } = await core.listings.current(account, "all", afterwards(call));
  const now = records.get(record.path);
  if (!now) throw new Failure("not-found", { detail: "The mailbox was deleted meanwhile.", outcome: "done" });
  return { mailbox: now.key, uidValidity: appended.uidValidity, uid: appended.uid };
}
