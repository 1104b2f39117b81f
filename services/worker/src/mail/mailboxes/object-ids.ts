import type { MailboxRecord } from "@postern/store";
import type { ImapSession, ListedMailbox } from "../../imap/session.ts";

/** Each is one STATUS: of an account that comes with more new mailboxes at once, the rest is told by UIDVALIDITY. */
const MOST = 500;

/**
 * What was listed, with MAILBOXIDs (RFC 8474) of those that may be a known mailbox under another name or UIDVALIDITY. They
 * are asked for only where a known mailbox is not where it was.
 */
export async function withMailboxIds(
  session: ImapSession,
  listed: readonly ListedMailbox[],
  known: readonly MailboxRecord[],
): Promise<readonly ListedMailbox[]> {
  if (!session.abilities.objectId) return listed;
  const byPath = new Map(listed.map((mailbox) => [mailbox.path, mailbox]));
  const isInPlace = ({ path, uidValidity }: MailboxRecord): boolean =>
    uidValidity === null || byPath.get(path)?.status?.uidValidity === uidValidity;
  const inPlace = new Set(known.filter(isInPlace).map(({ path }) => path));
  if (inPlace.size === known.length) return listed;
  const result: ListedMailbox[] = [];
  let asked = 0;
  for (const mailbox of listed) {
    const { path, status } = mailbox;
    const isKnown = status === null || status.mailboxId !== null || inPlace.has(path) || asked >= MOST;
    if (!isKnown) asked += 1;
    result.push(isKnown ? mailbox : { ...mailbox, status: { ...status, mailboxId: await session.mailboxId(path) } });
  }
  return result;
}
