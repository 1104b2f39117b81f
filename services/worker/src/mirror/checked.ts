import { crc32 } from "node:zlib";

const CHECKSUM = 4;

/** The octets, and before them what tells whether they are still what they were. */
export function withChecksum(octets: Uint8Array): Uint8Array {
  const checked = new Uint8Array(CHECKSUM + octets.length);
  checked.set(octets, CHECKSUM);
  new DataView(checked.buffer).setUint32(0, crc32(octets));
  return checked;
}

/** What `withChecksum` was given; null where it is not that any more. */
export function checked(octets: Uint8Array): Uint8Array | null {
  if (octets.length < CHECKSUM) return null;
  const inner = octets.subarray(CHECKSUM);
  const claimed = new DataView(octets.buffer, octets.byteOffset, octets.byteLength).getUint32(0);
  return crc32(inner) === claimed ? inner : null;
}
