import { type Event, Failure, type Position, readPosition } from "@postern/protocol";

/** Positions in many accounts' sequences at once, as one text. */
export class PositionVector {
  private readonly positions: Map<string, Position>;

  constructor(positions: Iterable<[account: string, position: Position]>) {
    this.positions = new Map(positions);
  }

  /** Throws `invalid-request`. */
  static read(text: string): PositionVector {
    try {
      const entries = JSON.parse(Buffer.from(text, "base64url").toString()) as [string, string][];
      if (!entries.every(([, position]) => readPosition(position) !== null)) throw new RangeError("no positions");
      return new PositionVector(entries);
    } catch {
      throw new Failure("invalid-request", { detail: "That is no id of an event of this stream." });
    }
  }

  of(account: string): Position | undefined {
    return this.positions.get(account);
  }

  /** The text after this event too. */
  after({ accountId, id }: Event): string {
    this.positions.set(accountId, id);
    return this.text();
  }

  text(): string {
    return Buffer.from(JSON.stringify([...this.positions])).toString("base64url");
  }
}
