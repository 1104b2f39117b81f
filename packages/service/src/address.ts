import { isIP } from "node:net";
import ipaddr from "ipaddr.js";

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** What the registries give out: all else of IPv6 is special, or nobody's yet (RFC 4291 section 2.4). */
const globalUnicast = ipaddr.IPv6.parseCIDR("2000::/3");
/** Of the ways to carry IPv4 in IPv6 the one that is met: behind NAT64 every name leads there (RFC 6052). */
const nat64 = ipaddr.IPv6.parseCIDR("64:ff9b::/96");

/**
 * An address as it would be reached in the end. Null for what is no address in the one spelling that resolvers give:
 * `127.1` and `0x7f.1` are none.
 */
function innermost(text: string): Address | null {
  if (isIP(text) === 0) return null;
  if (isIP(text) === 4) return ipaddr.IPv4.parse(text);
  const address = ipaddr.IPv6.parse(text.replace(/%.*$/, ""));
  if (address.isIPv4MappedAddress()) return address.toIPv4Address();
  return address.match(nat64) ? new ipaddr.IPv4(address.toByteArray().slice(12)) : address;
}

/** Whether an address is one of the public internet's: everything else reaches into somebody's own network. */
export function isPublic(text: string): boolean {
  const address = innermost(text);
  if (address?.range() !== "unicast") return false;
  return address instanceof ipaddr.IPv4 || address.match(globalUnicast);
}

/** Whether an address lies in a range such as `10.0.0.0/8` or is the same address. */
export function isWithin(text: string, range: string): boolean {
  const address = innermost(text);
  if (!address) return false;
  if (isIP(range)) return innermost(range)?.toString() === address.toString();
  const parsed = parseRange(range);
  return parsed !== null && parsed[0].kind() === address.kind() && address.match(parsed);
}

function parseRange(range: string): [Address, number] | null {
  const [base = "", bits = "", ...more] = range.split("/");
  const family = isIP(base);
  if (family === 0 || more.length > 0 || !/^\d{1,3}$/.test(bits)) return null;
  return Number(bits) > (family === 4 ? 32 : 128) ? null : ipaddr.parseCIDR(range);
}

export interface Allowance {
  /** A name, an address or a range. */
  host: string;
  /** Null: any. */
  port: number | null;
}

/** Reads `host`, `host:port`, `[address]:port`, an address or a CIDR range. Null for anything else. */
export function readAllowance(entry: string): Allowance | null {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:/\s]+)):(\d{1,5})$/.exec(entry) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined) {
    const alone = /^\[([^\]]+)\]$/.exec(entry)?.[1] ?? entry;
    return isHostOrRange(alone) ? { host: alone, port: null } : null;
  }
  const port = Number(digits);
  return port >= 1 && port <= 65_535 && isHostOrRange(host) ? { host, port } : null;
}

function isHostOrRange(text: string): boolean {
  return isIP(text) !== 0 || parseRange(text) !== null || /^[^\s:/[\]]+$/.test(text);
}

/** Whether an operator's exemption can be understood. */
export function isAllowance(entry: string): boolean {
  return readAllowance(entry) !== null;
}
