import { type Call, Failure, packMailboxId } from "@postern/protocol";
import type { ImapSession } from "../../imap/session.ts";
import { insideName } from "../causes.ts";
import type { Core } from "../core.ts";
import { create } from "../create-mailbox.ts";
import { noSuchMailbox } from "../open-mailbox.ts";
import type { AccountRef } from "./registry.ts";

/** Messages that one MOVE names. */
const BATCH = 500;

/**
 * Renaming INBOX moves its messages to a new mailbox and leaves it empty (RFC 9051 section 6.3.6). Postern does that by
 * CREATE and MOVE: RENAME of INBOX tells nothing of what became of each message, and there are servers that break at it.
 * INBOX keeps its id, messages keep theirs, and what comes out is the new mailbox's path.
 */
export async function emptyInbox(
  core: Core,
  account: AccountRef,
  target: (session: ImapSession) => string,
  call: Call,
): Promise<string> {
  const requireMove = (session: ImapSession): string => {
    if (session.abilities.move && session.abilities.uidPlus) return target(session);
    const detail = "The mail server cannot move messages at once: create a mailbox, and move INBOX's messages there.";
    throw new Failure("not-possible", { detail, outcome: "none" });
  };
  const path = await create(core, account, call, requireMove);
  const { records } = await core.listings.current(account, "all", call);
  const [from, to] = [records.get("INBOX"), records.get(path)];
  if (!from || !to) throw noSuchMailbox();
  const inbox = { key: from.key, path: "INBOX" };
  const name = insideName(packMailboxId({ accountKey: account.key, mailboxKey: from.key }));
  const tellEnd = core.causes.begin(account.id, [name], call);
  const moving = core.places.settling(account, to.key, () =>
    moveAll(core, account, inbox, { key: to.key, path }, call),
  );
  await moving.finally(tellEnd);
  return path;
}

interface Box {
  key: number;
  path: string;
}

function moveAll(core: Core, account: AccountRef, from: Box, to: Box, call: Call): Promise<void> {
  return core.sessions.use({ account: account.id, lane: "interactive", call }, async (session) => {
    const inbox = await session.select(from.path);
    if (!inbox) throw noSuchMailbox();
    const uids = await session.search({ all: true });
    for (let at = 0; at < uids.length; at += BATCH) {
      core.ownership.assertHeld(account.id);
      const moved = await session.move(uids.slice(at, at + BATCH), to.path);
      if (!moved) continue;
      const { uidValidity } = inbox;
      const places = [...moved.uids.keys()].map((uid) => ({ mailbox: from.key, uidValidity, uid }));
      const there = { mailbox: to.key, uidValidity: moved.uidValidity, uids: [...moved.uids.values()] };
      await core.places.noteMoved(account, places, there);
    }
  });
}
