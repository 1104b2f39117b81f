import { type Call, Failure, type Input, isFailure, type Output, packMailboxId } from "@postern/protocol";
import type { MessagePlace } from "@postern/store";
import type { ImapSession } from "../imap/session.ts";
import { insideName } from "./causes.ts";
import type { Core } from "./core.ts";
import { carryOut, isBareRefusal, listPaths, subscribe } from "./mailboxes/command.ts";
import { type Found, findMailbox } from "./mailboxes/found.ts";
import { isSelectable } from "./mailboxes/tree.ts";
import type { AccountRef } from "./mailboxes/registry.ts";
import { accountRef, noSuchMailbox, openMailbox } from "./open-mailbox.ts";

/** Deletes a mailbox with its messages, for good. One that has others below it is left as it is. */
export async function deleteMailbox(
  core: Core,
  input: Input<"deleteMailbox">,
  call: Call,
): Promise<Output<"deleteMailbox">> {
  const account = await accountRef(core, input.account);
  const found = await findMailbox(core, account, input.mailbox, call);
  const { path, subscribed } = found.listed;
  requireDeletable(found);
  const command = async (session: ImapSession): Promise<void> => {
    if (input.onlyEmpty) await requireEmpty(session, found);
    core.ownership.assertHeld(account.id);
    await session.remove(path);
  };
  const id = packMailboxId({ accountKey: account.key, mailboxKey: found.record.key });
  const tellEnd = core.causes.begin(account.id, [id, insideName(id)], call);
  try {
    const inside = await messagesIn(core, account, found, call);
    await core.registry.changing(account, async () => {
      await carryOut(core, account, call, command, (paths) => !paths.has(path));
      await core.registry.deleted(account, found.record.key);
    });
    await noteGone(core, account, inside);
  } catch (error) {
    const isMissing = isFailure(error, "not-found");
    if (!isMissing && !(isBareRefusal(error) && !(await listPaths(core, account, call)).has(path))) throw error;
    throw noSuchMailbox().withOutcome("none");
  } finally {
    tellEnd();
  }
  if (subscribed) await subscribe(core, account, call, [{ path, subscribed: false }]);
  return {};
}

/** What goes with the mailbox. What others had moved out of it before goes on. */
async function messagesIn(core: Core, account: AccountRef, { listed, record }: Found, call: Call) {
  if (!isSelectable(listed)) return [];
  const request = { account, mailbox: record.key, lane: "interactive", call } as const;
  return openMailbox(core, request, async ({ session, state: { uidValidity } }) => {
    const uids = await session.search({ all: true });
    return uids.map((uid) => ({ mailbox: record.key, uidValidity, uid }));
  });
}

const AT_ONCE = 1_000;

/** No copy of a deleted message answers to its id. That it could not be noted makes nothing less deleted. */
async function noteGone(core: Core, account: AccountRef, places: readonly MessagePlace[]): Promise<void> {
  for (let at = 0; at < places.length; at += AT_ONCE)
    await core.places.noteGone(account, places.slice(at, at + AT_ONCE)).catch(() => undefined);
}

/**
 * What is below would be left under a name that is no mailbox, or be deleted along, or keep the server from deleting
 * anything: that differs from server to server (RFC 9051 section 6.3.5).
 */
function requireDeletable({ listed: { path, delimiter }, listing }: Found): void {
  if (path === "INBOX") {
    throw new Failure("not-possible", { detail: "INBOX cannot be deleted (RFC 9051 section 6.3.5).", outcome: "none" });
  }
  if (delimiter !== null && listing.listed.some((other) => other.path.startsWith(path + delimiter))) {
    throw new Failure("mailbox-has-children", { outcome: "none" });
  }
}

async function requireEmpty(session: ImapSession, { listed }: Found): Promise<void> {
  if (!isSelectable(listed)) return;
  // A connection that has it selected does not notice that it was made anew.
  if (session.selected === listed.path) await session.examine(listed.path);
  const status = await session.status(listed.path);
  if (status && status.messages > 0) throw new Failure("mailbox-not-empty", { outcome: "none" });
}
