/** The opaque parts of an If-None-Match field, weak or strong (RFC 9110 section 13.1.2); `*` is among them as itself. */
export function etagsIn(field: string | undefined): string[] {
  if (field === undefined) return [];
  if (field.trim() === "*") return ["*"];
  return [...field.matchAll(/(?:W\/)?"([^"]*)"/g)].map((match) => match[1] ?? "");
}
