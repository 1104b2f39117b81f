/**
 * How old an answer may be by `max-stale` (RFC 9111 section 5.2.1.2), in milliseconds; undefined: not at all. Without a
 * number any age will do.
 */
export function maxStaleIn(header: string | undefined): number | undefined {
  const match = /(?:^|,)\s*max-stale(?:\s*=\s*"?(\d{1,10})"?)?\s*(?=,|$)/i.exec(header ?? "");
  if (!match) return undefined;
  return match[1] === undefined ? Number.MAX_SAFE_INTEGER : Number(match[1]) * 1_000;
}
