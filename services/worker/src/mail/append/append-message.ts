import type { Call, Input, Octets, Output } from "@postern/protocol";
import type { Core } from "../core.ts";
import { accountRef } from "../open-mailbox.ts";
import { findWhere, keep } from "./keep.ts";

/** Stores a message as it comes, octet by octet. Nothing is asked of the mail server before all of it is here. */
export async function appendMessage(
  core: Core,
  input: Input<"appendMessage">,
  call: Call,
  body: Octets,
): Promise<Output<"appendMessage">> {
  const account = await accountRef(core, input.account);
  const where = await findWhere(core, account, input.where, call);
  const spooled = await core.spool.take(body);
  try {
    return { message: await keep(core, account, where, { ...input, spooled }, call) };
  } finally {
    await spooled.release();
  }
}
