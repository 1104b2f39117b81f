import { type Call, Failure, newReport, noteProof, type Report } from "@postern/protocol";
import type { MailboxStatus } from "../imap/session.ts";
import type { Sessions } from "../mail/ports.ts";
import { GroupCommit } from "./group-commit.ts";

/** A mailbox as it was after somebody asked. */
export type Proof = Omit<MailboxStatus, "unseen">;

export interface Proofs {
  /**
   * The state of the mailbox at this path, by a command that is sent after this is called; null: there is none. Everybody
   * who asks before it is sent shares it.
   */
  mailbox(account: string, path: string, call: Call): Promise<Proof | null>;
}

/** For those who share a proof: none of them can call it off. */
const PROOF_MS = 20_000;
const neverAborts = new AbortController().signal;

interface Shared {
  proof: Proof | null;
  report: Report;
  /** The first to ask has the cost on their account. */
  isPaid: boolean;
}

/**
 * STATUS, on a connection that does not have the mailbox selected: one that has does not notice when others delete the
 * mailbox and make it anew, nor does STATUS on it. Where there is only that one, EXAMINE again does notice.
 */
export function createProofs(sessions: Sessions): Proofs {
  const commits = new Map<string, GroupCommit<Shared>>();

  const prove = async (account: string, path: string): Promise<Shared> => {
    const report = newReport();
    const call: Call = {
      requestId: "proof",
      actor: "postern",
      deadline: Date.now() + PROOF_MS,
      signal: neverAborts,
      report,
    };
    const proof = await sessions.use(
      { account, avoid: path, lane: "interactive", call },
      (session): Promise<Proof | null> => (session.selected === path ? session.examine(path) : session.status(path)),
    );
    return { proof, report, isPaid: false };
  };

  return {
    async mailbox(account, path, call) {
      const key = `${account}\0${path}`;
      const commit = commits.get(key) ?? new GroupCommit(() => prove(account, path));
      commits.set(key, commit);
      try {
        return settle(await within(call, commit.ask()), call.report);
      } finally {
        if (commit.isIdle && commits.get(key) === commit) commits.delete(key);
      }
    },
  };
}

function settle(shared: Shared, into: Report): Proof | null {
  const { proof, report } = shared;
  into.imapMs += report.imapMs;
  into.waitMs += report.waitMs;
  if (!shared.isPaid) {
    shared.isPaid = true;
    into.commands += report.commands;
    into.bytes += report.bytes;
  }
  if (proof) noteProof(into, proof.asOf);
  return proof;
}

/** Waits no longer than the caller does. */
function within<T>(call: Call, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = (): void =>
      reject(new Failure("upstream-timeout", { detail: "The mail server took longer than the request may." }));
    const timer = setTimeout(late, Math.max(0, Math.min(call.deadline - Date.now(), 0x7fffffff)));
    const giveUp = (): void => reject(new Failure("cancelled"));
    call.signal.addEventListener("abort", giveUp, { once: true });
    const settled = (): void => {
      clearTimeout(timer);
      call.signal.removeEventListener("abort", giveUp);
    };
    work.finally(settled).then(resolve, reject);
    if (call.signal.aborted) giveUp();
  });
}
