import type { Call, Input, Output } from "@postern/protocol";
import type { Core } from "./core.ts";
import { listAndLearn, type Listing } from "./mailboxes/resolve.ts";
import type { AccountRef } from "./mailboxes/registry.ts";
import { assignRoles } from "./mailboxes/roles.ts";
import { type Shelf, shapeMailbox } from "./mailboxes/tree.ts";
import { accountRef } from "./open-mailbox.ts";

/** All mailboxes of an account, in the server's order, with their counters. */
export async function listMailboxes(
  core: Core,
  input: Input<"listMailboxes">,
  call: Call,
): Promise<Output<"listMailboxes">> {
  const account = await accountRef(core, input.account);
  const listing = await core.sessions.use({ account: account.id, lane: "interactive", call }, (session) =>
    listAndLearn(core, { account, session, call, counters: true }),
  );
  const shelf = shelve(account, listing);
  return {
    items: listing.listed.flatMap((listed) => {
      const record = listing.records.get(listed.path);
      return record ? [shapeMailbox(shelf, record, listed)] : [];
    }),
  };
}

export function shelve(account: AccountRef, { listed, records }: Listing): Shelf {
  return { account, records, roles: assignRoles(listed) };
}
