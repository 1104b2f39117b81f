import { Failure } from "@postern/protocol";
import type { Namespace } from "../../imap/session.ts";

/** Where a mailbox is to be: below a parent, or at the top of the user's own. */
export type Above = { path: string; delimiter: string | null } | null;

/** The path of a name there. Throws `invalid-request` for a name that cannot be one, `not-possible` where nothing nests. */
export function pathOf(name: string, above: Above, { prefix, delimiter }: Namespace): string {
  const separator = above ? above.delimiter : delimiter;
  if (above && separator === null) {
    const detail = "The mail server keeps its mailboxes side by side: there is nothing below one.";
    throw new Failure("not-possible", { detail, outcome: "none" });
  }
  requireWritable("name", name);
  if (separator !== null && name.includes(separator)) {
    throw invalid("name", `must not contain ${JSON.stringify(separator)}, which separates names in a path here`);
  }
  return above ? `${above.path}${separator}${name}` : `${prefix}${name}`;
}

/** A whole path as it was asked for: all its segments have to be something. */
export function checkedPath(path: string, { delimiter }: Namespace): string {
  requireWritable("path", path);
  if (delimiter !== null && path.split(delimiter).includes("")) throw invalid("path", "has an empty segment");
  return path;
}

/** What no mailbox is called on any server (RFC 9051 section 5.1), or what would not come back as it was sent. */
function requireWritable(field: string, text: string): void {
  if (!text.isWellFormed()) throw invalid(field, "is no Unicode text");
  if (/\p{Cc}|[\u2028\u2029]/u.test(text)) throw invalid(field, "must not contain control characters");
  if (text.trim() === "") throw invalid(field, "must not be blank");
}

function invalid(path: string, message: string): Failure {
  return new Failure("invalid-request", {
    detail: `The mailbox's ${path} ${message}.`,
    errors: [{ path, message }],
    outcome: "none",
  });
}
