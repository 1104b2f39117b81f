import { type Call, mailboxRole, unpackMailboxId } from "@postern/protocol";
import type { MailboxRecord } from "@postern/store";
import type { ListedMailbox } from "../../imap/session.ts";
import type { Core } from "../core.ts";
import { noSuchMailbox } from "../open-mailbox.ts";
import type { Listing } from "./listings.ts";
import type { AccountRef } from "./registry.ts";

/** A mailbox as the server lists it right now, and what is known of it. */
export interface Found {
  listed: ListedMailbox;
  record: MailboxRecord;
  listing: Listing;
}

/** By id or role, as of a LIST that is sent now. Throws `not-found`. */
export async function findMailbox(core: Core, account: AccountRef, ref: string, call: Call): Promise<Found> {
  const wanted = pick(account, ref);
  const listing = await core.listings.current(account, "none", call);
  const listed = wanted(listing);
  const record = listed && listing.records.get(listed.path);
  if (!listed || !record) throw noSuchMailbox();
  return { listed, record, listing };
}

export function pick(account: AccountRef, ref: string): (listing: Listing) => ListedMailbox | undefined {
  const role = mailboxRole.safeParse(ref);
  if (role.success) return ({ listed, roles }) => listed.find(({ path }) => roles.get(path) === role.data);
  const birth = unpackMailboxId(ref);
  if (!birth || birth.accountKey !== account.key) throw noSuchMailbox();
  return ({ listed, records }) => listed.find(({ path }) => records.get(path)?.key === birth.mailboxKey);
}
