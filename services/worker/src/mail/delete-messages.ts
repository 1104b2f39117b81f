import { type Call, Failure, type Input, type Output } from "@postern/protocol";
import { admit, hasFlag, isConditional, preconditionFailed, type Row } from "./changes/admit.ts";
import { stillThere } from "./changes/arrivals.ts";
import { expungeRows } from "./changes/expunge.ts";
import { failureOfChange, lookUp, withOutcome } from "./changes/look-up.ts";
import { type Chunk, runChanges } from "./changes/run.ts";
import type { Core } from "./core.ts";
import { messageGone, openForMessages } from "./locate-message.ts";
import { ensureRole } from "./mailboxes/ensure-role.ts";
import { moveChunk } from "./move-messages.ts";
import { accountRef, type OpenMailbox } from "./open-mailbox.ts";
import { readFlags } from "./rows/flags.ts";

/** Messages to Trash, which is made where it is missing; for good where that is asked for, or they are in Trash already. */
export async function deleteMessages(
  core: Core,
  input: Input<"deleteMessages">,
  call: Call,
): Promise<Output<"deleteMessages">> {
  const account = await accountRef(core, input.account);
  const perform = deletion(core, input.permanent);
  return runChanges(core, { account, messages: input.messages, call }, perform);
}

export function deletion(core: Core, permanent: boolean): (chunk: Chunk) => Promise<void> {
  return async (chunk) => {
    if (permanent) return expungeChunk(core, chunk);
    const trash = await ensureRole(core, chunk.account, "trash", chunk.call);
    return chunk.mailbox === trash.key ? expungeChunk(core, chunk) : moveChunk(core, chunk, trash.key);
  };
}

interface Attempt {
  open: OpenMailbox;
  rows: Row[];
}

async function expungeChunk(core: Core, chunk: Chunk): Promise<void> {
  const begun: { attempt: Attempt | null } = { attempt: null };
  try {
    await openForMessages(core, { ...chunk, write: true }, async (open) => {
      const rows = await admit(open, chunk);
      if (rows.length === 0) return;
      begun.attempt = { open, rows };
      const conditional = rows.filter(({ target }) => target.ifMatch !== undefined && isConditional(open));
      const free = rows.filter((row) => !conditional.includes(row));
      await expungeThose(core, chunk, open, conditional, highest(open, conditional));
      await expungeThose(core, chunk, open, free);
    });
  } catch (error) {
    if (!begun.attempt) throw error;
    await settle(core, chunk, begun.attempt, failureOfChange(error));
  }
}

function highest({ state }: OpenMailbox, rows: readonly Row[]): bigint {
  const modseqs = [state.highestModseq ?? 0n, ...rows.map((row) => row.state.modseq ?? 0n)];
  return modseqs.reduce((most, modseq) => (modseq > most ? modseq : most));
}

async function expungeThose(
  core: Core,
  { results, call }: Chunk,
  open: OpenMailbox,
  rows: readonly Row[],
  since?: bigint,
): Promise<void> {
  if (rows.length === 0) return;
  const { modified, withheld } = await expungeRows(core, open, rows, call, since);
  const now = await readFlags(
    open.session,
    rows.map(({ uid }) => uid),
  );
  await noteGone(core, open, rows, (uid) => !now.has(uid));
  for (const { target, uid } of rows) {
    const state = now.get(uid);
    if (!state) {
      if (modified.has(uid)) results.failed(target.id, messageGone().withOutcome("none"));
      else results.done(target.id, null);
    } else if (modified.has(uid)) results.failed(target.id, await preconditionFailed(open, target.id, uid, state));
    else results.failed(target.id, withheld ?? leftBehind());
  }
}

/** Where a message that was moved here is no more, nothing else answers to its id. That it is not noted harms nobody. */
async function noteGone(
  core: Core,
  { account }: OpenMailbox,
  rows: readonly Row[],
  isGone: (uid: number) => boolean,
): Promise<void> {
  const places = rows.filter(({ uid }) => isGone(uid)).map(({ place }) => place);
  await core.places.noteGone(account, places).catch(() => undefined);
}

function leftBehind(): Failure {
  return new Failure("partly-done", {
    detail: "The message is marked \\Deleted, but the mail server did not expunge it.",
    outcome: "unknown",
  });
}

async function settle(core: Core, chunk: Chunk, { open, rows }: Attempt, failure: Failure): Promise<void> {
  const left = rows.filter(({ target }) => !chunk.results.has(target.id));
  const uids = left.map(({ uid }) => uid);
  const seen = await lookUp(
    core,
    chunk,
    failure,
    async (session) => {
      const there = await stillThere(session, open.record.path, open.state.uidValidity, uids);
      return there && { there, flags: await readFlags(session, [...there]) };
    },
    (found) => found?.there.size === 0,
  );
  const { found } = seen ?? { found: null };
  if (found) await noteGone(core, open, left, (uid) => !found.there.has(uid));
  for (const { target, uid, state } of left) {
    const now = seen?.found?.flags.get(uid);
    if (seen?.found && !seen.found.there.has(uid)) chunk.results.done(target.id, null);
    else if (now && hasFlag(now, "\\deleted") && !hasFlag(state, "\\deleted"))
      chunk.results.failed(target.id, leftBehind());
    else chunk.results.failed(target.id, withOutcome(failure, now && seen?.isFinal ? "none" : "unknown"));
  }
}
