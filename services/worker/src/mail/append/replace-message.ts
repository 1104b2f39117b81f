import { type Call, Failure, isFailure } from "@postern/protocol";
import type { MessagePlace } from "@postern/store";
import { afterwards } from "../afterwards.ts";
import { admit, type Row } from "../changes/admit.ts";
import { expungeRows, expungeWithheld } from "../changes/expunge.ts";
import { Results } from "../changes/run.ts";
import type { Core } from "../core.ts";
import { messageGone, openForMessages, type Place, placeOf } from "../locate-message.ts";
import type { AccountRef } from "../mailboxes/registry.ts";
import type { OpenMailbox } from "../open-mailbox.ts";
import { birthIn, evidenceKinds, handleOf } from "../places/handle.ts";
import { fetchFacts } from "../rows/facts.ts";
import type { Spooled } from "../ports.ts";
import { type NewMessage, storeMessage } from "./store-message.ts";

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
  await core.places.settling(account, place.mailbox, async () => {
    const old = await look(core, account, place, replacement, call);
    const flags = replacement.flags ?? old.row.state.flags;
    const message: NewMessage = { ...replacement, flags, mailbox: place.mailbox };
    if (old.atOnce) {
      const stored = await storeMessage(core, account, { ...message, inPlaceOf: place.uid }, call);
      await core.places.noteMoved(account, [place], { ...stored, uids: [stored.uid] });
      await knowAnew(core, account, replacement.replaces, stored, afterwards(call));
      return;
    }
    const stored = await storeMessage(core, account, message, call);
    await core.places.noteMoved(account, [place], { ...stored, uids: [stored.uid] });
    await removeOld(core, account, old.row, stored, afterwards(call));
    await knowAnew(core, account, replacement.replaces, stored, afterwards(call));
  });
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
      const facts = await fetchFacts(session, [uid], evidenceKinds(session.abilities));
      return handleOf(facts.get(uid));
    });
    if (handle !== null) await core.places.evidence.note(account, [{ birth, handle }]);
  } catch (error) {
    if (!isFailure(error)) throw error;
  }
}

async function look(
  core: Core,
  account: AccountRef,
  place: Place,
  { replaces, ifMatch }: Replacement,
  call: Call,
): Promise<Old> {
  const request = { account, mailbox: place.mailbox, lane: "interactive", call, write: true } as const;
  return openForMessages(core, request, async (open) => {
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
    await demandRemovable(open, row);
    return { row, atOnce: open.session.abilities.replace };
  });
}

function demandDraft({ state }: Row): void {
  if (hasFlag(state.flags, "\\draft")) return;
  const detail = "Only a draft, a message with the flag \\Draft, can be replaced.";
  throw new Failure("not-possible", { detail, outcome: "none" });
}

/** Without UIDPLUS the old one can only go together with all that others have marked. */
async function demandRemovable({ session }: OpenMailbox, { uid }: Row): Promise<void> {
  if (session.abilities.uidPlus || session.abilities.replace) return;
  const marked = (await session.search({ flag: "\\Deleted" })).filter((each) => each !== uid);
  if (marked.length === 0) return;
  throw expungeWithheld(marked.length);
}

/** Where the old one stays, its id stays with it, and the new one goes. */
async function removeOld(core: Core, account: AccountRef, row: Row, stored: MessagePlace, call: Call): Promise<void> {
  try {
    await remove(core, account, row, call);
  } catch (error) {
    if (await isGone(core, account, row, call)) return;
    await core.places.noteMoved(account, [stored], { ...row.place, uids: [row.uid] });
    await core.places.noteGone(account, [stored]);
    await remove(core, account, { ...row, uid: stored.uid, place: { ...stored, isMoved: false } }, call).catch(
      () => null,
    );
    const failure = Failure.from(error);
    if (failure.code === "internal") throw error;
    throw failure.withOutcome(isFailure(error, "precondition-failed") ? "none" : "unknown");
  }
}

/** Throws `precondition-failed` where it was changed since it was looked at. */
async function remove(core: Core, account: AccountRef, row: Row, call: Call): Promise<void> {
  const { mailbox } = row.place;
  const request = { account, mailbox, lane: "interactive", call, write: true } as const;
  await openForMessages(core, request, async (open) => {
    if (open.state.uidValidity !== row.place.uidValidity) throw messageGone();
    const isHeld = row.target.ifMatch !== undefined && row.state.modseq !== null;
    const since = isHeld ? (row.state.modseq ?? undefined) : undefined;
    const { modified, withheld } = await expungeRows(core, open, [row], call, since);
    if (modified.size > 0) throw new Failure("precondition-failed", { detail: "The draft was changed meanwhile." });
    const left = await open.session.fetch({ uids: [row.uid] }, {});
    if (left.length > 0 && withheld) throw withheld;
    if (left.length > 0) throw new Failure("partly-done", { detail: "The mail server did not expunge the old draft." });
  });
}

async function isGone(core: Core, account: AccountRef, { place, uid }: Row, call: Call): Promise<boolean> {
  const request = { account, mailbox: place.mailbox, lane: "interactive", call } as const;
  try {
    return await openForMessages(core, request, async ({ session, state }) => {
      if (state.uidValidity !== place.uidValidity) return true;
      return (await session.fetch({ uids: [uid] }, {})).length === 0;
    });
  } catch {
    return false;
  }
}

function hasFlag(flags: readonly string[], wanted: string): boolean {
  return flags.some((flag) => flag.toLowerCase() === wanted);
}
