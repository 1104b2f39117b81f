import { type Call, Failure, newReport, noteProof, type Report } from "@postern/protocol";
import { GroupCommit } from "./group-commit.ts";

interface Done<T> {
  value: T;
  report: Report;
  /** The first to be answered has the cost on their account. */
  isPaid: boolean;
}

/** None of those who share it can call it off. */
const DEADLINE_MS = 20_000;
const neverAborts = new AbortController().signal;

/** Reads that everybody shares who asks for the same before they begin. */
export class SharedWork {
  private readonly commits = new Map<string, GroupCommit<Done<unknown>>>();

  /**
   * What `work` gives, begun after this was called. Equal keys must mean equal work; the first word of a key is the command,
   * which is told to who has waited in vain.
   */
  async ask<T>(key: string, call: Call, work: (call: Call) => Promise<T>): Promise<T> {
    const known = this.commits.get(key) as GroupCommit<Done<T>> | undefined;
    const commit = known ?? new GroupCommit(() => perform(work));
    this.commits.set(key, commit);
    try {
      return settle(await within(call, commandOf(key), commit.ask()), call.report);
    } finally {
      if (commit.isIdle && this.commits.get(key) === commit) this.commits.delete(key);
    }
  }
}

async function perform<T>(work: (call: Call) => Promise<T>): Promise<Done<T>> {
  const report = newReport();
  const call = { requestId: "shared", actor: "postern", signal: neverAborts, report };
  return { value: await work({ ...call, deadline: Date.now() + DEADLINE_MS }), report, isPaid: false };
}

function settle<T>(done: Done<T>, into: Report): T {
  const { value, report } = done;
  into.imapMs += report.imapMs;
  into.waitMs += report.waitMs;
  if (!done.isPaid) {
    done.isPaid = true;
    into.commands += report.commands;
    into.bytes += report.bytes;
  }
  if (report.asOf !== null) noteProof(into, report.asOf);
  return value;
}

function commandOf(key: string): string {
  return key.slice(0, key.indexOf(" ")).toUpperCase();
}

/** Waits no longer than the caller does. */
export function within<T>(call: Call, command: string, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const detail = `The mail server did not answer ${command} within the time that the request had.`;
    const late = (): void => reject(new Failure("upstream-timeout", { detail }));
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
