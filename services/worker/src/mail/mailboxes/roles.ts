import type { MailboxRole } from "@postern/protocol";
import type { ListedMailbox } from "../../imap/session.ts";
import { roleNames } from "./role-names.ts";
import { isSelectable } from "./tree.ts";

/**
 * Roles by path, each at most once. INBOX is the inbox; then what the server marks (SPECIAL-USE, RFC 6154); what it
 * does not mark is told by the names that mail programs give in the common languages.
 */
export function assignRoles(listed: readonly ListedMailbox[]): Map<string, MailboxRole> {
  const roles = new Map<string, MailboxRole>();
  const given = new Set<MailboxRole>();
  const give = (path: string, role: MailboxRole): void => {
    if (roles.has(path) || given.has(role)) return;
    roles.set(path, role);
    given.add(role);
  };

  const mailboxes = listed.filter(isSelectable).toSorted(byDepthThenPath);
  for (const { path } of mailboxes) if (path === "INBOX") give(path, "inbox");
  for (const { path, attributes } of mailboxes) {
    for (const attribute of attributes) {
      const role = specialUse[attribute.toLowerCase()];
      if (role) give(path, role);
    }
  }
  const named = Map.groupBy(mailboxes, topLevelName);
  for (const { name, role } of namesInOrder) for (const { path } of named.get(name) ?? []) give(path, role);
  return roles;
}

const specialUse: Record<string, MailboxRole> = {
  "\\sent": "sent",
  "\\drafts": "drafts",
  "\\trash": "trash",
  "\\junk": "junk",
  "\\archive": "archive",
  "\\all": "all",
  "\\flagged": "flagged",
};

const namesInOrder = Object.entries(roleNames).flatMap(([role, list]) =>
  list.map((name) => ({ name: folded(name), role: role as keyof typeof roleNames })),
);

/** Containers that some servers put everything in: what is right below them counts as top level. */
const containers = new Set(["inbox", "[gmail]", "[google mail]", "mail"]);

/** The folded name of a mailbox at the top; null for one deeper down, whose name says nothing about the whole account. */
function topLevelName({ path, delimiter }: ListedMailbox): string | null {
  const segments = delimiter ? path.split(delimiter) : [path];
  const [first, second, third] = segments;
  if (second === undefined) return folded(path);
  return third === undefined && containers.has(folded(first ?? "")) ? folded(second) : null;
}

function folded(name: string): string {
  return name.normalize("NFC").trim().toLowerCase();
}

function byDepthThenPath(a: ListedMailbox, b: ListedMailbox): number {
  return depth(a) - depth(b) || (a.path < b.path ? -1 : Number(a.path > b.path));
}

function depth({ path, delimiter }: ListedMailbox): number {
  return delimiter ? path.split(delimiter).length : 1;
}
