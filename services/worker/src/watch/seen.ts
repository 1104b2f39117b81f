/**
 * What was seen of a mailbox: what the next look is compared with. Kept in the store beside the log, in pieces, so that a
 * change of one message does not rewrite what is known of a hundred thousand.
 */
export interface SeenMessage {
  uid: number;
  /** Sorted, with a space between each. */
  flags: string;
  /** What it shares with its copies, shortened; null: the server does not tell. */
  guid: string | null;
  /** Where it is not the one that its place would give. */
  id: string | null;
}

/** What is kept of a mailbox in one small text. */
export interface SeenMailbox {
  key: number;
  path: string;
  /** Zero: it cannot be selected. */
  uidValidity: number;
  uidNext: number;
  /** Null without CONDSTORE. */
  highestModseq: string | null;
  unseen: number | null;
  /** How many messages are known. */
  count: number;
  /** Numbers of the pieces that there are, ascending. */
  pieces: number[];
}

const PIECE_BITS = 10;
export const GUID_OCTETS = 8;
const HEAD_OCTETS = 4;
const ROW_OCTETS = 4 + 2 + GUID_OCTETS;
const NO_GUID = "0".repeat(2 * GUID_OCTETS);

export const pieceOf = (uid: number): number => uid >>> PIECE_BITS;
export const pieceKey = (mailbox: number, piece: number): string => `${mailbox}:${piece}`;

export function flagText(flags: readonly string[]): string {
  const lasting = flags.filter((flag) => !/^\\recent$/i.test(flag));
  return [...new Set(lasting)].sort().join(" ");
}

export const flagsIn = (text: string): string[] => (text === "" ? [] : text.split(" "));

/** UID, number of the flag set and GUID of each; then, as JSON, the flag sets and the ids that are not those of the place. */
export function packPiece(messages: readonly SeenMessage[]): Uint8Array {
  const sets = new Map<string, number>();
  const ids: [number, string][] = [];
  const body = Buffer.alloc(HEAD_OCTETS + messages.length * ROW_OCTETS);
  body.writeUInt32BE(messages.length, 0);
  let at = HEAD_OCTETS;
  for (const { uid, flags, guid, id } of messages) {
    const set = sets.get(flags) ?? sets.size;
    sets.set(flags, set);
    if (id !== null) ids.push([uid, id]);
    body.writeUInt32BE(uid, at);
    body.writeUInt16BE(set, at + 4);
    body.write(guid ?? NO_GUID, at + 6, "hex");
    at += ROW_OCTETS;
  }
  return Buffer.concat([body, Buffer.from(JSON.stringify([[...sets.keys()], ids]))]);
}

export function unpackPiece(octets: Uint8Array): SeenMessage[] {
  const body = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
  const count = body.readUInt32BE(0);
  const end = HEAD_OCTETS + count * ROW_OCTETS;
  const [sets, ids] = JSON.parse(body.subarray(end).toString()) as [string[], [number, string][]];
  const named = new Map(ids);
  return Array.from({ length: count }, (_, index) => {
    const at = HEAD_OCTETS + index * ROW_OCTETS;
    const uid = body.readUInt32BE(at);
    const guid = body.toString("hex", at + 6, at + ROW_OCTETS);
    return {
      uid,
      flags: sets[body.readUInt16BE(at + 4)] ?? "",
      guid: guid === NO_GUID ? null : guid,
      id: named.get(uid) ?? null,
    };
  });
}
