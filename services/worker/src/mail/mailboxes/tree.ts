import { type Mailbox, type MailboxRole, packMailboxId } from "@postern/protocol";
import type { MailboxRecord } from "@postern/store";
import type { ListedMailbox, MailboxStatus } from "../../imap/session.ts";
import type { AccountRef } from "./registry.ts";

/** Whether it can hold messages (RFC 9051 section 7.3.1). */
export function isSelectable({ attributes }: ListedMailbox): boolean {
  return !attributes.some((attribute) => /^\\(noselect|nonexistent)$/i.test(attribute));
}

export interface Shelf {
  account: AccountRef;
  records: ReadonlyMap<string, MailboxRecord>;
  roles: ReadonlyMap<string, MailboxRole>;
}

/** A listed mailbox as it is shown. Its parent is the nearest mailbox above it that the server lists. */
export function shapeMailbox(shelf: Shelf, record: MailboxRecord, listed: ListedMailbox): Mailbox {
  const { path, delimiter } = listed;
  const parent = parentOf(listed, shelf.records);
  return {
    id: packMailboxId({ accountKey: shelf.account.key, mailboxKey: record.key }),
    path,
    name: lastSegment(path, delimiter),
    parentId: parent && packMailboxId({ accountKey: shelf.account.key, mailboxKey: parent.key }),
    delimiter,
    role: shelf.roles.get(path) ?? null,
    subscribed: listed.subscribed,
    selectable: isSelectable(listed),
    ...counters(isSelectable(listed) ? listed.status : null),
  };
}

function counters(
  status: MailboxStatus | null,
): Pick<Mailbox, "total" | "unseen" | "uidValidity" | "uidNext" | "highestModseq"> {
  return {
    total: status?.messages ?? null,
    unseen: status?.unseen ?? null,
    uidValidity: status?.uidValidity ?? null,
    uidNext: status?.uidNext ?? null,
    highestModseq: status?.highestModseq?.toString() ?? null,
  };
}

function parentOf<T>({ path, delimiter }: ListedMailbox, byPath: ReadonlyMap<string, T>): T | null {
  if (!delimiter) return null;
  for (let end = path.lastIndexOf(delimiter); end > 0; end = path.lastIndexOf(delimiter, end - 1)) {
    const parent = byPath.get(path.slice(0, end));
    if (parent !== undefined) return parent;
  }
  return null;
}

function lastSegment(path: string, delimiter: string | null): string {
  return (delimiter && path.split(delimiter).at(-1)) || path;
}
