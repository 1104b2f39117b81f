const LENGTH = 200;

/** Marks without a width of their own, with which senders fill up what lists would show after their first line. */
const invisible = new RegExp(
  [
    "\\u00ad|\\u034f|\\u061c|[\\u115f\\u1160]|[\\u17b4\\u17b5]|[\\u180b-\\u180f]|[\\u200b-\\u200f]|[\\u202a-\\u202e]",
    "[\\u2060-\\u206f]|\\u3164|[\\ufe00-\\ufe0f]|\\ufeff|\\uffa0",
  ].join("|"),
  "g",
);

/** The beginning of what the message itself says, on one line; null when it says nothing. */
export function snippetOf(text: string): string | null {
  const own = text
    .split("\n")
    .filter((line) => !line.startsWith(">"))
    .join(" ");
  const flat = (own.trim() === "" ? text : own)
    .replace(invisible, "")
    .replace(/[\s\p{Cc}]+/gu, " ")
    .trim();
  return flat === "" ? null : cut(flat);
}

/** Not within a character that takes two units. */
function cut(text: string): string {
  if (text.length <= LENGTH) return text.toWellFormed();
  return `${text
    .slice(0, LENGTH - 1)
    .replace(/[\ud800-\udbff]$/, "")
    .trimEnd()}…`.toWellFormed();
}
