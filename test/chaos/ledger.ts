import type { Box } from "./world.ts";

export type Outcome = "done" | "none" | "unknown";

/** What somebody did, and what came of it. */
export interface Entry {
  who: string;
  account: string;
  what: string;
  /** Of the message, or of several with spaces between them. */
  marker: string;
  began: number;
  ended: number;
  outcome: Outcome | "read";
  /** The answer in a few words. */
  answer: string;
}

/** Where a message may be, and how; null: nowhere. */
export type State = { box: Box; flags: readonly string[] } | null;

/** One message of one actor, who alone changes it. Copies have the marker of what they are copies of. */
export class Owned {
  readonly account: string;
  readonly marker: string;
  /** By which Postern knows it; null where nobody was told. */
  id: string | null = null;
  /** One, until an answer leaves it open. */
  possible: State[];

  constructor(account: string, marker: string, possible: State[]) {
    this.account = account;
    this.marker = marker;
    this.possible = possible;
  }

  /** The one state that it must be in; null also where that is not known. */
  get certain(): State {
    return this.possible.length === 1 ? (this.possible[0] ?? null) : null;
  }

  /** After this came of a change to that state. */
  become(outcome: Outcome, state: State): void {
    if (outcome === "done") this.possible = [state];
    else if (outcome === "unknown") this.possible = [...this.possible, state];
  }
}

/** A value that many write: a flag on a shared message, or where a travelling message is. */
export interface Registered {
  register: string;
  value: string;
  began: number;
  ended: number;
  who: string;
}

/** All that happened, and what must be true at the end. */
export class Ledger {
  readonly entries: Entry[] = [];
  readonly owned: Owned[] = [];
  /** Those that were done, and those of which nobody knows (with no end). */
  readonly writes: Registered[] = [];
  readonly reads: Registered[] = [];
  readonly violations: string[] = [];
  /** Answers by status and code. */
  readonly answers = new Map<string, number>();
  slowestMs = 0;
  readonly limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Whether there is still something to do; counts it as begun. */
  begin(): boolean {
    if (this.begun >= this.limit) return false;
    this.begun += 1;
    for (const { at, come } of this.waiting) if (this.begun >= at) come();
    return true;
  }
  begun = 0;

  get isOver(): boolean {
    return this.begun >= this.limit;
  }

  private readonly waiting = new Set<{ at: number; come: () => void }>();

  /** Nothing more is begun. */
  stop(): void {
    this.begun = this.limit;
    for (const { come } of this.waiting) come();
  }

  /** When so many operations have begun, or no more will. */
  async reached(at: number): Promise<void> {
    if (this.begun >= at) return;
    await new Promise<void>((resolve) => {
      const waiter = { at, come: () => (this.waiting.delete(waiter), resolve()) };
      this.waiting.add(waiter);
    });
  }

  note(entry: Entry): void {
    this.entries.push(entry);
  }

  violated(what: string): void {
    this.violations.push(what);
  }

  counted(answer: string): void {
    this.answers.set(answer, (this.answers.get(answer) ?? 0) + 1);
  }

  wrote(outcome: Outcome, written: Registered): void {
    if (outcome === "done") this.writes.push(written);
    if (outcome === "unknown") this.writes.push({ ...written, ended: Number.POSITIVE_INFINITY });
  }
}
