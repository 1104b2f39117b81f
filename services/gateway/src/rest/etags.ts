/** The opaque parts of an If-None-Match field, weak or strong (RFC 9110 section 13.1.2); `*` is among them as itself. */
export function etagsIn(field: string | undefined): string[] {
  if (field === undefined) return [];
  if (field.trim() === "*") return ["*"];
  return [...field.matchAll(/(?:W\/)?"([^"]*)"/g)].map((match) => match[1] ?? "");
}

/**
 * The opaque parts of an If-Match field; `*` is among them as itself. Weak ones match nothing (RFC 9110 section 13.1.1), so
 * that a field with nothing else gives an empty list. Null: there is no such field.
 */
export function strongEtagsIn(field: string | undefined): string[] | null {
  if (field === undefined) return null;
  if (field.trim() === "*") return ["*"];
  return [...field.matchAll(/(W\/)?"([^"]*)"/g)].flatMap(([, weak, etag = ""]) => (weak ? [] : [etag]));
}
