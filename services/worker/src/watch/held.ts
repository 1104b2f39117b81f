import type { EventLog } from "@postern/store";
import { pieceKey, pieceOf, packPiece, type SeenMailbox, type SeenMessage, unpackPiece } from "./seen.ts";
import type { Knowledge } from "./look.ts";

/** What was seen of one mailbox, as far as it was loaded, and what is to be written of it. */
export class Held implements Knowledge {
  head: SeenMailbox;
  private readonly account: string;
  private readonly log: EventLog;
  private readonly pieces = new Map<number, Map<number, SeenMessage>>();
  private readonly touched = new Set<number>();

  constructor(account: string, log: EventLog, head: SeenMailbox) {
    this.account = account;
    this.log = log;
    this.head = head;
  }

  of(uid: number): SeenMessage | null {
    return this.pieces.get(pieceOf(uid))?.get(uid) ?? null;
  }

  async load(uids: readonly number[]): Promise<void> {
    await this.loadPieces(new Set(uids.map(pieceOf)));
  }

  async all(): Promise<SeenMessage[]> {
    await this.loadPieces(new Set(this.head.pieces));
    return [...this.pieces.values()].flatMap((piece) => [...piece.values()]);
  }

  private async loadPieces(wanted: ReadonlySet<number>): Promise<void> {
    const there = new Set(this.head.pieces);
    const missing = [...wanted].filter((piece) => there.has(piece) && !this.pieces.has(piece));
    const octets = await this.log.rows(
      this.account,
      missing.map((piece) => pieceKey(this.head.key, piece)),
    );
    for (const [index, piece] of missing.entries()) {
      const value = octets[index];
      this.pieces.set(piece, new Map(value ? unpackPiece(value).map((message) => [message.uid, message]) : []));
    }
  }

  put(message: SeenMessage): void {
    const piece = this.touch(message.uid);
    if (!piece.has(message.uid)) this.head.count += 1;
    piece.set(message.uid, message);
  }

  drop(uid: number): void {
    if (this.touch(uid).delete(uid)) this.head.count -= 1;
  }

  /** What was known is of another UIDVALIDITY: it must have been loaded whole. */
  clear(): void {
    for (const piece of this.head.pieces) this.touched.add(piece);
    this.pieces.clear();
    this.head.count = 0;
  }

  private touch(uid: number): Map<number, SeenMessage> {
    const number = pieceOf(uid);
    const piece = this.pieces.get(number) ?? new Map<number, SeenMessage>();
    this.pieces.set(number, piece);
    this.touched.add(number);
    return piece;
  }

  /** What has changed since it was asked last; null: the piece is no more. */
  takeRows(): [key: string, value: Uint8Array | null][] {
    const rows = [...this.touched].map((number): [string, Uint8Array | null] => {
      const messages = [...(this.pieces.get(number)?.values() ?? [])].sort((a, b) => a.uid - b.uid);
      return [pieceKey(this.head.key, number), messages.length === 0 ? null : packPiece(messages)];
    });
    const pieces = new Set(this.head.pieces);
    for (const number of this.touched) {
      if (this.pieces.get(number)?.size) pieces.add(number);
      else pieces.delete(number);
    }
    this.head.pieces = [...pieces].sort((a, b) => a - b);
    this.touched.clear();
    return rows;
  }
}
