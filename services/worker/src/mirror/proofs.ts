import { type Call, noteProof } from "@postern/protocol";
import type { ImapSession, MailboxStatus } from "../imap/session.ts";
import type { Sessions } from "../mail/ports.ts";
import type { SharedWork } from "./shared-work.ts";

export interface Proofs {
  /**
   * The state of the mailbox at this path, by a command that is sent after this is called; null: there is none. Everybody
   * who asks before it is sent shares it.
   */
  mailbox(account: string, path: string, call: Call): Promise<MailboxStatus | null>;
}

export function createProofs(sessions: Sessions, shared: SharedWork): Proofs {
  return {
    mailbox: (account, path, call) =>
      shared.ask(`status ${account} ${path}`, call, async (own) => {
        const wish = { account, avoid: path, lane: "interactive", call: own } as const;
        const status = await sessions.use(wish, (session) => freshStatus(session, path));
        if (status) noteProof(own.report, status.asOf);
        return status;
      }),
  };
}

/**
 * A connection that has the mailbox selected does not notice when others delete it and make it anew, and STATUS there tells
 * what it was: where there is only such a one, opening it again does notice.
 */
async function freshStatus(session: ImapSession, path: string): Promise<MailboxStatus | null> {
  if (session.selected === path && !(await session.examine(path))) return null;
  return session.status(path);
}
