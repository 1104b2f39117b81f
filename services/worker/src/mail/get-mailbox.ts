import type { Call, Input, Mailbox } from "@postern/protocol";
import type { Core } from "./core.ts";
import { pick } from "./mailboxes/found.ts";
import { isSelectable, shapeMailbox } from "./mailboxes/tree.ts";
import { accountRef, noSuchMailbox } from "./open-mailbox.ts";

/** One mailbox by id or role, with its counters. */
export async function getMailbox(core: Core, input: Input<"getMailbox">, call: Call): Promise<Mailbox> {
  const account = await accountRef(core, input.account);
  const wanted = pick(account, input.mailbox);
  let listing = await core.listings.current(account, "none", call);
  let listed = wanted(listing);
  if (!listed) throw noSuchMailbox();
  const status = isSelectable(listed) ? await core.proofs.mailbox(account.id, listed.path, call) : null;
  if (isSelectable(listed) && listing.records.get(listed.path)?.uidValidity !== status?.uidValidity) {
    // Made anew or swapped under its name: which mailbox it is takes the counters of all to tell.
    listing = await core.listings.current(account, "all", call);
    listed = wanted(listing);
  } else listed = { ...listed, status };
  const found = listed && listing.records.get(listed.path);
  if (!listed || !found) throw noSuchMailbox();
  return shapeMailbox({ account, records: listing.records, roles: listing.roles }, found, listed);
}
