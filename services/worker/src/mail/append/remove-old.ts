import { type Call, Failure, isFailure } from "@postern/protocol";
import type { MessagePlace } from "@postern/store";
import { flagState, hasFlag, preconditionFailed, type Row } from "../changes/admit.ts";
import { expungeRows } from "../changes/expunge.ts";
import { partlyDone } from "../changes/look-up.ts";
import type { Core } from "../core.ts";
import { messageGone, openForMessages } from "../locate-message.ts";
import type { AccountRef } from "../mailboxes/registry.ts";

/** What is to be expunged, and where it is. */
type Removed = Pick<Row, "uid" | "place" | "state" | "target">;

/**
 * Expunges the draft that was replaced. Where it stays, its id stays with it, and the new one goes; but that is not removed
 * before it is certain that the old one will not go after all.
 */
export async function removeOld(
  core: Core,
  account: AccountRef,
  row: Row,
  stored: MessagePlace,
  call: Call,
): Promise<void> {
  try {
    await remove(core, account, row, call);
  } catch (error) {
    const failure = Failure.from(error);
    if (failure.code === "internal") throw error;
    const fate = await keep(core, account, row, failure, call);
    if (fate === "gone") return;
    if (fate === "unsure") throw partlyDone("The new draft has the id; the old one may be beside it.", failure);
    await core.places.noteMoved(account, [stored], { ...row.place, uids: [row.uid] });
    await core.places.noteGone(account, [stored]);
    throw await takeBack(core, account, stored, failure, call);
  }
}

/** Expunges a draft that was stored for nothing; what there is to tell then. */
export async function takeBack(
  core: Core,
  account: AccountRef,
  stored: MessagePlace,
  why: Failure,
  call: Call,
): Promise<Failure> {
  const row: Removed = {
    uid: stored.uid,
    place: { ...stored, isMoved: false },
    state: { flags: [], modseq: null },
    target: { id: "" },
  };
  try {
    await remove(core, account, row, call);
    return why.withOutcome("none");
  } catch (error) {
    const failure = Failure.from(error);
    if (failure.code === "internal") throw error;
    const fate = await keep(core, account, row, failure, call);
    if (fate === "gone") return why.withOutcome("none");
    return partlyDone("The new draft was stored beside the old one, which has the id.", why);
  }
}

/** Throws `precondition-failed` where it was changed since it was looked at. */
async function remove(core: Core, account: AccountRef, row: Removed, call: Call): Promise<void> {
  const { mailbox, uidValidity } = row.place;
  const request = { account, mailbox, lane: "interactive", call, write: true } as const;
  await openForMessages(core, request, async (open) => {
    if (open.state.uidValidity !== uidValidity) throw messageGone();
    const isHeld = row.target.ifMatch !== undefined && row.state.modseq !== null;
    const since = isHeld ? (row.state.modseq ?? undefined) : undefined;
    const { modified, withheld } = await expungeRows(core, open, [row], call, since);
    const [left] = await open.session.fetch({ uids: [row.uid] }, { flags: true });
    if (!left) return;
    if (modified.size > 0) throw await preconditionFailed(open, row.target.id, row.uid, flagState(left));
    throw withheld ?? new Failure("partly-done", { detail: "The mail server did not expunge the old draft." });
  });
}

/**
 * What was to be expunged is to stay. An EXPUNGE whose answer was lost may be carried out later: only what is seen to be
 * there without its mark is certain to be there then (RFC 4315 section 2.1).
 */
async function keep(
  core: Core,
  account: AccountRef,
  { uid, place, state }: Removed,
  failure: Failure,
  call: Call,
): Promise<"gone" | "kept" | "unsure"> {
  const request = { account, mailbox: place.mailbox, lane: "interactive", call, write: true } as const;
  try {
    return await openForMessages(core, request, async (open) => {
      if (open.state.uidValidity !== place.uidValidity) return "gone";
      if (!hasFlag(state, "\\deleted")) {
        core.ownership.assertHeld(account.id);
        await open.session.store([uid], { remove: ["\\Deleted"] });
      }
      const [left] = await open.session.fetch({ uids: [uid] }, { flags: true });
      if (!left) return "gone";
      return failure.outcome === "none" || !hasFlag(flagState(left), "\\deleted") ? "kept" : "unsure";
    });
  } catch (error) {
    return isFailure(error, "message-gone") ? "gone" : "unsure";
  }
}

export async function isGone(core: Core, account: AccountRef, { place, uid }: Removed, call: Call): Promise<boolean> {
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
