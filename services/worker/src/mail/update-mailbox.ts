import {
  type Call,
  Failure,
  type Input,
  isFailure,
  type Mailbox,
  type MailboxPatch,
  packMailboxId,
} from "@postern/protocol";
import type { ImapSession, ListedMailbox } from "../imap/session.ts";
import type { Core } from "./core.ts";
import { exists, shown } from "./create-mailbox.ts";
import { carryOut, isBareRefusal, listPaths, subscribe } from "./mailboxes/command.ts";
import { type Found, findMailbox } from "./mailboxes/found.ts";
import { type Above, pathOf } from "./mailboxes/naming.ts";
import type { AccountRef } from "./mailboxes/registry.ts";
import { emptyInbox } from "./mailboxes/rename-inbox.ts";
import { accountRef } from "./open-mailbox.ts";

/** Renames a mailbox, puts it below another, or changes whether the user has subscribed to it. Its id and its messages' stay. */
export async function updateMailbox(core: Core, input: Input<"updateMailbox">, call: Call): Promise<Mailbox> {
  const account = await accountRef(core, input.account);
  const found = await findMailbox(core, account, input.mailbox, call);
  const path = await rename(core, account, found, input.patch, call);
  const { subscribed } = input.patch;
  if (subscribed !== undefined) await setSubscribed(core, account, path, subscribed, call);
  return shown(core, account, path, call);
}

/** What stands for itself must be told when it fails. */
async function setSubscribed(
  core: Core,
  account: AccountRef,
  path: string,
  subscribed: boolean,
  call: Call,
): Promise<void> {
  await core.sessions.use({ account: account.id, lane: "interactive", call }, (session) => {
    core.ownership.assertHeld(account.id);
    return subscribed ? session.subscribe(path) : session.unsubscribe(path);
  });
}

/** Where the mailbox is afterwards. */
async function rename(core: Core, account: AccountRef, found: Found, patch: MailboxPatch, call: Call): Promise<string> {
  const { listed } = found;
  if (patch.name === undefined && patch.parentId === undefined) return listed.path;
  const target = await targetOf(core, account, found, patch, call);
  if (listed.path === "INBOX") return emptyInbox(core, account, target, call);
  let to = "";
  const command = async (session: ImapSession): Promise<void> => {
    to = target(session);
    if (to !== listed.path) await session.rename(listed.path, to);
  };
  const done = (paths: ReadonlySet<string>): boolean => paths.has(to) && !paths.has(listed.path);
  const tellEnd = core.causes.begin(account.id, namesWithin(account, found), call);
  try {
    await core.registry.changing(account, async () => {
      await carryOut(core, account, call, command, done);
      if (to !== listed.path) await core.registry.renamed(account, listed.path, to, listed.delimiter);
    });
  } catch (error) {
    if (!isBareRefusal(error) || !isFailure(error) || !(await listPaths(core, account, call)).has(to)) throw error;
    throw exists(error);
  } finally {
    tellEnd();
  }
  await carrySubscriptions(core, account, found, to, call);
  return to;
}

/** What is below goes with it. */
function namesWithin(account: AccountRef, { listed, listing }: Found): string[] {
  const inside = listing.listed.filter(({ path }) => isWithin(path, listed));
  return inside.flatMap(({ path }) => {
    const record = listing.records.get(path);
    return record ? [packMailboxId({ accountKey: account.key, mailboxKey: record.key })] : [];
  });
}

async function targetOf(
  core: Core,
  account: AccountRef,
  { listed }: Found,
  { name, parentId }: MailboxPatch,
  call: Call,
): Promise<(session: ImapSession) => string> {
  const { path, delimiter } = listed;
  const segments = delimiter === null ? [path] : path.split(delimiter);
  const ownName = segments.at(-1) ?? path;
  if (parentId === undefined) {
    // The server need not list what is above: the path says it.
    const above = segments.slice(0, -1).join(delimiter ?? "");
    const newName = name ?? ownName;
    if (path === "INBOX") return ({ personal }) => pathOf(newName, null, personal);
    return ({ personal }) =>
      above === ""
        ? pathOf(newName, null, { ...personal, prefix: "", delimiter })
        : pathOf(newName, { path: above, delimiter }, personal);
  }
  const above: Above = parentId === null ? null : (await findMailbox(core, account, parentId, call)).listed;
  if (above && isWithin(above.path, listed)) {
    const detail = "A mailbox cannot be put below itself.";
    throw new Failure("not-possible", { detail, outcome: "none" });
  }
  return ({ personal }) => pathOf(name ?? ownName, above, personal);
}

function isWithin(path: string, { path: root, delimiter }: ListedMailbox): boolean {
  return path === root || (delimiter !== null && path.startsWith(root + delimiter));
}

/** The list of subscriptions is one of names: without this it would go on naming what is not there any more. */
async function carrySubscriptions(
  core: Core,
  account: AccountRef,
  { listed, listing }: Found,
  to: string,
  call: Call,
): Promise<void> {
  if (to === listed.path) return;
  const changes = listing.listed
    .filter(({ path, subscribed }) => subscribed && isWithin(path, listed))
    .flatMap(({ path }) => [
      { path: to + path.slice(listed.path.length), subscribed: true },
      { path, subscribed: false },
    ]);
  await subscribe(core, account, call, changes);
}
