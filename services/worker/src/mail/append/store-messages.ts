import { type Call, Failure, isFailure, packMessageId } from "@postern/protocol";
import type { MessagePlace } from "@postern/store";
import type { AppendedAll } from "../../imap/session.ts";
import { afterwards } from "../afterwards.ts";
import type { Core } from "../core.ts";
import type { AccountRef } from "../mailboxes/registry.ts";
import { noSuchMailbox } from "../open-mailbox.ts";
import { findStored } from "./find-stored.ts";
import {
  type Before,
  findLater,
  type NewMessage,
  placeOf,
  stateBefore,
  storedAndGone,
  storeMessage,
  turnOf,
} from "./store-message.ts";

/** Where a message is, or why it is not. */
export type Stored = MessagePlace | Failure;

/**
 * Stores messages in one mailbox, in one command where the server can: all or none of them then. Where it takes none it is
 * asked for each by itself, which repeats nothing, since it said that nothing was done.
 */
export async function storeMessages(
  core: Core,
  account: AccountRef,
  messages: readonly NewMessage[],
  call: Call,
): Promise<Stored[]> {
  const turns = [...new Set(await Promise.all(messages.map((message) => turnOf(account, message))))].sort();
  const together = (): Promise<Stored[] | null> => storeTogether(core, account, messages, call);
  // Everybody takes turns in the same order, so that nobody waits for who waits for them.
  const inTurn = turns.reduceRight<typeof together>(
    (work, turn) => () => core.storing.take(turn, work, call),
    together,
  );
  try {
    const stored = messages.length > 1 ? await inTurn() : null;
    noteCause(core, account, stored ?? [], call);
    return stored ?? (await storeApart(core, account, messages, call));
  } catch (error) {
    const failure = failureOf(error);
    return messages.map(() => failure);
  }
}

function noteCause(core: Core, account: AccountRef, stored: readonly Stored[], call: Call): void {
  const ids = stored.flatMap((each) =>
    each instanceof Failure ? [] : [packMessageId({ ...each, accountKey: account.key, mailboxKey: each.mailbox })],
  );
  if (ids.length > 0) core.causes.note(account.id, ids, call);
}

async function storeApart(
  core: Core,
  account: AccountRef,
  messages: readonly NewMessage[],
  call: Call,
): Promise<Stored[]> {
  const stored: Stored[] = [];
  for (const message of messages) {
    const last = stored.at(-1);
    if (last instanceof Failure && endsAll(last)) stored.push(last.withOutcome("none"));
    else stored.push(await storeMessage(core, account, message, call).catch(failureOf));
  }
  return stored;
}

/** Null: each has to be stored by itself. */
async function storeTogether(
  core: Core,
  account: AccountRef,
  messages: readonly NewMessage[],
  call: Call,
): Promise<Stored[] | null> {
  const before = await stateBefore(core, account, messages[0]?.mailbox ?? 0, call);
  let appended: AppendedAll | null;
  try {
    appended = await appendAll(core, account, before, messages, call);
  } catch (error) {
    if (!isFailure(error)) throw error;
    if (error.outcome === "none" && error.upstream && error.upstream.status !== "BYE") return null;
    if (error.outcome !== "unknown") throw error;
    const found = await findLater(core, account, before, messages, afterwards(call));
    return found.map((place) => place ?? error);
  }
  if (!appended) return null;
  const { uidValidity, uids } = appended;
  if (uidValidity === null) {
    const found = await findStored(core, account, before, messages, afterwards(call));
    return found.map((place) => place ?? storedAndGone());
  }
  return Promise.all(uids.map((uid) => placeOf(core, account, before, { uidValidity, uid }, call)));
}

/** Null: the server cannot, or one of them is more than it takes. */
async function appendAll(
  core: Core,
  account: AccountRef,
  { record }: Before,
  messages: readonly NewMessage[],
  call: Call,
): Promise<AppendedAll | null> {
  const items = messages.map(({ flags, receivedAt, spooled: { size, octets } }) => {
    return { flags, internalDate: receivedAt, size, octets };
  });
  const appended = await core.sessions.use({ account: account.id, lane: "bulk", call }, async (session) => {
    const { multiAppend, appendLimit } = session.abilities;
    const isTooLarge = appendLimit !== null && items.some(({ size }) => size > appendLimit);
    if (!multiAppend || isTooLarge) return "apart";
    core.ownership.assertHeld(account.id);
    return session.appendAll(record.path, items);
  });
  if (appended === null) throw noSuchMailbox().withOutcome("none");
  return appended === "apart" ? null : appended;
}

/** Throws defects. */
function failureOf(error: unknown): Failure {
  if (!isFailure(error) || error.code === "internal") throw error;
  return error.outcome ? error : error.withOutcome("none");
}

const ofAccount = [
  "cancelled",
  "account-disabled",
  "account-reauth-required",
  "unavailable",
  "upstream-unreachable",
  "upstream-timeout",
  "upstream-connection-limit",
  "upstream-protocol",
] as const;

/** Whether it is the account or its server that is wrong, and not a message or its mailbox. */
export function endsAll(failure: Failure): boolean {
  return ofAccount.some((code) => isFailure(failure, code));
}
