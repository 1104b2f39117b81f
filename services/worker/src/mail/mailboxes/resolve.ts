import { type Call, mailboxRole, type MailboxRole, noteProof, unpackMailboxId } from "@postern/protocol";
import type { MailboxRecord } from "@postern/store";
import type { ImapSession, ListedMailbox } from "../../imap/session.ts";
import type { Core } from "../core.ts";
import { noSuchMailbox } from "../open-mailbox.ts";
import type { AccountRef } from "./registry.ts";
import { assignRoles } from "./roles.ts";

export interface Listing {
  listed: ListedMailbox[];
  /** By path. */
  records: Map<string, MailboxRecord>;
}

/** LIST, and what it shows taken into the registry. Without `counters` they are asked for only where something is new. */
export async function listAndLearn(
  core: Core,
  { account, session, call, counters }: { account: AccountRef; session: ImapSession; call: Call; counters: boolean },
): Promise<Listing> {
  // A connection does not notice that its selected mailbox was made anew, not even by STATUS: selecting again does.
  if (counters && session.selected !== null) await session.examine(session.selected);
  noteProof(call.report, Date.now());
  const listed = await session.list({ counters });
  if (!counters && (await hasNews(core, account, listed))) {
    return listAndLearn(core, { account, session, call, counters: true });
  }
  if (!counters) return { listed, records: new Map((await core.registry.live(account)).map((r) => [r.path, r])) };
  return { listed, records: await core.registry.learn(account, listed) };
}

async function hasNews(core: Core, account: AccountRef, listed: readonly ListedMailbox[]): Promise<boolean> {
  const known = new Set((await core.registry.live(account)).map(({ path }) => path));
  return known.size !== listed.length || listed.some(({ path }) => !known.has(path));
}

/**
 * The key of the mailbox that a reference means. Throws `not-found`. An id and `inbox` need no command; what other roles
 * mean is asked of the server each time, for it may have changed.
 */
export async function resolveMailbox(core: Core, account: AccountRef, ref: string, call: Call): Promise<number> {
  const role = mailboxRole.safeParse(ref);
  if (role.success) return (await findRole(core, account, role.data, call)).key;
  const birth = unpackMailboxId(ref);
  if (!birth || birth.accountKey !== account.key) throw noSuchMailbox();
  const record = await core.registry.find(account, birth.mailboxKey);
  if (!record || record.goneAt !== null) throw noSuchMailbox();
  return record.key;
}

async function findRole(core: Core, account: AccountRef, role: MailboxRole, call: Call): Promise<MailboxRecord> {
  const inbox = role === "inbox" ? await core.registry.at(account, "INBOX") : null;
  if (inbox) return inbox;
  const { listed, records } = await core.sessions.use({ account: account.id, lane: "interactive", call }, (session) =>
    listAndLearn(core, { account, session, call, counters: false }),
  );
  const [path] = [...assignRoles(listed)].find(([, assigned]) => assigned === role) ?? [];
  const record = path === undefined ? undefined : records.get(path);
  if (!record) throw noSuchMailbox();
  return record;
}
