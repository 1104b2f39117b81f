import { decodeWord, decodeWords } from "./words.ts";

interface Segment {
  index: number;
  /** With percent signs, and in the first one with a charset. */
  isExtended: boolean;
  /** One character an octet. */
  value: string;
}

/**
 * Parameters of a MIME field as they stand there, one character an octet: continuations and charsets are put together
 * (RFC 2231); encoded words, which do not belong here but are common, are decoded. Where a parameter comes in both
 * forms, the extended one counts: the other is for those who do not know it (RFC 6266 section 4.3).
 */
export function decodeParameters(raw: ReadonlyMap<string, string>): Map<string, string> {
  const decoded = new Map<string, string>();
  const extended = new Map<string, Segment[]>();
  for (const [name, value] of raw) {
    const match = /^([^*]+)(?:\*(\d{1,4}))?(\*?)$/.exec(name);
    if (!match || name === match[1]) {
      decoded.set(name, decodeWords(value));
      continue;
    }
    const [, base = "", index = "0", star] = match;
    const segments = extended.get(base) ?? [];
    segments.push({ index: Number(index), isExtended: star === "*", value });
    extended.set(base, segments);
  }
  for (const [name, segments] of extended) decoded.set(name, join(segments));
  return decoded;
}

/** RFC 2231 sections 3 and 4. A charset holds for all segments, since characters are split between them. */
function join(segments: Segment[]): string {
  segments.sort((a, b) => a.index - b.index);
  const [first] = segments;
  const head = first?.isExtended ? /^([^']*)'[^']*'/.exec(first.value) : null;
  const octets = segments
    .map(({ isExtended, value }, at) => {
      const text = at === 0 && head ? value.slice(head[0].length) : value;
      return isExtended ? unescapePercents(text) : text;
    })
    .join("");
  return head ? decodeWord(Buffer.from(octets, "latin1"), head[1] ?? "") : decodeWords(octets);
}

function unescapePercents(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
