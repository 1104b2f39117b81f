import {
  type Call,
  type ChangeAction,
  type ChangeResult,
  changeAction,
  Failure,
  type FailureJson,
  failureTable,
  isFailure,
  type Job,
  newReport,
  packJobId,
  type Target,
} from "@postern/protocol";
import type { JobRecord, JobStore } from "@postern/store";
import { performer } from "../changes/perform.ts";
import { runChanges } from "../changes/run.ts";
import type { Core } from "../core.ts";
import type { AccountRef } from "../mailboxes/registry.ts";
import { afterRepeat, mayRepeat, unknownResult } from "./resume.ts";

export interface Jobs {
  /** Written down before anything is done; begun at once. */
  start(account: AccountRef, action: ChangeAction, messages: readonly Target[], call: Call): Promise<Job>;
  /** Takes the job over where its owner is gone. Throws `not-found`. */
  look(account: AccountRef, id: string): Promise<Job>;
  cancel(account: AccountRef, id: string): Promise<Job>;
  /** Those that run, and that nobody carries out. */
  orphans(): Promise<{ account: string; id: string }[]>;
  /** Begins nothing more, ends what is under way, and leaves the rest to others. */
  pause(): Promise<void>;
}

const PART = 300;
const PART_MS = 50_000;
/** Whoever carries a job out is heard of this often, and is taken for gone after that. */
const RENEW_MS = 5_000;
const LEASE_MS = 20_000;
/** Between attempts at a part of which nothing could be done. */
const PATIENCE_MS = [1_000, 2_000, 4_000, 8_000, 16_000];
const neverAborts = new AbortController().signal;

/** Somebody else carries it out, or it is no more. */
class Taken extends Error {}

export function createJobs(core: () => Core, store: JobStore): Jobs {
  return new JobRoom(core, store);
}

class JobRoom implements Jobs {
  private readonly core: () => Core;
  private readonly store: JobStore;
  private readonly owner = crypto.randomUUID();
  private readonly running = new Map<string, Promise<void>>();
  private readonly pausing = new AbortController();

  constructor(core: () => Core, store: JobStore) {
    this.core = core;
    this.store = store;
  }

  async start(account: AccountRef, action: ChangeAction, messages: readonly Target[], call: Call): Promise<Job> {
    const parts = Array.from({ length: Math.ceil(messages.length / PART) }, (_, at) =>
      JSON.stringify(messages.slice(at * PART, (at + 1) * PART)),
    );
    const now = Date.now();
    const record: JobRecord = {
      id: packJobId(account.key, crypto.getRandomValues(new Uint8Array(8))),
      version: 1,
      actor: call.actor,
      work: writeWork({ action, requestId: call.requestId }),
      state: "running",
      total: messages.length,
      done: 0,
      parts: parts.length,
      nextPart: 0,
      begun: false,
      cancelRequested: false,
      failure: null,
      createdAt: now,
      updatedAt: now,
      owner: this.owner,
      leaseUntil: now + LEASE_MS,
    };
    await this.store.create(account.id, record, parts);
    this.begin(account, record);
    return viewOf(account, record, []);
  }

  async look(account: AccountRef, id: string): Promise<Job> {
    const record = await this.recordOf(account, id);
    if (isOrphan(record)) {
      const claimed = { ...record, owner: this.owner, leaseUntil: Date.now() + LEASE_MS };
      const isOurs = !this.pausing.signal.aborted && (await this.store.update(account.id, claimed));
      if (isOurs) this.begin(account, { ...claimed, version: record.version + 1 });
    }
    return this.view(account, id);
  }

  async cancel(account: AccountRef, id: string): Promise<Job> {
    for (let record = await this.recordOf(account, id); record.state === "running"; ) {
      const next = { ...record, cancelRequested: true, updatedAt: Date.now() };
      // Nobody is about to notice.
      const isEnded = isOrphan(record);
      if (await this.store.update(account.id, isEnded ? { ...next, state: "cancelled" } : next)) break;
      record = await this.recordOf(account, id);
    }
    await this.running.get(id);
    return this.view(account, id);
  }

  async orphans(): Promise<{ account: string; id: string }[]> {
    const open = await this.store.open();
    const records = await Promise.all(open.map(({ account, id }) => this.store.get(account, id)));
    return open.filter((_, at) => {
      const record = records[at];
      return record && isOrphan(record);
    });
  }

  async pause(): Promise<void> {
    this.pausing.abort();
    await Promise.all(this.running.values());
  }

  private async view(account: AccountRef, id: string): Promise<Job> {
    const record = await this.recordOf(account, id);
    const results = await this.store.results(account.id, id);
    return viewOf(
      account,
      record,
      results.flatMap((text) => JSON.parse(text) as ChangeResult[]),
    );
  }

  private async recordOf(account: AccountRef, id: string): Promise<JobRecord> {
    const record = await this.store.get(account.id, id);
    if (!record) throw new Failure("not-found", { detail: "There is no such job." });
    return record;
  }

  private begin(account: AccountRef, record: JobRecord): void {
    const renewing = setInterval(() => {
      this.put(account, record, { leaseUntil: Date.now() + LEASE_MS }).catch(() => undefined);
    }, RENEW_MS);
    const run = this.run(account, record)
      .catch((error: unknown) => this.giveUp(account, record, error))
      // Whoever looks at it next takes it over once its time is up.
      .catch(() => undefined)
      .finally(() => {
        clearInterval(renewing);
        this.running.delete(record.id);
      });
    this.running.set(record.id, run);
  }

  /** A defect would meet whoever takes the job over as well. */
  private async giveUp(account: AccountRef, record: JobRecord, error: unknown): Promise<void> {
    const failure = Failure.from(error);
    if (error instanceof Taken || failure.code !== "internal") return;
    await this.put(account, record, { state: "failed", failure: JSON.stringify(failure.toJSON()) });
  }

  private async run(account: AccountRef, begun: JobRecord): Promise<void> {
    let record = begun;
    const work = readWork(record);
    while (record.nextPart < record.parts && !record.cancelRequested) {
      if (this.pausing.signal.aborted) return void (await this.put(account, record, { owner: null, leaseUntil: 0 }));
      const part = await this.store.part(account.id, record.id, record.nextPart);
      const targets = JSON.parse(part ?? "[]") as Target[];
      const isRepeated = record.begun;
      record = await this.put(account, record, { begun: true });
      const done = await this.perform(account, record, work, targets, isRepeated);
      if (done === "left") {
        await this.put(account, record, { begun: false, owner: null, leaseUntil: 0 });
        return;
      }
      if ("failure" in done) {
        await this.put(account, record, { begun: false, state: "failed", failure: JSON.stringify(done.failure) });
        return;
      }
      const { nextPart } = record;
      const progress = { begun: false, nextPart: nextPart + 1, done: record.done + targets.length };
      record = await this.put(account, record, progress, { part: nextPart, text: JSON.stringify(done.results) });
    }
    await this.put(account, record, { state: record.nextPart < record.parts ? "cancelled" : "done" });
  }

  /** `left`: this process does not act for the account any more, and nothing of the part was done. */
  private async perform(
    account: AccountRef,
    { actor }: JobRecord,
    { action, requestId }: Work,
    targets: Target[],
    isRepeated: boolean,
  ): Promise<{ results: ChangeResult[] } | { failure: FailureJson } | "left"> {
    for (let attempt = 0; ; attempt += 1) {
      const call: Call = {
        requestId,
        actor,
        deadline: Date.now() + PART_MS,
        signal: neverAborts,
        report: newReport(),
      };
      const results = await this.attempt(account, action, targets, isRepeated, call);
      const failure = nothingDone(results);
      if (!failure) return { results };
      if (!this.isHeld(account) || this.pausing.signal.aborted) return "left";
      const patience = PATIENCE_MS[attempt];
      if (patience === undefined) return { failure };
      await new Promise((resolve) => setTimeout(resolve, patience));
    }
  }

  private async attempt(
    account: AccountRef,
    action: ChangeAction,
    targets: Target[],
    isRepeated: boolean,
    call: Call,
  ): Promise<ChangeResult[]> {
    try {
      const wish = { account: account.id, lane: "bulk", call } as const;
      const canMove = !isRepeated || (await this.core().sessions.use(wish, async (session) => session.abilities.move));
      if (isRepeated && !mayRepeat(action, canMove)) return targets.map((target) => unknownResult(target.id));
      const perform = await performer(this.core(), account, action, call);
      const { results } = await runChanges(this.core(), { account, messages: targets, call }, perform);
      return isRepeated ? results.map((result) => afterRepeat(action, result)) : results;
    } catch (error) {
      if (!isFailure(error)) throw error;
      const failure = error.withOutcome("none").toJSON();
      return targets.map((target) => ({ id: target.id, ok: false, failure }));
    }
  }

  private isHeld({ id }: AccountRef): boolean {
    try {
      this.core().ownership.assertHeld(id);
      return true;
    } catch {
      return false;
    }
  }

  /** Others write that it is to be cancelled; whoever takes it over has its name in it. */
  private async put(
    account: AccountRef,
    record: JobRecord,
    changes: Partial<JobRecord>,
    result?: { part: number; text: string },
  ): Promise<JobRecord> {
    for (let base = record; ; ) {
      const next = { ...base, ...changes, updatedAt: Date.now() };
      if (await this.store.update(account.id, next, result)) return { ...next, version: base.version + 1 };
      const now = await this.store.get(account.id, record.id);
      if (!now || now.owner !== this.owner || now.state !== "running") throw new Taken();
      base = now;
    }
  }
}

/** What is to be done, and the request that wanted it. */
interface Work {
  action: ChangeAction;
  requestId: string;
}

const writeWork = ({ action, requestId }: Work): string => JSON.stringify({ ...action, requestId });

function readWork({ id, work }: JobRecord): Work {
  const { requestId = id, ...action } = JSON.parse(work) as { requestId?: string };
  return { action: changeAction.parse(action), requestId };
}

function isOrphan({ state, leaseUntil }: JobRecord): boolean {
  return state === "running" && leaseUntil < Date.now();
}

/** Why, where nothing of a part could be done and it may be tried again. */
function nothingDone(results: readonly ChangeResult[]): FailureJson | null {
  const [first] = results;
  const isVain = results.every(
    (each) => !each.ok && each.failure.outcome === "none" && failureTable[each.failure.code].retryable,
  );
  return isVain && first?.ok === false ? first.failure : null;
}

function viewOf(account: AccountRef, record: JobRecord, results: ChangeResult[]): Job {
  const { id, state, done, total, failure, createdAt } = record;
  return {
    id,
    account: account.id,
    state,
    done,
    total,
    results,
    failure: failure === null ? null : (JSON.parse(failure) as FailureJson),
    createdAt: new Date(createdAt).toISOString(),
  };
}
