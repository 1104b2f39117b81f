/** What has happened in a mailbox between two looks at it. Of what came and went between them nothing is told. */
export interface Changes {
  /** Ascending. */
  created: number[];
  /** `before`: null where it was not known. */
  flags: { uid: number; before: readonly string[] | null; after: readonly string[] }[];
  vanished: number[];
  /** Messages that are gone and were not known by UID. */
  vanishedBelow: number;
  /** More has changed than can be told: whatever is known of the mailbox is to be looked at anew. */
  isReset: boolean;
}

/** Changes that one follower holds: who does not take them off its hands in time is told that much has changed. */
const MOST = 200_000;

export function noChanges(): Changes {
  return { created: [], flags: [], vanished: [], vanishedBelow: 0, isReset: false };
}

/** Gathers what changes in one mailbox until somebody takes it. */
export class Follower {
  private readonly madeUids = new Set<number>();
  private readonly flagChanges = new Map<number, { before: readonly string[] | null; after: readonly string[] }>();
  private readonly goneUids = new Set<number>();
  private goneBelow = 0;
  private isReset = false;
  private readonly onStop: () => void;

  constructor(onStop: () => void) {
    this.onStop = onStop;
  }

  created(uid: number): void {
    this.madeUids.add(uid);
    this.bound();
  }

  flagged(uid: number, before: readonly string[] | null, after: readonly string[]): void {
    if (this.madeUids.has(uid)) return;
    const first = this.flagChanges.get(uid);
    this.flagChanges.set(uid, { before: first ? first.before : before, after });
    this.bound();
  }

  vanished(uid: number): void {
    this.flagChanges.delete(uid);
    if (!this.madeUids.delete(uid)) this.goneUids.add(uid);
    this.bound();
  }

  vanishedBelow(count: number): void {
    this.goneBelow += count;
  }

  /** What is known from now on has nothing to do with what was known. */
  reset(): void {
    this.clear();
    this.isReset = true;
  }

  /** All since the last time. Flags that are as they were are no change. */
  take(): Changes {
    const flags = [...this.flagChanges].map(([uid, change]) => ({ uid, ...change }));
    const changes: Changes = {
      created: [...this.madeUids].sort((a, b) => a - b),
      flags: flags.filter(({ before, after }) => before === null || !sameFlags(before, after)),
      vanished: [...this.goneUids].sort((a, b) => a - b),
      vanishedBelow: this.goneBelow,
      isReset: this.isReset,
    };
    this.clear();
    this.isReset = false;
    return changes;
  }

  stop(): void {
    this.onStop();
  }

  private bound(): void {
    if (this.madeUids.size + this.flagChanges.size + this.goneUids.size > MOST) this.reset();
  }

  private clear(): void {
    this.madeUids.clear();
    this.flagChanges.clear();
    this.goneUids.clear();
    this.goneBelow = 0;
  }
}

function sameFlags(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((flag) => b.includes(flag));
}
