import type { Call, Input, Output } from "@postern/protocol";
import { findWhere, keep } from "../append/keep.ts";
import type { Core } from "../core.ts";
import { accountRef } from "../open-mailbox.ts";
import { attachUploads } from "./attach-uploads.ts";
import { writeLetter } from "./letter.ts";
import { readOriginal } from "./original.ts";

/** Writes a message from its parts and stores it. */
export async function composeMessage(
  core: Core,
  input: Input<"composeMessage">,
  call: Call,
): Promise<Output<"composeMessage">> {
  const { draft } = input;
  const account = await accountRef(core, input.account);
  const where = await findWhere(core, account, input.where, call);
  const attachments = await attachUploads(core, account.id, draft.attachments ?? []);
  const original = await readOriginal(core, account.id, draft, call);
  const letter = writeLetter(draft, attachments, original, new Date());
  const spooled = await core.spool.take(core.composer.compose(letter));
  try {
    return { message: await keep(core, account, where, { ...input, spooled }, call) };
  } finally {
    await spooled.release();
  }
}
