/** Longer HTML is cut before any work is done on it. */
export const MAX_LENGTH = 1 << 20;
/** What parsers do grows with the square of how deep tags are in one another. */
const MAX_OPEN = 20_000;

const tag = /<(\/?)([a-z][a-z0-9:-]{0,30})/gi;
const empty = new Set(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"]);

/**
 * HTML up to where it becomes too long, or its tags too deep. Depth is counted as if no tag were ever closed but by its own
 * name, so that it is never less than what a parser makes of it.
 */
export function boundHtml(html: string): string {
  const short = html.length > MAX_LENGTH ? html.slice(0, MAX_LENGTH) : html;
  const open = new Map<string, number>();
  let depth = 0;
  for (const match of short.matchAll(tag)) {
    const name = (match[2] ?? "").toLowerCase();
    if (empty.has(name)) continue;
    const count = open.get(name) ?? 0;
    const step = match[1] === "" ? 1 : count > 0 ? -1 : 0;
    open.set(name, count + step);
    depth += step;
    if (depth > MAX_OPEN) return short.slice(0, match.index);
  }
  return short;
}
