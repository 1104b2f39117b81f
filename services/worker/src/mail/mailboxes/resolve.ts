import { type Call, mailboxRole, type MailboxRole, unpackMailboxId } from "@postern/protocol";
import type { MailboxRecord } from "@postern/store";
import type { Core } from "../core.ts";
import { noSuchMailbox } from "../open-mailbox.ts";
import type { AccountRef } from "./registry.ts";

/**
 * The key of the mailbox that a reference means. Throws `not-found`. An id and `inbox` need no command; what other roles
 * mean is asked of the server each time, for it may have changed.
 */
export async function resolveMailbox(core: Core, account: AccountRef, ref: string, call: Call): Promise<number> {
  if (isRole(ref)) return (await findRole(core, account, ref, call)).key;
  const birth = unpackMailboxId(ref);
  if (!birth || birth.accountKey !== account.key) throw noSuchMailbox();
  const record = await core.registry.find(account, birth.mailboxKey);
  if (!record || record.goneAt !== null) throw noSuchMailbox();
  return record.key;
}

const roles: ReadonlySet<string> = new Set(mailboxRole.options);

function isRole(ref: string): ref is MailboxRole {
  return roles.has(ref);
}

async function findRole(core: Core, account: AccountRef, role: MailboxRole, call: Call): Promise<MailboxRecord> {
  const inbox = role === "inbox" ? await core.registry.at(account, "INBOX") : null;
  if (inbox) return inbox;
  const { roles, records } = await core.listings.current(account, "none", call);
  const [path] = [...roles].find(([, assigned]) => assigned === role) ?? [];
  const record = path === undefined ? undefined : records.get(path);
  if (!record) throw noSuchMailbox();
  return record;
}
