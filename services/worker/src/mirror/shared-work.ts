import { addExplained, type Call, Failure, newReport, noteProof, remark, type Report } from "@postern/protocol";
import { GroupCommit } from "./group-commit.ts";

interface Done<T> {
  value: T;
  /** As `performance.now()` tells it. */
  began: number;
  report: Report;
  /** The first to be answered has the cost on their account. */
  isPaid: boolean;
}

/** None of those who share it can call it off. */
const DEADLINE_MS = 20_000;
const neverAborts = new AbortController().signal;

interface Waiter {
  call: Call;
  /** What is waited for. */
  key: string;
  reject: (why: Failure) => void;
}

/** How often it is looked whether somebody has waited for too long, or has gone. */
const LOOK_MS = 100;

/** Reads that everybody shares who asks for the same before they begin. */
export class SharedWork {
  private readonly commits = new Map<string, GroupCommit<Done<unknown>>>();
  /** A timer and a listener for each would cost more than nearly all of them ever wait. */
  private readonly waiting = new Set<Waiter>();
  private lookout: NodeJS.Timeout | null = null;

  /**
   * What `work` gives, begun after this was called. Equal keys must mean equal work; the first word of a key is the command,
   * which is told to who has waited in vain.
   */
  ask<T>(key: string, call: Call, work: (call: Call) => Promise<T>): Promise<T> {
    let commit = this.commits.get(key) as GroupCommit<Done<T>> | undefined;
    if (!commit) this.commits.set(key, (commit = new GroupCommit(() => perform(work))));
    return new Promise((resolve, reject) => {
      const waiter = { call, key, reject };
      this.wait(waiter);
      void this.deliver(commit, waiter, resolve);
    });
  }

  private async deliver<T>(commit: GroupCommit<Done<T>>, waiter: Waiter, resolve: (value: T) => void): Promise<void> {
    const { key, call } = waiter;
    const { explained } = call.report;
    const asked = explained && performance.now();
    try {
      const done = await commit.ask();
      if (asked !== null && done.began - asked >= 1) remark(explained, whyLater(key, done.began - asked));
      resolve(settle(done, call.report));
    } catch (error) {
      waiter.reject(Failure.from(error));
    } finally {
      this.waiting.delete(waiter);
      if (commit.isIdle && this.commits.get(key) === commit) this.commits.delete(key);
    }
  }

  private wait(waiter: Waiter): void {
    this.waiting.add(waiter);
    this.lookout ??= setInterval(() => this.look(), LOOK_MS);
  }

  /** Nobody waits longer than their own caller does. */
  private look(): void {
    const now = Date.now();
    for (const waiter of this.waiting) {
      const why = whyInVain(waiter, now);
      if (why === null) continue;
      this.waiting.delete(waiter);
      waiter.reject(why);
    }
    if (this.waiting.size > 0 || !this.lookout) return;
    clearInterval(this.lookout);
    this.lookout = null;
  }
}

function whyInVain({ call, key }: Waiter, now: number): Failure | null {
  if (call.signal.aborted) return new Failure("cancelled");
  if (call.deadline > now) return null;
  return tooLate(commandOf(key));
}

async function perform<T>(work: (call: Call) => Promise<T>): Promise<Done<T>> {
  const report = newReport(true);
  const call = { requestId: "shared", actor: "postern", signal: neverAborts, report };
  const began = performance.now();
  const value = await work({ ...call, deadline: Date.now() + DEADLINE_MS });
  return { value, began, report, isPaid: false };
}

function whyLater(key: string, ms: number): string {
  return `${commandOf(key)} was sent ${Math.round(ms)} ms after it was asked for: the one before it, which was sent too early to prove anything, had not been answered.`;
}

function commandOf(key: string): string {
  return key.slice(0, key.indexOf(" ")).toUpperCase();
}

function settle<T>(done: Done<T>, into: Report): T {
  const { value, report } = done;
  into.imapMs += report.imapMs;
  into.waitMs += report.waitMs;
  addExplained(into.explained, report.explained, done.isPaid);
  if (!done.isPaid) {
    done.isPaid = true;
    into.commands += report.commands;
    into.bytes += report.bytes;
  }
  if (report.asOf !== null) noteProof(into, report.asOf);
  return value;
}

/** What is no read: waits no longer than the caller does. */
export function within<T>(call: Call, command: string, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(tooLate(command));
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

function tooLate(command: string): Failure {
  const detail = `The mail server did not answer ${command} within the time that the request had.`;
  return new Failure("upstream-timeout", { detail });
}
