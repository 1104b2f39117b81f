import ipaddr from "ipaddr.js";

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/**
 * An address as it would be reached in the end: IPv4 written as IPv6 in one of the many ways is taken out of it
 * (RFC 4291 section 2.5.5, RFC 6052, RFC 3056, RFC 4380), since a gateway on the way may do the same. Null for no address.
 */
export function innermost(text: string): Address | null {
  const plain = text.replace(/^\[|\]$/g, "").replace(/%.*$/, "");
  // Only the one spelling that resolvers give: `127.1` and `0x7f.1` are names here, which nobody can register.
  if (ipaddr.IPv4.isValidFourPartDecimal(plain)) return ipaddr.IPv4.parse(plain);
  if (!ipaddr.IPv6.isValid(plain)) return null;
  return unwrap(ipaddr.IPv6.parse(plain));
}

function unwrap(address: ipaddr.IPv6): Address {
  const bytes = address.toByteArray();
  const inner = embedded(bytes);
  return inner ? new ipaddr.IPv4(inner) : address;
}

function embedded(bytes: number[]): number[] | null {
  const starts = (...prefix: number[]): boolean => prefix.every((byte, index) => bytes[index] === byte);
  const zeros = (from: number, to: number): boolean => bytes.slice(from, to).every((byte) => byte === 0);
  if (zeros(0, 10) && bytes[10] === 0xff && bytes[11] === 0xff) return bytes.slice(12);
  // IPv4-compatible; `::` and `::1` are addresses of their own.
  if (zeros(0, 12) && !zeros(12, 15)) return bytes.slice(12);
  if (starts(0, 0x64, 0xff, 0x9b) && zeros(4, 12)) return bytes.slice(12);
  if (starts(0x20, 0x02)) return bytes.slice(2, 6);
  if (starts(0x20, 0x01, 0, 0)) return bytes.slice(12).map((byte) => byte ^ 0xff);
  return null;
}

/** Whether an address is one of the public internet's: everything else reaches into somebody's own network. */
export function isPublic(text: string): boolean {
  return innermost(text)?.range() === "unicast";
}

/** Whether an address lies in a range such as `10.0.0.0/8` or is the same address. */
export function isWithin(text: string, range: string): boolean {
  const address = innermost(text);
  if (!address) return false;
  const [base = "", bits] = range.split("/");
  const start = innermost(base);
  if (!start || start.kind() !== address.kind()) return false;
  const length = bits === undefined ? (start.kind() === "ipv4" ? 32 : 128) : Number(bits);
  return address instanceof ipaddr.IPv4 ? address.match(start, length) : address.match(start, length);
}
