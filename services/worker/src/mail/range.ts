import { type ByteRange, Failure } from "@postern/protocol";

/** The octets that a range means in a representation of `size` octets (RFC 9110 section 14.1.2). Throws `range-not-satisfiable`. */
export function satisfy(range: ByteRange, size: number): { first: number; last: number } {
  const first = "suffix" in range ? Math.max(0, size - range.suffix) : range.first;
  const last = "suffix" in range ? size - 1 : Math.min(size - 1, range.last ?? size - 1);
  if (first > last)
    throw new Failure("range-not-satisfiable", { detail: `There are ${size} octets.`, current: { size } });
  return { first, last };
}
