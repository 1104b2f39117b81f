import type { Call, Input, Output } from "@postern/protocol";
import type { Core } from "./core.ts";
import { shapeMailbox } from "./mailboxes/tree.ts";
import { accountRef } from "./open-mailbox.ts";

/** All mailboxes of an account, in the server's order, with their counters. */
export async function listMailboxes(
  core: Core,
  input: Input<"listMailboxes">,
  call: Call,
): Promise<Output<"listMailboxes">> {
  const account = await accountRef(core, input.account);
  const { listed, records, roles } = await core.listings.current(account, "all", call);
  const shelf = { account, records, roles };
  return {
    items: listed.flatMap((mailbox) => {
      const record = records.get(mailbox.path);
      return record ? [shapeMailbox(shelf, record, mailbox)] : [];
    }),
  };
}
