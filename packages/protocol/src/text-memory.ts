/** A longer text is not worth its place. */
const LONGEST = 2_000;

/**
 * What was made of texts that come again and again, such as queries. What is made must depend on the text alone, and nobody
 * may change it. When there are too many, it starts anew.
 */
export class TextMemory<T> {
  private readonly most: number;
  private readonly known = new Map<string, T>();

  constructor(most = 1_000) {
    this.most = most;
  }

  /** What `make` throws is not remembered. */
  recall(text: string, make: (text: string) => T): T {
    const known = this.known.get(text);
    if (known !== undefined) return known;
    const made = make(text);
    this.keep(text, made);
    return made;
  }

  get(text: string): T | undefined {
    return this.known.get(text);
  }

  keep(text: string, made: T): void {
    if (text.length > LONGEST) return;
    if (this.known.size >= this.most) this.known.clear();
    this.known.set(text, made);
  }
}
