import { Failure } from "@postern/protocol";
import { base64url, digest } from "../../digest.ts";
import { Packer, Unpacker } from "./packing.ts";

/**
 * A place in a list, between two messages: just after one that was given (or looked at).
 * Opaque outside: base64url of version, what the list is (a digest), the place, and a checksum.
 */
export type Cursor = UidCursor | SortedCursor;

/** In the order of UIDs of one mailbox. */
export interface UidCursor {
  order: "uid";
  uidValidity: number;
  uid: number;
}

/** In an order of one's own: where each mailbox was, and what the last message was sorted by. */
export interface SortedCursor {
  order: "sorted";
  last: Last;
  places: PlaceInMailbox[];
}

export interface Last {
  mailbox: number;
  uid: number;
  value: SortValue;
}

/** What a message is sorted by, as far as it is compared: epoch milliseconds, octets, or text. */
export type SortValue = number | string;

export interface PlaceInMailbox {
  mailbox: number;
  uidValidity: number;
  /** How many of its messages are at or before the cursor. */
  rank: number;
  /** UIDs just before or at the cursor, the nearest last: by them it is found again after others came or went. */
  anchors: number[];
}

const VERSION = 1;
const DIGEST_OCTETS = 6;
const CHECK_OCTETS = 4;
/** What a request may carry. */
export const MAX_CURSOR_LENGTH = 8192;
const KIND = { uid: 0, number: 1, text: 2 } as const;

/** `question`: all that makes the list what it is: account, mailbox, filter, sort. */
export async function packCursor(question: string, cursor: Cursor): Promise<string> {
  for (const anchors of [Infinity, 1, 0]) {
    const packed = await seal(question, lightened(cursor, anchors));
    if (packed.length <= MAX_CURSOR_LENGTH) return packed;
  }
  // Without its rank a mailbox is searched by what the last message was sorted by.
  return seal(question, cursor.order === "sorted" ? { ...cursor, places: [] } : cursor);
}

function lightened(cursor: Cursor, most: number): Cursor {
  if (cursor.order === "uid" || most === Infinity) return cursor;
  const places = cursor.places.map((place) => ({ ...place, anchors: most === 0 ? [] : place.anchors.slice(-most) }));
  return { ...cursor, places };
}

async function seal(question: string, cursor: Cursor): Promise<string> {
  const packer = new Packer().number(VERSION).octets(await digest(question, DIGEST_OCTETS));
  if (cursor.order === "uid") packer.number(KIND.uid).number(cursor.uidValidity).number(cursor.uid);
  else writeSorted(packer, cursor);
  const body = packer.done();
  return base64url(
    new Packer()
      .octets(body)
      .octets(await digest(body, CHECK_OCTETS))
      .done(),
  );
}

/** Throws `invalid-request` for what is no cursor, `cursor-mismatch` for one of another list. */
export async function unpackCursor(question: string, text: string): Promise<Cursor> {
  const { list, cursor } = await open(text);
  if (list !== base64url(await digest(question, DIGEST_OCTETS))) {
    throw new Failure("cursor-mismatch", { detail: "The cursor was given for another mailbox, filter or sort." });
  }
  return cursor;
}

async function open(text: string): Promise<{ list: string; cursor: Cursor }> {
  try {
    const bytes = Uint8Array.fromBase64(text, { alphabet: "base64url", lastChunkHandling: "loose" });
    if (base64url(bytes) !== text) throw new RangeError("not the one spelling");
    const body = bytes.slice(0, -CHECK_OCTETS);
    const check = bytes.subarray(body.length);
    if (base64url(await digest(body, CHECK_OCTETS)) !== base64url(check)) throw new RangeError("a wrong checksum");
    return read(new Unpacker(body));
  } catch (error) {
    throw new Failure("invalid-request", {
      detail: "The cursor is not one that was given out.",
      errors: [{ path: "cursor", message: "is not a cursor that was given out" }],
      cause: error,
    });
  }
}

function read(unpacker: Unpacker): { list: string; cursor: Cursor } {
  if (unpacker.number() !== VERSION) throw new RangeError("another version");
  const list = base64url(unpacker.octets(DIGEST_OCTETS));
  const kind = unpacker.number();
  const cursor: Cursor =
    kind === KIND.uid
      ? { order: "uid", uidValidity: unpacker.number(), uid: unpacker.number() }
      : readSorted(unpacker, kind);
  if (!unpacker.ended) throw new RangeError("octets too many");
  return { list, cursor };
}

function writeSorted(packer: Packer, { last, places }: SortedCursor): void {
  const { mailbox, uid, value } = last;
  packer.number(typeof value === "number" ? KIND.number : KIND.text);
  if (typeof value === "number") packer.double(value);
  else packer.text(value);
  packer.number(mailbox).number(uid).number(places.length);
  for (const place of places) {
    packer.number(place.mailbox).number(place.uidValidity).number(place.rank).number(place.anchors.length);
    for (const anchor of place.anchors) packer.number(anchor);
  }
}

function readSorted(unpacker: Unpacker, kind: number): SortedCursor {
  const value = kind === KIND.number ? unpacker.double() : unpacker.text();
  const last = { mailbox: unpacker.number(), uid: unpacker.number(), value };
  const places = Array.from({ length: countOf(unpacker) }, () => ({
    mailbox: unpacker.number(),
    uidValidity: unpacker.number(),
    rank: unpacker.number(),
    anchors: Array.from({ length: countOf(unpacker) }, () => unpacker.number()),
  }));
  return { order: "sorted", last, places };
}

/** No cursor holds more of anything than it has octets. */
function countOf(unpacker: Unpacker): number {
  const count = unpacker.number();
  if (count > MAX_CURSOR_LENGTH) throw new RangeError("too many");
  return count;
}
