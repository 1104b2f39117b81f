/**
 * ObjectIDs (RFC 8474 section 4) as the grammar has them; null for anything else: there are servers that send octets of
 * something else, and nothing may be known again by those.
 */
export function readObjectId(text: string | null): string | null {
  return text !== null && /^[A-Za-z0-9_-]{1,255}$/.test(text) ? text : null;
}

/** Ids outside of standards: a number of Gmail's, a line of hexadecimal digits or a file's name of Dovecot's. */
export function readGuid(text: string | null): string | null {
  return text !== null && /^[\x21\x23-\x5b\x5d-\x7e]{1,255}$/.test(text) ? text : null;
}
