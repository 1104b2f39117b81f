import { randomFillSync } from "node:crypto";

/** Version, trace, parent and flags (W3C Trace Context, section 3.2). Versions to come may add more behind a dash. */
const traceparent = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:$|(?<!^00.*)-)/;

/** The `traceparent` of what is done for a request: within the caller's trace, or a new one that nobody samples. */
export function continueTrace(header: string | string[] | undefined): string {
  const [, trace, flags] = (typeof header === "string" && traceparent.exec(header)) || [];
  const sampled = Number.parseInt(flags ?? "0", 16) & 1;
  return `00-${trace ?? hex(16)}-${hex(8)}-0${sampled}`;
}

const pool = Buffer.alloc(6_000);
let used = pool.length;

/** From a pool: random octets one by one would cost a request more than its routing. */
function hex(octets: number): string {
  if (used + octets > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += octets;
  return pool.toString("hex", used - octets, used);
}
