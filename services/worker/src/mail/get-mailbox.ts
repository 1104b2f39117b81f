import { type Call, type Input, type Mailbox, mailboxRole, unpackMailboxId } from "@postern/protocol";
import type { ImapSession, ListedMailbox } from "../imap/session.ts";
import type { Core } from "./core.ts";
import { shelve } from "./list-mailboxes.ts";
import type { AccountRef } from "./mailboxes/registry.ts";
import { listAndLearn, type Listing } from "./mailboxes/resolve.ts";
import { assignRoles } from "./mailboxes/roles.ts";
import { isSelectable, shapeMailbox } from "./mailboxes/tree.ts";
import { accountRef, noSuchMailbox } from "./open-mailbox.ts";

/** One mailbox by id or role, with its counters. */
export async function getMailbox(core: Core, input: Input<"getMailbox">, call: Call): Promise<Mailbox> {
  const account = await accountRef(core, input.account);
  const wanted = pick(account, input.mailbox);
  return core.sessions.use({ account: account.id, lane: "interactive", call }, async (session) => {
    let listing = await listAndLearn(core, { account, session, call, counters: false });
    let listed = wanted(listing);
    if (!listed) throw noSuchMailbox();
    const status = isSelectable(listed) ? await freshStatus(session, listed.path) : null;
    const record = listing.records.get(listed.path);
    if (status && record?.uidValidity !== status.uidValidity) {
      // Made anew or swapped under its name: which mailbox it is takes the counters of all to tell.
      listing = await listAndLearn(core, { account, session, call, counters: true });
      listed = wanted(listing);
    } else if (listed) listed = { ...listed, status };
    const found = listed && listing.records.get(listed.path);
    if (!listed || !found) throw noSuchMailbox();
    return shapeMailbox(shelve(account, listing), found, listed);
  });
}

function pick(account: AccountRef, ref: string): (listing: Listing) => ListedMailbox | undefined {
  const role = mailboxRole.safeParse(ref);
  if (role.success) {
    return ({ listed }) => {
      const roles = assignRoles(listed);
      return listed.find(({ path }) => roles.get(path) === role.data);
    };
  }
  const birth = unpackMailboxId(ref);
  if (!birth || birth.accountKey !== account.key) throw noSuchMailbox();
  return ({ listed, records }) => listed.find(({ path }) => records.get(path)?.key === birth.mailboxKey);
}

/** STATUS of a mailbox that this very connection has selected would be told from what the connection knew. */
async function freshStatus(session: ImapSession, path: string): Promise<ListedMailbox["status"]> {
  if (session.selected === path) await session.examine(path);
  return session.status(path);
}
