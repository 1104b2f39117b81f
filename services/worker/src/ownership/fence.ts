import { Failure } from "@postern/protocol";
import { Fenced, type MailboxStore } from "@postern/store";
import type { Sessions } from "../mail/ports.ts";
import type { LiveOwnership } from "./ownership.ts";

/** The same sessions, for accounts that are certainly this process' own: what goes on after an account was lost connects no more. */
export function guardSessions(sessions: Sessions, ownership: LiveOwnership): Sessions {
  return {
    use: async (borrow, work) => {
      ownership.assertHeld(borrow.account);
      return sessions.use(borrow, work);
    },
  };
}

/** The same store, where what is written is written under the account's epoch. A refusal tells that the account is lost. */
export function fenceMailboxes(mailboxes: MailboxStore, ownership: LiveOwnership): MailboxStore {
  return {
    list: mailboxes.list,
    apply: (account, version, changes) =>
      underEpoch(ownership, account, (epoch) => mailboxes.apply(account, version, changes, epoch)),
  };
}

/** Writes for an account's owner. Throws `unavailable` where this process is not. */
export async function underEpoch<T>(
  ownership: LiveOwnership,
  account: string,
  write: (epoch: number) => Promise<T>,
): Promise<T> {
  const epoch = ownership.epochToWrite(account);
  if (epoch === null) throw new Failure("unavailable", { detail: "The account was handed over.", retryAfter: 1 });
  try {
    return await write(epoch);
  } catch (error) {
    if (error instanceof Fenced && ownership.epochToWrite(account) === epoch) ownership.lost(account);
    throw error;
  }
}
