/** What was made of mailboxes, ready to be given again for as long as they stay as they are. */
export class Remembered<T> {
  private readonly mostOctets: number;
  private readonly weigh: (value: T) => number;
  private readonly entries = new Map<string, Entry<T>>();
  private held = 0;

  /** `weigh`: octets that a value takes, about. */
  constructor(weigh: (value: T) => number, mostOctets: number) {
    this.weigh = weigh;
    this.mostOctets = mostOctets;
  }

  /**
   * The value under this mark, which tells the mailboxes' state: as it was made before, or made now. Who asks while somebody
   * makes it waits for that one. What is made may be newer than its mark, never older: then the next proof finds another
   * mark, and it is made anew.
   */
  async recall(question: string, { mark, asOf }: Mark, make: () => Promise<T>): Promise<T> {
    const entry = this.entryOf(question, mark);
    entry.asOf = Math.max(entry.asOf, asOf);
    if (entry.value !== null) return entry.value;
    // Whoever makes it may be given up by their caller alone: the others then make it for themselves.
    const shared = entry.making && (await entry.making.catch(() => null));
    if (shared !== null) return shared;
    const making = make();
    entry.making = making;
    try {
      const value = await making;
      this.keep(question, entry, value);
      return value;
    } finally {
      if (entry.making === making) entry.making = null;
    }
  }

  /** What is remembered under this mark, without waiting; null: it has to be made. */
  at(question: string, { mark, asOf }: Mark): T | null {
    if (this.entries.get(question)?.mark !== mark) return null;
    const entry = this.entryOf(question, mark);
    entry.asOf = Math.max(entry.asOf, asOf);
    return entry.value;
  }

  /** What was given last, and when it was proved last; null where nothing is remembered. */
  latest(question: string): { value: T; asOf: number } | null {
    const entry = this.entries.get(question);
    return entry && entry.value !== null ? { value: entry.value, asOf: entry.asOf } : null;
  }

  /** At the end of those that make room. */
  private entryOf(question: string, mark: string): Entry<T> {
    const known = this.entries.get(question);
    this.drop(question);
    const own = ENTRY_OCTETS + 2 * question.length;
    const entry: Entry<T> = known?.mark === mark ? known : { mark, asOf: 0, value: null, making: null, octets: own };
    this.entries.set(question, entry);
    this.held += entry.octets;
    this.makeRoom();
    return entry;
  }

  private keep(question: string, entry: Entry<T>, value: T): void {
    const octets = this.weigh(value);
    if (this.entries.get(question) !== entry || entry.value !== null || octets > this.mostOctets / 16) return;
    entry.value = value;
    entry.octets += octets;
    this.held += octets;
    this.makeRoom();
  }

  private makeRoom(): void {
    for (const question of this.entries.keys()) {
      if (this.held <= this.mostOctets) return;
      this.drop(question);
    }
  }

  private drop(question: string): void {
    const entry = this.entries.get(question);
    if (!entry) return;
    this.entries.delete(question);
    this.held -= entry.octets;
  }
}

/** What tells the mailboxes' state, and when the command was sent that proved it (epoch milliseconds). */
export interface Mark {
  mark: string;
  asOf: number;
}

interface Entry<T> extends Mark {
  value: T | null;
  making: Promise<T> | null;
  octets: number;
}

/** What an entry costs beside its value. */
const ENTRY_OCTETS = 500;
