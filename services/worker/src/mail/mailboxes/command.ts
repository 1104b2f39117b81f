import { type Call, isFailure } from "@postern/protocol";
import type { ImapSession } from "../../imap/session.ts";
import type { Core } from "../core.ts";
import type { AccountRef } from "./registry.ts";

/** What LIST tells of two paths, or of one. */
type Paths = ReadonlySet<string>;

/**
 * Runs a command that makes, renames or deletes a mailbox. Where its answer was lost, or is a NO that does not say why, the
 * list of mailboxes is looked at: `done` tells whether it shows what the command was to bring about. Without an answer and
 * without it, the command was not carried out.
 */
export async function carryOut(
  core: Core,
  account: AccountRef,
  call: Call,
  command: (session: ImapSession) => Promise<void>,
  done: (paths: Paths) => boolean | Promise<boolean>,
): Promise<void> {
  const borrow = { account: account.id, lane: "interactive", call } as const;
  try {
    await core.sessions.use(borrow, (session) => {
      core.ownership.assertHeld(account.id);
      return command(session);
    });
  } catch (error) {
    if (!isFailure(error) || error.outcome !== "unknown") throw error;
    const paths = await listPaths(core, account, call).catch(() => null);
    if (paths === null) throw error;
    if (!(await done(paths))) throw error.withOutcome("none");
  }
}

export async function listPaths(core: Core, account: AccountRef, call: Call): Promise<Paths> {
  const borrow = { account: account.id, lane: "interactive", call } as const;
  const listed = await core.sessions.use(borrow, (session) => session.list({ counters: false }));
  return new Set(listed.map(({ path }) => path));
}

/** A refusal without a response code, as Courier and Cyrus give them, or one that says nothing. */
export function isBareRefusal(error: unknown): boolean {
  return isFailure(error, "upstream-refused") && error.upstream?.status === "NO";
}

/** Subscriptions follow mailboxes; a server that does not take them does not undo what was done before. */
export async function subscribe(
  core: Core,
  account: AccountRef,
  call: Call,
  changes: readonly { path: string; subscribed: boolean }[],
): Promise<void> {
  if (changes.length === 0) return;
  try {
    await core.sessions.use({ account: account.id, lane: "interactive", call }, async (session) => {
      for (const { path, subscribed } of changes) {
        core.ownership.assertHeld(account.id);
        await (subscribed ? session.subscribe(path) : session.unsubscribe(path));
      }
    });
  } catch (error) {
    if (!isFailure(error)) throw error;
  }
}
