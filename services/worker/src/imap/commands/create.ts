import type { Connection } from "../connection.ts";
import { encodeMailboxName } from "../encode.ts";
import { writtenName } from "../names.ts";
import type { Abilities } from "../session.ts";

/** Special uses (RFC 6154 section 2) by role. */
const uses: Readonly<Record<string, string>> = {
  all: "\\All",
  archive: "\\Archive",
  drafts: "\\Drafts",
  flagged: "\\Flagged",
  junk: "\\Junk",
  sent: "\\Sent",
  trash: "\\Trash",
};

/** CREATE (RFC 9051 section 6.3.4), with USE where the server takes it (RFC 6154 section 3). */
export async function create(
  connection: Connection,
  abilities: Abilities,
  path: string,
  role: string | undefined,
): Promise<void> {
  const use = role === undefined || !abilities.createSpecialUse ? undefined : uses[role];
  const name = writtenName(encodeMailboxName(path));
  const parts = ["CREATE ", name, ...(use === undefined ? [] : [` (USE (${use}))`])];
  await connection.run({ name: "CREATE", parts, changes: true });
}
