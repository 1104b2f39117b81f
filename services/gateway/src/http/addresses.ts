/**
 * A path of ours as clients see it: a proxy may have it under a path of its own, which it takes away. A reference, to be
 * resolved against the address that was asked (RFC 3986 section 5), so that it holds by whichever name that was.
 */
export function publicPath(publicUrl: string | undefined, path: string): string {
  const prefix = publicUrl === undefined ? "" : new URL(publicUrl).pathname.replace(/\/+$/, "");
  return prefix + path;
}
