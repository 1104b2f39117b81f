import { type Call, Failure, type Input, type Output } from "@postern/protocol";
import { admit, type Row, shown } from "./changes/admit.ts";
import { type Arrivals, FACTS, findArrivals } from "./changes/arrivals.ts";
import { inTurnToExpunge, markAndExpunge, whyWithheld } from "./changes/expunge.ts";
import { failureOfChange, partlyDone } from "./changes/look-up.ts";
import { type Chunk, runChanges } from "./changes/run.ts";
import { arrivalsIn, destination, settleTransfer, tellArrived, type Transfer } from "./changes/transfer.ts";
import type { Core } from "./core.ts";
import { messageGone, openForMessages } from "./locate-message.ts";
import { resolveMailbox } from "./mailboxes/resolve.ts";
import { accountRef, type OpenMailbox } from "./open-mailbox.ts";

/** Messages to another mailbox: by MOVE where the server has it, else by a copy that is verified before the original goes. */
export async function moveMessages(
  core: Core,
  input: Input<"moveMessages">,
  call: Call,
): Promise<Output<"moveMessages">> {
  const account = await accountRef(core, input.account);
  const mailbox = await resolveMailbox(core, account, input.mailbox, call);
  return runChanges(core, { account, messages: input.messages, call }, (chunk) => moveChunk(core, chunk, mailbox));
}

/** Who would show the destination meanwhile waits until it is written down which message is which. */
export function moveChunk(core: Core, chunk: Chunk, mailbox: number): Promise<void> {
  return core.places.settling(chunk.account, mailbox, () => bring(core, chunk, mailbox));
}

async function bring(core: Core, chunk: Chunk, mailbox: number): Promise<void> {
  const begun: { transfer: Transfer | null } = { transfer: null };
  try {
    await openForMessages(core, { ...chunk, write: true }, async (open) => {
      const rows = await admit(open, chunk, FACTS);
      if (rows.length === 0) return;
      if (chunk.mailbox === mailbox) return stay(chunk, open, rows);
      const transfer: Transfer = { kind: "move", open, rows, to: await destination(core, chunk, open, mailbox) };
      begun.transfer = transfer;
      if (open.session.abilities.move) await move(core, chunk, transfer);
      else await inTurnToExpunge(core, open, chunk.call, () => copyThenRemove(core, chunk, transfer));
    });
  } catch (error) {
    if (!begun.transfer) throw error;
    await settleTransfer(core, chunk, begun.transfer, failureOfChange(error));
  }
}

/** They are where they are to be. */
async function stay({ results }: Chunk, open: OpenMailbox, rows: readonly Row[]): Promise<void> {
  for (const { target, uid, state } of rows) results.done(target.id, await shown(open, target.id, uid, state));
}

const uidsOf = (rows: readonly Row[]): number[] => rows.map(({ uid }) => uid);

/** MOVE answers OK for what is gone, too: only COPYUID, or the message in its new place, proves a move (RFC 6851). */
async function move(core: Core, chunk: Chunk, transfer: Transfer): Promise<void> {
  const { open, rows, to } = transfer;
  core.ownership.assertHeld(chunk.account.id);
  const moved = arrivalsIn(await open.session.move(uidsOf(rows), to.path), to);
  const left = moved ? await notMoved(open, rows, moved) : new Map<number, Failure>();
  const arrivals = moved ?? (await findArrivals(open.session, to, rows));
  for (const [uid, failure] of left) {
    for (const row of rows) if (row.uid === uid) chunk.results.failed(row.target.id, failure);
  }
  const here = rows.filter(({ uid }) => arrivals?.has(uid));
  if (arrivals) await tellArrived(core, chunk, transfer, here, arrivals);
  // Without COPYUID the source has to be looked at anew, for what has not arrived.
  if (rows.some(({ target }) => !chunk.results.has(target.id))) throw unproved();
}

async function notMoved(
  { session }: OpenMailbox,
  rows: readonly Row[],
  moved: Arrivals,
): Promise<Map<number, Failure>> {
  const uids = uidsOf(rows).filter((uid) => !moved.has(uid));
  const there = new Set((await session.fetch({ uids }, {})).map(({ uid }) => uid));
  return new Map(uids.map((uid) => [uid, there.has(uid) ? passedOver() : messageGone().withOutcome("none")]));
}

function passedOver(): Failure {
  return new Failure("upstream-refused", { detail: "The mail server did not move the message.", outcome: "none" });
}

function unproved(): Failure {
  return new Failure("upstream-protocol", {
    detail: "The mail server does not tell what became of the message.",
    outcome: "unknown",
  });
}

/**
 * RFC 6851 section 3.3 has the steps; here the original goes only when its copy has been seen, and what could not be removed
 * afterwards is not copied.
 */
async function copyThenRemove(core: Core, chunk: Chunk, transfer: Transfer): Promise<void> {
  const { open, rows, to } = transfer;
  const why = await whyWithheld(open, rows);
  if (why) {
    for (const { target } of rows) chunk.results.failed(target.id, why);
    return;
  }
  core.ownership.assertHeld(chunk.account.id);
  const copied = arrivalsIn(await open.session.copy(uidsOf(rows), to.path), to);
  const arrivals = copied ?? (await findAndReturn(transfer));
  const safe = rows.filter(({ uid }) => arrivals.has(uid));
  for (const { target, uid } of rows)
    if (!arrivals.has(uid)) chunk.results.failed(target.id, messageGone().withOutcome("none"));
  if (safe.length === 0) return;
  const { withheld } = await markAndExpunge(core, open, safe);
  const there = new Set((await open.session.fetch({ uids: uidsOf(safe) }, {})).map(({ uid }) => uid));
  const gone = safe.filter(({ uid }) => !there.has(uid));
  await tellArrived(core, chunk, transfer, gone, arrivals);
  if (there.size === 0) return;
  if (!withheld) throw unproved();
  const detail = `The message was copied to ${to.path} and is still in ${open.record.path}.`;
  for (const { target, uid } of safe) if (there.has(uid)) chunk.results.failed(target.id, partlyDone(detail, withheld));
}

/** The copies, looked for in the destination; then the source is opened again, if it still is the same mailbox. */
async function findAndReturn({ open, rows, to }: Transfer): Promise<Arrivals> {
  const { session, record, state } = open;
  const arrivals = await findArrivals(session, to, rows);
  const now = await session.select(record.path);
  if (!arrivals || now?.uidValidity !== state.uidValidity) throw unproved();
  return arrivals;
}
