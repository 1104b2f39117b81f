/**
 * The base subject of RFC 5256 section 2.1: without reply and forward marks, so that a conversation sorts together.
 * The subject is given decoded. Not folded for comparison.
 */
export function baseSubject(subject: string): string {
  let text = subject.replace(/\s+/g, " ").trim();
  for (;;) {
    const before = text;
    text = withoutTrailers(text);
    text = withoutLeaders(text);
    const forwarded = /^\[fwd:(.*)\]$/is.exec(text);
    if (forwarded?.[1] !== undefined) text = forwarded[1].trim();
    if (text === before) return text;
  }
}

/** subj-trailer: `(fwd)` or white space, any number. */
function withoutTrailers(text: string): string {
  let rest = text.trimEnd();
  while (/\(fwd\)$/i.test(rest)) rest = rest.slice(0, -5).trimEnd();
  return rest;
}

const REFWD = /^(?:re|fwd?) ?(?:\[[^[\]]*\] ?)?:\s*/i;
const BLOB = /^\[[^[\]]*\]\s*/;

/** subj-leader and subj-blob: `Re:`, `Fwd: [x]`, `[list]`; a blob goes only where something is left behind it. */
function withoutLeaders(text: string): string {
  let rest = text.trimStart();
  for (;;) {
    const before = rest;
    rest = withoutReply(rest);
    const afterBlob = rest.replace(BLOB, "");
    if (afterBlob !== rest && afterBlob !== "") rest = afterBlob;
    if (rest === before) return rest;
  }
}

/** `subj-leader = (*subj-blob subj-refwd) / WSP`: blobs before a reply mark go with it. */
function withoutReply(text: string): string {
  let rest = text;
  for (let blob = BLOB.exec(rest); blob && !REFWD.test(rest); blob = BLOB.exec(rest)) rest = rest.slice(blob[0].length);
  const mark = REFWD.exec(rest);
  return mark ? rest.slice(mark[0].length) : text;
}
