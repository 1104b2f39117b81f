import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { domainToASCII } from "node:url";
import { Failure } from "@postern/protocol";
import { isPublic, isWithin, readAllowance } from "./address.ts";

/** All addresses of a name. Rejects when there are none. */
export type Resolve = (name: string) => Promise<string[]>;

/** As this machine resolves names. */
export async function resolveAll(name: string): Promise<string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address);
}

export interface Vetting {
  /** Names, `name:port`, addresses or CIDR ranges that may be reached although they are not of the public internet. */
  allowed: readonly string[];
  resolve: Resolve;
}

/**
 * The one way from a host that a user named to an address that may be dialled: what is dialled must be the address given
 * back, not the name, which may say something else the next time. A name with even one address inside is refused whole.
 * Throws `host-not-allowed`, or `upstream-unreachable` when the name is nobody's.
 */
export async function vetHost(host: string, port: number, { allowed, resolve }: Vetting): Promise<string> {
  const name = canonical(host);
  const addresses = isIP(name) ? [name] : await addressesOf(name, resolve);
  const exempt = allowed.flatMap((entry) => readAllowance(entry) ?? []).filter((entry) => isFor(entry.port, port));
  const isNamed = exempt.some((entry) => canonical(entry.host) === name);
  const isAllowed = (address: string): boolean =>
    isNamed || isPublic(address) || exempt.some((entry) => isWithin(address, entry.host));
  const [first] = addresses;
  if (first === undefined) throw unknownHost();
  if (addresses.every(isAllowed)) return first;
  throw notAllowed("The host's address is not one of the public internet.");
}

function isFor(allowed: number | null, port: number): boolean {
  return allowed === null || allowed === port;
}

/** As the DNS has it (RFC 5890): digits and dots of other scripts become ours before anything is looked at. */
function canonical(host: string): string {
  const plain = /[^\0-\x7f]/.test(host) ? domainToASCII(host) : host;
  return plain
    .replace(/^\[([^[\]]*)\]$/, "$1")
    .replace(/\.$/, "")
    .toLowerCase();
}

async function addressesOf(name: string, resolve: Resolve): Promise<string[]> {
  if (!isHostName(name)) throw notAllowed("The host is neither a name nor an address.");
  try {
    return await resolve(name);
  } catch (error) {
    // Some resolvers know no names for this machine; they mean it all the same (RFC 6761 section 6.3).
    if (/(^|\.)localhost$/.test(name)) throw notAllowed("The host is this machine.");
    throw unknownHost(error);
  }
}

/**
 * RFC 1123 section 2.1, with underscores, which are met. The last label must not be a number: resolvers take `127.1` and
 * `0x7f.1` for addresses.
 */
function isHostName(name: string): boolean {
  const labels = name.split(".");
  const isNumber = /^(\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? "");
  return (
    name.length <= 253 && !isNumber && labels.every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label))
  );
}

function notAllowed(detail: string): Failure {
  return new Failure("host-not-allowed", { detail });
}

function unknownHost(cause?: unknown): Failure {
  return new Failure("upstream-unreachable", {
    detail: "The host's name cannot be resolved.",
    retryAfter: 30,
    cause,
  });
}
