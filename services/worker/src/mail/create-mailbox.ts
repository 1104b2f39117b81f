import { type Call, Failure, type Input, isFailure, type Mailbox } from "@postern/protocol";
import type { MailboxRecord } from "@postern/store";
import type { ImapSession } from "../imap/session.ts";
import { pathName } from "./causes.ts";
import type { Core } from "./core.ts";
import { carryOut, isBareRefusal, listPaths, subscribe } from "./mailboxes/command.ts";
import { findMailbox } from "./mailboxes/found.ts";
import { type Above, checkedPath, pathOf } from "./mailboxes/naming.ts";
import type { AccountRef } from "./mailboxes/registry.ts";
import { shapeMailbox } from "./mailboxes/tree.ts";
import { accountRef } from "./open-mailbox.ts";

/** Makes a mailbox, by name below another one or by its whole path. */
export async function createMailbox(core: Core, input: Input<"createMailbox">, call: Call): Promise<Mailbox> {
  const account = await accountRef(core, input.account);
  const { mailbox } = input;
  const above = "name" in mailbox && mailbox.parentId ? await find(core, account, mailbox.parentId, call) : null;
  const path = await create(
    core,
    account,
    call,
    (session) =>
      "name" in mailbox ? pathOf(mailbox.name, above, session.personal) : checkedPath(mailbox.path, session.personal),
    mailbox.role,
  );
  if (mailbox.subscribed !== false) await subscribe(core, account, call, [{ path, subscribed: true }]);
  return shown(core, account, path, call);
}

async function find(core: Core, account: AccountRef, ref: string, call: Call): Promise<Above> {
  return (await findMailbox(core, account, ref, call)).listed;
}

/** The path of what was made. Throws `mailbox-exists` also where the server only says no. */
export async function create(
  core: Core,
  account: AccountRef,
  call: Call,
  pathIn: (session: ImapSession) => string,
  role?: Parameters<ImapSession["create"]>[1],
): Promise<string> {
  let path = "";
  let before: MailboxRecord | null = null;
  let tellEnd = (): void => undefined;
  const command = async (session: ImapSession): Promise<void> => {
    path = pathIn(session);
    before = await core.registry.at(account, path);
    if (role && !session.abilities.createSpecialUse) throw takesNoRoles();
    tellEnd = core.causes.begin(account.id, [pathName(path)], call);
    await session.create(path, role);
  };
  try {
    await carryOut(core, account, call, command, async (paths) => {
      if (!paths.has(path) || !before) return paths.has(path);
      // What was known at that path may have been refused to be made, or have been made anew.
      const { records } = await core.listings.current(account, "all", call);
      return records.get(path)?.uidValidity !== before.uidValidity;
    });
  } catch (error) {
    if (!isBareRefusal(error) || !isFailure(error)) throw error;
    if (!(await listPaths(core, account, call)).has(path)) throw error;
    throw exists(error);
  } finally {
    tellEnd();
  }
  return path;
}

function takesNoRoles(): Failure {
  const detail = "The mail server takes no roles for new mailboxes.";
  return new Failure("not-possible", { detail, outcome: "none" });
}

export function exists({ upstream }: Failure): Failure {
  return new Failure("mailbox-exists", { outcome: "none", ...(upstream && { upstream }) });
}

/** The mailbox at a path, as the server lists it after the change. */
export async function shown(core: Core, account: AccountRef, path: string, call: Call): Promise<Mailbox> {
  const { listed, records, roles } = await core.listings.current(account, "all", call);
  // Some servers compose letters and accents in names that were sent decomposed.
  const same = (other: string): boolean => other === path || other.normalize("NFC") === path.normalize("NFC");
  const mailbox = listed.find((each) => each.path === path) ?? listed.find((each) => same(each.path));
  const record = mailbox && records.get(mailbox.path);
  if (!mailbox || !record) {
    const detail = "The mail server took the change, and does not list the mailbox.";
    throw new Failure("upstream-protocol", { detail, outcome: "done" });
  }
  return shapeMailbox({ account, records, roles }, record, mailbox);
}
