import { checked, withChecksum } from "./checked.ts";
import { Mirror, type MirroredMessage } from "./mirror.ts";

/** A mirror as it is kept between two lives of a worker: a head in JSON, then columns of numbers. 14 octets a message. */
interface Head {
  uidValidity: number;
  floor: number;
  below: number;
  uidNext: number;
  checkpoint: string;
  mark: string | null;
  count: number;
  /** Sets of flags, by number. */
  sets: (readonly string[])[];
}

export interface Kept {
  mirror: Mirror;
  mark: string | null;
}

/** Of more messages than this the newest are kept. */
const MOST_KEPT = 131_072;

/** Null: there is nothing that a later life could go on from. */
export function packMirror({ mirror, mark }: Kept): Uint8Array | null {
  const { checkpoint } = mirror;
  if (!mirror.isBuilt || checkpoint === null || mirror.doubtful.length > 0 || mirror.overflowed) return null;
  const messages = mirror.newest(MOST_KEPT);
  const left = mirror.size - messages.length;
  const numbers = new Map<string, number>();
  const sets: (readonly string[])[] = [];
  const body = new DataView(new ArrayBuffer(messages.length * 14));
  for (const [at, { uid, flags, modseq }] of messages.entries()) {
    const key = flags.join(" ");
    let set = numbers.get(key);
    if (set === undefined) {
      set = sets.push(flags) - 1;
      numbers.set(key, set);
    }
    body.setUint32(at * 4, uid);
    body.setUint16(messages.length * 4 + at * 2, set);
    body.setBigUint64(messages.length * 6 + at * 8, modseq ?? 0n);
  }
  const head: Head = {
    uidValidity: mirror.uidValidity,
    floor: left > 0 ? (messages[0]?.uid ?? 1) : mirror.floor,
    below: mirror.below + left,
    uidNext: mirror.uidNext,
    checkpoint: String(checkpoint),
    mark,
    count: messages.length,
    sets,
  };
  const headOctets = new TextEncoder().encode(JSON.stringify(head));
  const octets = new Uint8Array(4 + headOctets.length + body.byteLength);
  new DataView(octets.buffer).setUint32(0, headOctets.length);
  octets.set(headOctets, 4);
  octets.set(new Uint8Array(body.buffer), 4 + headOctets.length);
  return withChecksum(octets);
}

/** Null for octets that `packMirror` has not made. */
export function unpackMirror(octets: Uint8Array): Kept | null {
  const sound = checked(octets);
  if (!sound || sound.length < 4) return null;
  const view = new DataView(sound.buffer, sound.byteOffset, sound.byteLength);
  const start = 4 + view.getUint32(0);
  if (start > sound.length) return null;
  const head = JSON.parse(new TextDecoder().decode(sound.subarray(4, start))) as Head;
  const { count, sets } = head;
  if (sound.length !== start + count * 14) return null;
  const messages = Array.from({ length: count }, (_, at): MirroredMessage => {
    const modseq = view.getBigUint64(start + count * 6 + at * 8);
    return {
      uid: view.getUint32(start + at * 4),
      flags: sets[view.getUint16(start + count * 4 + at * 2)] ?? [],
      modseq: modseq === 0n ? null : modseq,
    };
  });
  const mirror = new Mirror(head.uidValidity);
  mirror.extend(messages, head.floor, head.below);
  mirror.noteNext(head.uidNext);
  mirror.checkpoint = BigInt(head.checkpoint);
  mirror.countsChanges = true;
  return { mirror, mark: head.mark };
}
