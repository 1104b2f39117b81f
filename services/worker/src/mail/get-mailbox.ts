import { type Call, type Input, type Mailbox, mailboxRole, unpackMailboxId } from "@postern/protocol";
import type { ListedMailbox } from "../imap/session.ts";
import type { Core } from "./core.ts";
import type { Listing } from "./mailboxes/listings.ts";
import type { AccountRef } from "./mailboxes/registry.ts";
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

function pick(account: AccountRef, ref: string): (listing: Listing) => ListedMailbox | undefined {
  const role = mailboxRole.safeParse(ref);
  if (role.success) return ({ listed, roles }) => listed.find(({ path }) => roles.get(path) === role.data);
  const birth = unpackMailboxId(ref);
  if (!birth || birth.accountKey !== account.key) throw noSuchMailbox();
  return ({ listed, records }) => listed.find(({ path }) => records.get(path)?.key === birth.mailboxKey);
}
