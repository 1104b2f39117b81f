import { type Call, Failure } from "@postern/protocol";
import type { Core } from "./core.ts";
import { type Located, locateMessage, messageGone } from "./locate-message.ts";

/** Octets of a section, from `first` to `last`, both inclusive. */
export interface Section {
  account: string;
  message: string;
  /** As in `BODY[…]`: empty for the whole message, or a part's number. */
  section: string;
  first: number;
  /** Null: to wherever the section ends. */
  last: number | null;
  /** Octets before which it does not end by what the server told, where `last` is not known. */
  least?: number;
}

/** Of the first pieces, and for readers that are slower than the mail server: a piece stays in memory until it is read. */
const LEAST_PIECE = 256 << 10;
const MOST_PIECE = 1 << 20;
/** For one piece: the reader may take as long as they like between two. */
const PIECE_MS = 60_000;

/**
 * Reads a section in pieces as they are pulled. A session is borrowed for each, so that slow readers hold none, and the
 * mailbox's UIDVALIDITY is looked at each time: what follows can never be another message's octets. A piece may be
 * shorter than what was asked for, and says nothing then; an empty one is the end. Where octets are missing it throws,
 * since a stream that merely ends would look whole.
 */
export async function* readPieces(core: Core, wanted: Section, call: Call): AsyncGenerator<Uint8Array> {
  const { first, last, least = Number.POSITIVE_INFINITY } = wanted;
  const end = last ?? Number.POSITIVE_INFINITY;
  const pace = new Pace();
  for (let offset = first; offset <= end; ) {
    const length = Math.min(pace.length, end - offset + 1);
    pace.begin();
    const piece = await readPiece(core, wanted, offset, length, call);
    pace.filled();
    if (piece.length > 0) yield piece;
    pace.emptied();
    offset += piece.length;
    if (last === null && piece.length < length && offset >= least) return;
    if (piece.length > 0) continue;
    if (last !== null) throw endedEarly();
    return;
  }
}

/** Pieces grow while their reader is quicker than the mail server, and are small again as soon as it is not. */
class Pace {
  length = LEAST_PIECE;
  private since = 0;
  private took = 0;

  begin(): void {
    this.since = performance.now();
  }

  filled(): void {
    const now = performance.now();
    this.took = now - this.since;
    this.since = now;
  }

  emptied(): void {
    const isQuick = performance.now() - this.since <= this.took;
    this.length = isQuick ? Math.min(2 * this.length, MOST_PIECE) : LEAST_PIECE;
  }
}

/** The size that a server told of a section, if it does end there; many servers tell estimates. Null: nobody knows. */
export async function provenSize({ session, uid }: Located, section: string, told: number): Promise<number | null> {
  const end = await session.fetchPiece(uid, section, Math.max(0, told - 1), told === 0 ? 1 : 2);
  if (end === null) throw messageGone();
  return end.length === Math.min(told, 1) ? told : null;
}

async function readPiece(
  core: Core,
  { account, message, section }: Section,
  offset: number,
  length: number,
  call: Call,
): Promise<Uint8Array> {
  const pieceCall = { ...call, deadline: Date.now() + PIECE_MS };
  const read = async ({ session, uid }: Located): Promise<Uint8Array> => {
    const piece = await session.fetchPiece(uid, section, offset, length);
    if (piece === null) throw messageGone();
    return piece.length > length ? piece.subarray(0, length) : piece;
  };
  return locateMessage(core, { account, message, lane: "bulk", call: pieceCall }, read);
}

function endedEarly(): Failure {
  return new Failure("upstream-protocol", { detail: "The mail server gave fewer octets than it announced." });
}
