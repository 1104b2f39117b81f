import type { Call } from "@postern/protocol";
import type { Core } from "../core.ts";
import type { AccountRef } from "../mailboxes/registry.ts";

/** A mailbox into which messages are moved all the time is still shown, if by pages that may lack one that moves. */
const ATTEMPTS = 5;

/**
 * What was read of a mailbox, or null: of several, at a time when no message came there from another place. Rows that were
 * fetched while one came may show it twice, where it was and where it is, or with what a draft had in it before: ids that are
 * made afterwards cannot set that right, so that the rows are read again.
 */
export async function steadily<T>(
  core: Core,
  account: AccountRef,
  mailbox: number | null,
  call: Call,
  read: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    await core.places.settled(account, call, mailbox);
    const turn = core.places.turn(account, mailbox);
    const result = await read();
    if (attempt === ATTEMPTS || core.places.turn(account, mailbox) === turn) return result;
  }
}
