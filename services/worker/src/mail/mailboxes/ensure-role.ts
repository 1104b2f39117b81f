import { type Call, Failure, isFailure, type MailboxRole } from "@postern/protocol";
import type { MailboxRecord } from "@postern/store";
import { pathName } from "../causes.ts";
import type { Core } from "../core.ts";
import type { AccountRef } from "./registry.ts";

/** What a mailbox for a role is called where there is none. */
export const madeRoles = { trash: "Trash", drafts: "Drafts", sent: "Sent", junk: "Junk", archive: "Archive" } as const;
export type MadeRole = keyof typeof madeRoles;

/**
 * The mailbox that has this role, made where there is none (RFC 6154 section 3): beside INBOX, or below it where a server
 * has everything there.
 */
export async function ensureRole(core: Core, account: AccountRef, role: MadeRole, call: Call): Promise<MailboxRecord> {
  const known = await find(core, account, role, call);
  if (known) return known;
  const { listed } = await core.listings.current(account, "none", call);
  const { delimiter } = listed.find(({ path }) => path === "INBOX") ?? {};
  const others = listed.filter(({ path }) => path !== "INBOX");
  const isBelow = delimiter && others.length > 0 && others.every(({ path }) => path.startsWith(`INBOX${delimiter}`));
  const paths = [
    `${isBelow ? `INBOX${delimiter}` : ""}${madeRoles[role]}`,
    ...(delimiter ? [`INBOX${delimiter}${madeRoles[role]}`] : []),
  ];
  await make(core, account, role, [...new Set(paths)], call);
  const made = await find(core, account, role, call);
  if (!made) throw new Failure("not-found", { detail: `There is no ${role} mailbox, and none could be made.` });
  return made;
}

async function make(core: Core, account: AccountRef, role: MadeRole, paths: string[], call: Call): Promise<void> {
  await core.sessions.use({ account: account.id, lane: "interactive", call }, async (session) => {
    for (const [at, path] of paths.entries()) {
      core.ownership.assertHeld(account.id);
      const tellEnd = core.causes.begin(account.id, [pathName(path)], call);
      try {
        await session.create(path, role);
        // Mail programs show what is subscribed to; that one more is not shown harms nobody.
        await session.subscribe(path).catch(() => undefined);
        return;
      } catch (error) {
        if (isFailure(error, "mailbox-exists")) return;
        if (!session.usable || at === paths.length - 1) throw error;
      } finally {
        tellEnd();
      }
    }
  });
}

async function find(core: Core, account: AccountRef, role: MailboxRole, call: Call): Promise<MailboxRecord | null> {
  const { roles, records } = await core.listings.current(account, "none", call);
  const [path] = [...roles].find(([, assigned]) => assigned === role) ?? [];
  return (path === undefined ? undefined : records.get(path)) ?? null;
}
