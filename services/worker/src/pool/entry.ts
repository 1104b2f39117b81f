export type State = "opening" | "free" | "lent" | "closing";

export type Lane = "interactive" | "bulk";

const transitions: Readonly<Record<State, readonly State[]>> = {
  opening: ["free", "closing"],
  free: ["lent", "closing"],
  lent: ["free", "closing"],
  closing: [],
};

/** One thing of a pool, from the moment its place is taken to the moment it is given back. */
export class Entry<T> {
  thing: T | null = null;
  /** What it was last used for. */
  key: string | null = null;
  /** Of whom it is, or was last, lent to. */
  lane: Lane = "interactive";
  /** Since when nobody has used it; being kept alive is no use. */
  unusedSince = 0;
  /** Since when nothing has been heard from it. */
  quietSince = 0;
  readonly generation: number;
  readonly givePlace: () => void;
  private current: State = "opening";

  constructor(generation: number, givePlace: () => void) {
    this.generation = generation;
    this.givePlace = givePlace;
  }

  get state(): State {
    return this.current;
  }

  /** The only place where a state changes. */
  become(to: State): void {
    if (!transitions[this.current].includes(to)) throw new Error(`from ${this.current} to ${to}`);
    this.current = to;
  }
}
