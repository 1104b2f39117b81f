import { type Call, Failure, isFailure } from "@postern/protocol";
import type { MessagePlace } from "@postern/store";
import { afterwards } from "../afterwards.ts";
import { admit, hasFlag, type Row } from "../changes/admit.ts";
import { inTurnToExpunge, whyWithheld } from "../changes/expunge.ts";
import { Results } from "../changes/run.ts";
import type { Core } from "../core.ts";
import { messageGone, openForMessages, type Place, placeOf } from "../locate-message.ts";
import type { AccountRef } from "../mailboxes/registry.ts";
import type { OpenMailbox } from "../open-mailbox.ts";
import { birthIn, fetchEvidence, handleOf } from "../places/handle.ts";
import type { Spooled } from "../ports.ts";
import { isGone, removeOld, takeBack } from "./remove-old.ts";
import { type NewMessage, type StoredMessage, storeMessage } from "./store-message.ts";

export interface Replacement {
  /** The id of the message that goes, which the new one then has. */
  replaces: string;
  ifMatch?: string[] | undefined;
  /** Null: those of the old one. */
  flags: readonly string[] | null;
  receivedAt: Date | null;
  spooled: Spooled;
}

/** The message that goes, as it was found. */
interface Old {
  row: Row;
  /** Whether the server replaces in one step. */
  atOnce: boolean;
}

/**
 * Stores a message in the place of a draft. Messages do not change in IMAP: the new one is stored first and the old one
 * expunged then, so that a failure in between leaves two and never none. Who reads meanwhile waits, and sees one.
 */
export async function replaceMessage(
  core: Core,
  account: AccountRef,
  replacement: Replacement,
  call: Call,
): Promise<void> {
  const place = await placeOf(core, account, replacement.replaces);
  const tellEnd = core.causes.begin(account.id, [replacement.replaces], call);
  const settled = core.places.settling(account, place.mailbox, async () => {
    const old = await look(core, account, place, replacement, call);
    const flags = replacement.flags ?? old.row.state.flags;
    const message: NewMessage = { ...replacement, flags, mailbox: place.mailbox };
    const later = afterwards(call);
    const stored = old.atOnce
      ? await storeInPlaceOf(core, account, old.row, message, replacement, call)
      : await storeMessage(core, account, message, call);
    // A server whose answer was lost may have broken off between the two halves of a REPLACE.
    const isOver = old.atOnce && (!stored.isFound || (await isGone(core, account, old.row, later)));
    await giveId(core, account, old.row, stored, isOver, later);
    if (!isOver) await removeOld(core, account, old.row, stored, later);
    await knowAnew(core, account, replacement.replaces, stored, later);
  });
  await settled.finally(tellEnd);
}

/** By REPLACE, which has no condition: the old one is looked at once more on the same connection. */
async function storeInPlaceOf(
  core: Core,
  account: AccountRef,
  row: Row,
  message: NewMessage,
  replacement: Replacement,
  call: Call,
): Promise<StoredMessage> {
  const check = async (open: OpenMailbox): Promise<void> => {
    await admitOld(open, row.place, replacement, call);
  };
  try {
    return await storeMessage(core, account, { ...message, inPlaceOf: { uid: row.uid, check } }, call);
  } catch (error) {
    const isRefused = isFailure(error, "upstream-refused") || isFailure(error, "not-found");
    if (isRefused && (await isGone(core, account, row, afterwards(call)))) throw messageGone().withOutcome("none");
    throw error;
  }
}

/** Where it cannot be written down that the id is the new one's, the old one keeps it. */
async function giveId(
  core: Core,
  account: AccountRef,
  { place }: Row,
  stored: StoredMessage,
  isOver: boolean,
  call: Call,
): Promise<void> {
  try {
    await core.places.noteMoved(account, [place], { ...stored, uids: [stored.uid] });
  } catch (error) {
    if (!isFailure(error)) throw error;
    if (isOver) throw error.withOutcome("done");
    throw await takeBack(core, account, stored, error, call);
  }
}

/** From now on the id is known again by what the new one is, so that it outlives its move. It is replaced without that too. */
async function knowAnew(
  core: Core,
  account: AccountRef,
  id: string,
  { mailbox, uid }: MessagePlace,
  call: Call,
): Promise<void> {
  const birth = birthIn(id);
  if (!birth) return;
  try {
    const handle = await openForMessages(core, { account, mailbox, lane: "interactive", call }, async ({ session }) => {
      const facts = await fetchEvidence(session, [uid]);
      return handleOf(facts.get(uid));
    });
    if (handle !== null) await core.places.evidence.note(account, [{ birth, handle }]);
  } catch (error) {
    if (!isFailure(error)) throw error;
  }
}

async function look(core: Core, account: AccountRef, place: Place, replacement: Replacement, call: Call): Promise<Old> {
  const request = { account, mailbox: place.mailbox, lane: "interactive", call, write: true } as const;
  return openForMessages(core, request, async (open) => {
    const row = await admitOld(open, place, replacement, call);
    await demandRemovable(core, open, row, call);
    return { row, atOnce: open.session.abilities.replace };
  });
}

/** Throws where it is not there, not as `ifMatch` says, or no draft. */
async function admitOld(open: OpenMailbox, place: Place, { replaces, ifMatch }: Replacement, call: Call): Promise<Row> {
  const { account } = open;
  const results = new Results();
  const target = { id: replaces, ...(ifMatch && { ifMatch }) };
  const wishes = [{ target, place }];
  const chunk = { account, mailbox: place.mailbox, wishes, results, lane: "interactive", call } as const;
  const [row] = await admit(open, chunk);
  if (!row) {
    const result = results.of(replaces);
    throw result.ok ? messageGone() : Failure.fromJSON(result.failure);
  }
  demandDraft(row);
  return row;
}

function demandDraft({ state }: Row): void {
  if (hasFlag(state, "\\draft")) return;
  const detail = "Only a draft, a message with the flag \\Draft, can be replaced.";
  throw new Failure("not-possible", { detail, outcome: "none" });
}

/** Without UIDPLUS the old one can only go together with all that others have marked. */
async function demandRemovable(core: Core, open: OpenMailbox, row: Row, call: Call): Promise<void> {
  if (open.session.abilities.replace) return;
  const withheld = await inTurnToExpunge(core, open, call, () => whyWithheld(open, [row]));
  if (withheld) throw withheld;
}
