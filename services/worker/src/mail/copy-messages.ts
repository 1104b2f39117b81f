import type { Call, Input, Output } from "@postern/protocol";
import { admit } from "./changes/admit.ts";
import { FACTS, findArrivals } from "./changes/arrivals.ts";
import { failureOfChange } from "./changes/look-up.ts";
import { type Chunk, runChanges } from "./changes/run.ts";
import { arrivalsIn, destination, settleTransfer, tellArrived, type Transfer } from "./changes/transfer.ts";
import type { Core } from "./core.ts";
import { messageGone, openForMessages } from "./locate-message.ts";
import { resolveMailbox } from "./mailboxes/resolve.ts";
import { evidenceItems } from "./places/handle.ts";
import { accountRef } from "./open-mailbox.ts";

/** Copies of messages, which are messages of their own. */
export async function copyMessages(
  core: Core,
  input: Input<"copyMessages">,
  call: Call,
): Promise<Output<"copyMessages">> {
  const account = await accountRef(core, input.account);
  const mailbox = await resolveMailbox(core, account, input.mailbox, call);
  return runChanges(core, { account, messages: input.messages, call }, (chunk) => copyChunk(core, chunk, mailbox));
}

export async function copyChunk(core: Core, chunk: Chunk, mailbox: number): Promise<void> {
  const begun: { transfer: Transfer | null } = { transfer: null };
  try {
    await openForMessages(core, chunk, async (open) => {
      const rows = await admit(open, chunk, { ...FACTS, ...evidenceItems(open.session.abilities) });
      if (rows.length === 0) return;
      const transfer: Transfer = { kind: "copy", open, rows, to: await destination(core, chunk, open, mailbox) };
      begun.transfer = transfer;
      core.ownership.assertHeld(chunk.account.id);
      const uids = rows.map(({ uid }) => uid);
      const copied = arrivalsIn(await open.session.copy(uids, transfer.to.path), transfer.to);
      const arrivals = copied ?? (await findArrivals(open.session, transfer.to, rows));
      const here = rows.filter(({ uid }) => arrivals?.has(uid));
      if (arrivals) await tellArrived(core, chunk, transfer, here, arrivals);
      // A COPY passes over what was expunged meanwhile.
      const left = messageGone().withOutcome(arrivals ? "none" : "unknown");
      for (const row of rows) if (!here.includes(row)) chunk.results.failed(row.target.id, left);
    });
  } catch (error) {
    if (!begun.transfer) throw error;
    await settleTransfer(core, chunk, begun.transfer, failureOfChange(error));
  }
}
