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

/** Octets of one FETCH: a piece stays in memory until its reader has taken it, so that all readers share what they may hold. */
const LEAST_PIECE = 256 << 10;
const MOST_PIECE = 1 << 20;
const ALL_PIECES = 8 << 20;
/** What is handed on at a time: streams keep one such more than they have sent. */
const SLICE = 64 << 10;
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
  readers += 1;
  try {
    for (let offset = first; offset <= end; ) {
      const length = Math.min(fairPiece(), end - offset + 1);
      const piece = await readPiece(core, wanted, offset, length, call);
      for (let at = 0; at < piece.length; at += SLICE) yield piece.subarray(at, at + SLICE);
      offset += piece.length;
      if (last === null && piece.length < length && offset >= least) return;
      if (piece.length > 0) continue;
      if (last !== null) throw endedEarly();
      return;
    }
  } finally {
    readers -= 1;
  }
}

/** Of the whole process. */
let readers = 0;

function fairPiece(): number {
  return Math.max(LEAST_PIECE, Math.min(MOST_PIECE, Math.floor(ALL_PIECES / readers)));
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
