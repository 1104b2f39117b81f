import type { WorkerEntry } from "@postern/store";
import { rank } from "@postern/wire";
import type { LiveOwnership } from "./ownership.ts";

export interface BalanceOptions {
  ownership: Pick<LiveOwnership, "accounts" | "giveAway">;
  /** This worker's id. */
  id: string;
  /** Who lives; the same list while nothing changes. */
  living: () => readonly WorkerEntry[];
  everyMs?: number;
  now?: () => number;
}

/** Longer than gateways take to see a new worker, and than one that comes and goes stays. */
const SETTLED_MS = 5_000;
/** Looked at in one turn, and given away in one turn. */
const LOOKS = 200;
const GIVEN = 10;
/** What has come back, since it cannot be reached elsewhere, stays for so long. */
const STAYS_MS = 5 * 60_000;

/**
 * A worker that joins finds the accounts with others. Those for which it comes first in the order in which gateways ask go
 * to it, a few at a time, in moments in which nothing of them runs.
 */
export function keepBalance(options: BalanceOptions): { stop(): void } {
  const { ownership, id, living, everyMs = 1_000, now = () => performance.now() } = options;
  const given = new Map<string, number>();
  let list: readonly WorkerEntry[] = [];
  let since = now();
  let left: string[] = [];
  let isBusy = false;

  /** Some of those whose turn it is to be looked at, all of them in time. */
  const nextFew = (): string[] => {
    if (left.length === 0) left = [...ownership.accounts()];
    return left.splice(0, LOOKS);
  };
  /** Null: it is to stay. */
  const placeOf = (account: string): WorkerEntry | null => {
    const [first = null] = rank(list, account);
    return first?.id === id || given.has(account) ? null : first;
  };
  const turn = async (): Promise<void> => {
    if (living() !== list) {
      list = living();
      since = now();
    }
    const isSettled = now() - since >= SETTLED_MS && list.some((worker) => worker.id === id);
    if (!isSettled || list.length < 2) return;
    for (const [account, at] of given) if (now() - at > STAYS_MS) given.delete(account);
    const leaving = nextFew().flatMap((account) => {
      const to = placeOf(account);
      return to ? { account, to } : [];
    });
    const give = async ({ account, to }: { account: string; to: WorkerEntry }): Promise<void> => {
      if (await ownership.giveAway(account, to)) given.set(account, now());
    };
    await Promise.all(leaving.slice(0, GIVEN).map(give));
  };
  const timer = setInterval(() => {
    if (isBusy) return;
    isBusy = true;
    void turn().finally(() => (isBusy = false));
  }, everyMs);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
