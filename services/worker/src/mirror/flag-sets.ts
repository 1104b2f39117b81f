/** Sets of flags, each held once: messages have few different ones. Numbered; 0 is the empty set. */
export class FlagSets {
  private readonly sets: (readonly string[])[] = [[]];
  private readonly numbers = new Map<string, number>([["", 0]]);
  private octets = 0;

  /** More than messages can tell apart by their two octets, or than somebody's mailbox should cost. */
  static readonly MOST = 65_536;
  static readonly MOST_OCTETS = 4 << 20;

  /** Null: there is no room for another one. */
  numberOf(flags: readonly string[]): number | null {
    const key = flags.join(" ");
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    if (this.sets.length >= FlagSets.MOST || this.octets + key.length > FlagSets.MOST_OCTETS) return null;
    this.octets += key.length;
    this.numbers.set(key, this.sets.length);
    return this.sets.push(Object.freeze([...flags])) - 1;
  }

  at(number: number): readonly string[] {
    return this.sets[number] ?? [];
  }

  /** All, in the order of their numbers. */
  all(): readonly (readonly string[])[] {
    return this.sets;
  }
}
