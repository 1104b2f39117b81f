import type { Call, Input, Octets, Output } from "@postern/protocol";
import type { Core } from "../core.ts";
import { resolveMailbox } from "../mailboxes/resolve.ts";
import { accountRef } from "../open-mailbox.ts";
import { showStored } from "./show-stored.ts";
import { storeMessage } from "./store-message.ts";

/** Stores a message as it comes, octet by octet. Nothing is asked of the mail server before all of it is here. */
export async function appendMessage(
  core: Core,
  input: Input<"appendMessage">,
  call: Call,
  body: Octets,
): Promise<Output<"appendMessage">> {
  const account = await accountRef(core, input.account);
  const mailbox = await resolveMailbox(core, account, input.mailbox, call);
  const spooled = await core.spool.take(body);
  try {
    const receivedAt = input.receivedAt === undefined ? null : new Date(input.receivedAt);
    const stored = await storeMessage(core, account, { mailbox, flags: input.flags, receivedAt, spooled }, call);
    return { message: await showStored(core, account, stored, input.fields, call) };
  } finally {
    await spooled.release();
  }
}
