/**
 * The grammar of what a server sends (RFC 9051 section 9), read leniently and within bounds.
 * Strings come as one character an octet (ISO 8859-1), since what they mean is only known to who asked.
 */
export type Value = string | Buffer | null | Value[];

/** OK, NO, BAD, BYE or PREAUTH (RFC 9051 section 7.1). */
export interface StatusResponse {
  kind: "status";
  /** `*` or the command's tag. */
  tag: string;
  status: "OK" | "NO" | "BAD" | "BYE" | "PREAUTH";
  /** In capitals: `UIDVALIDITY`. */
  code: string | null;
  codeValues: Value[];
  text: string;
}

export interface DataResponse {
  kind: "data";
  /** Of `* 23 EXISTS` and the like. */
  number: number | null;
  /** In capitals: `FETCH`, `LIST`, `SEARCH`. */
  name: string;
  values: Value[];
}

export interface Continuation {
  kind: "continue";
  text: string;
}

export type Response = StatusResponse | DataResponse | Continuation;

/** One response as it came: lines (without their line ends) and the literals between them. */
export interface RawResponse {
  lines: string[];
  literals: Buffer[];
}

export class ProtocolError extends Error {
  override name = "ProtocolError";
}

/** Values in one response: more than any answer to what Postern asks has. They cost far more memory than octets. */
const MAX_VALUES = 4_000_000;
const statuses = new Set(["OK", "NO", "BAD", "BYE", "PREAUTH"]);

/** Throws `ProtocolError`, never anything else, whatever the octets are. */
export function parseResponse(raw: RawResponse): Response {
  const cursor = new Cursor(raw);
  if (cursor.text.startsWith("+")) return { kind: "continue", text: cursor.text.slice(1).trim() };
  const tag = cursor.word();
  if (tag === "") throw new ProtocolError("a response without a tag");
  const word = cursor.word().toUpperCase();
  if (statuses.has(word)) return statusResponse(tag, word as StatusResponse["status"], cursor);
  if (tag !== "*") throw new ProtocolError("a tagged response that is no status");
  if (/^\d{1,10}$/.test(word)) {
    return { kind: "data", number: Number(word), name: cursor.word().toUpperCase(), values: cursor.values() };
  }
  return { kind: "data", number: null, name: word, values: cursor.values() };
}

function statusResponse(tag: string, status: StatusResponse["status"], cursor: Cursor): StatusResponse {
  const code = cursor.code();
  const name = typeof code[0] === "string" ? code[0].toUpperCase() : null;
  return { kind: "status", tag, status, code: name, codeValues: code.slice(1), text: cursor.rest() };
}

const SPACE = 0x20;
const QUOTE = 0x22;
const OPEN = 0x28;
const CLOSE = 0x29;
const BACKSLASH = 0x5c;
const BRACKET_OPEN = 0x5b;
const BRACKET_CLOSE = 0x5d;
const BRACE = 0x7b;
const TILDE = 0x7e;

class Cursor {
  text: string;
  private position = 0;
  private segment = 0;
  private count = 0;
  private readonly raw: RawResponse;

  constructor(raw: RawResponse) {
    this.raw = raw;
    this.text = raw.lines[0] ?? "";
  }

  /** Up to the next space, which is taken too. */
  word(): string {
    const end = this.text.indexOf(" ", this.position);
    const word = end < 0 ? this.text.slice(this.position) : this.text.slice(this.position, end);
    this.position = end < 0 ? this.text.length : end + 1;
    return word;
  }

  rest(): string {
    return this.text.slice(this.position).trim();
  }

  /** The values of `[CODE …]`; none where there is no code or it is never closed. */
  code(): Value[] {
    if (this.text.charCodeAt(this.position) !== BRACKET_OPEN) return [];
    if (this.text.indexOf("]", this.position) < 0) return [];
    this.position += 1;
    const values = this.list(BRACKET_CLOSE);
    this.position += 1;
    return values;
  }

  values(): Value[] {
    return this.list(-1);
  }

  /**
   * Values up to `end`, which is left; -1: up to the end of the response. Without recursion: how deep a BODYSTRUCTURE
   * goes is up to whoever wrote the message, and must not break the connection.
   */
  private list(end: number): Value[] {
    const root: Value[] = [];
    const outer: Value[][] = [];
    let values = root;
    for (;;) {
      const character = this.text.charCodeAt(this.position);
      if (outer.length === 0 && (character === end || (end === -1 && Number.isNaN(character)))) return root;
      if (Number.isNaN(character)) throw new ProtocolError("a list that does not end");
      if (character === SPACE) this.position += 1;
      else if (character === OPEN) {
        this.position += 1;
        const inner: Value[] = [];
        this.add(values, inner);
        outer.push(values);
        values = inner;
      } else if (character === CLOSE && outer.length > 0) {
        this.position += 1;
        values = outer.pop() ?? root;
      } else this.add(values, this.value(character, outer.length > 0 ? CLOSE : end));
    }
  }

  private add(values: Value[], value: Value): void {
    this.count += 1;
    if (this.count > MAX_VALUES) throw new ProtocolError("a response of too many values");
    values.push(value);
  }

  private value(character: number, end: number): Value {
    if (character === QUOTE) return this.quoted();
    if (character === BRACE || character === TILDE) {
      const literal = this.literal();
      if (literal !== undefined) return literal;
    }
    return this.atom(end);
  }

  private quoted(): string {
    const start = this.position + 1;
    let close = this.text.indexOf('"', start);
    if (close < 0) throw new ProtocolError("a quoted string that does not end");
    const text = this.text.slice(start, close);
    if (!text.includes("\\")) {
      this.position = close + 1;
      return text;
    }
    for (close = start; this.text.charCodeAt(close) !== QUOTE; close += 1) {
      if (this.text.charCodeAt(close) === BACKSLASH) close += 1;
      if (close >= this.text.length) throw new ProtocolError("a quoted string that does not end");
    }
    this.position = close + 1;
    return this.text.slice(start, close).replace(/\\(.)/gs, "$1");
  }

  /** Undefined where the brace is not the announcement that ends the line. */
  private literal(): Buffer | undefined {
    if (!/^~?\{\d+\+?\}$/.test(this.text.slice(this.position))) return undefined;
    const literal = this.raw.literals[this.segment];
    if (literal === undefined) throw new ProtocolError("a literal that is missing");
    this.segment += 1;
    this.text = this.raw.lines[this.segment] ?? "";
    this.position = 0;
    return literal;
  }

  /** Brackets in an atom, as in `BODY[HEADER.FIELDS (To)]<0>`, hold what would otherwise end it. */
  private atom(end: number): string | null {
    const start = this.position;
    let bracket = 0;
    for (; this.position < this.text.length; this.position += 1) {
      const character = this.text.charCodeAt(this.position);
      if (character === BRACKET_OPEN && end !== BRACKET_CLOSE) bracket += 1;
      else if (character === BRACKET_CLOSE && bracket > 0) bracket -= 1;
      else if (bracket > 0) continue;
      else if (character === SPACE || character === OPEN || character === CLOSE || character === end) break;
    }
    if (this.position === start) this.position += 1;
    const atom = this.text.slice(start, this.position);
    return atom.length === 3 && atom.toUpperCase() === "NIL" ? null : atom;
  }
}

/** A string or literal as one character an octet; null for NIL and lists. */
export function octetsOf(value: Value | undefined): string | null {
  if (typeof value === "string") return value;
  return Buffer.isBuffer(value) ? value.toString("latin1") : null;
}

/** A non-negative integer below 2^53; null for anything else. */
export function numberOf(value: Value | undefined): number | null {
  const text = octetsOf(value);
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** UIDs and sequence numbers: 1 … 2^32−1 (RFC 9051 section 9, nz-number); null for anything else. */
export function uidOf(value: Value | undefined): number | null {
  const number = numberOf(value);
  return number !== null && number >= 1 && number <= 0xffffffff ? number : null;
}

/** For MODSEQ: up to 63 bits. */
export function bigintOf(value: Value | undefined): bigint | null {
  const text = octetsOf(value);
  return text !== null && /^\d{1,19}$/.test(text) ? BigInt(text) : null;
}

export function listOf(value: Value | undefined): Value[] {
  return Array.isArray(value) ? value : [];
}
