import { ProtocolError, type RawResponse } from "./response.ts";

export interface ReadLimits {
  /** Octets of one line. */
  line: number;
  /** Octets of one literal. */
  literal: number;
  /** Octets of one response, its literals included. */
  response: number;
}

const LF = 0x0a;
const CR = 0x0d;

/**
 * Cuts the octets of a connection into responses. What is not complete is kept; every octet is copied at most once,
 * however small the pieces it comes in, and a literal beyond the limit is refused before it is read.
 */
export class ResponseReader {
  private pieces: Buffer[] = [];
  private held = 0;
  /** Octets missing of the literal that is being read; -1 while a line is. */
  private missing = -1;
  private size = 0;
  private raw: RawResponse = { lines: [], literals: [] };
  private readonly limits: ReadLimits;
  private readonly onResponse: (raw: RawResponse) => void;

  constructor(limits: ReadLimits, onResponse: (raw: RawResponse) => void) {
    this.limits = limits;
    this.onResponse = onResponse;
  }

  /** Throws `ProtocolError` when a limit is exceeded; the connection is of no use then. */
  push(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0) rest = this.missing >= 0 ? this.takeLiteral(rest) : this.takeLine(rest);
  }

  private takeLine(chunk: Buffer): Buffer {
    const end = chunk.indexOf(LF);
    const taken = end < 0 ? chunk.length : end + 1;
    this.hold(chunk.subarray(0, taken));
    if (this.held > this.limits.line) throw new ProtocolError("a line is too long");
    if (end >= 0) this.endLine();
    return chunk.subarray(taken);
  }

  private endLine(): void {
    const octets = this.release();
    const end = octets[octets.length - 2] === CR ? octets.length - 2 : octets.length - 1;
    const line = octets.toString("latin1", 0, end);
    // Some servers put an empty line between responses.
    if (line === "" && this.raw.lines.length === 0) {
      this.size = 0;
      return;
    }
    this.raw.lines.push(line);
    const size = this.raw.lines.length === 1 && endsInText(line) ? null : announced(line);
    if (size === null) return this.finish();
    if (size > this.limits.literal) throw new ProtocolError("a literal is too large");
    if (this.size + size > this.limits.response) throw new ProtocolError("a response is too large");
    this.missing = size;
    if (size === 0) this.endLiteral();
  }

  private takeLiteral(chunk: Buffer): Buffer {
    const taken = chunk.subarray(0, this.missing);
    this.hold(taken);
    this.missing -= taken.length;
    if (this.missing === 0) this.endLiteral();
    return chunk.subarray(taken.length);
  }

  private endLiteral(): void {
    this.raw.literals.push(this.release());
    this.missing = -1;
  }

  private finish(): void {
    const raw = this.raw;
    this.raw = { lines: [], literals: [] };
    this.size = 0;
    this.onResponse(raw);
  }

  private hold(piece: Buffer): void {
    if (piece.length === 0) return;
    this.pieces.push(piece);
    this.held += piece.length;
    this.size += piece.length;
    if (this.size > this.limits.response) throw new ProtocolError("a response is too large");
  }

  private release(): Buffer {
    const [first = Buffer.alloc(0)] = this.pieces;
    const octets = this.pieces.length < 2 ? first : Buffer.concat(this.pieces, this.held);
    this.pieces = [];
    this.held = 0;
    return octets;
  }
}

/** Whether the line is one whose end is text for people, which may repeat a name such as `x{5}` and announces nothing. */
function endsInText(line: string): boolean {
  if (!line.endsWith("}")) return false;
  return /^(\+|\S+ (OK|NO|BAD|BYE|PREAUTH) ?(\[[^\]]*\]|[^[])|\S+ (OK|NO|BAD|BYE|PREAUTH)$)/i.test(line);
}

/** The size of the literal that a line announces at its end (RFC 9051 section 4.3); null where there is none. */
function announced(line: string): number | null {
  if (!line.endsWith("}")) return null;
  const match = /\{(\d{1,15})\+?\}$/.exec(line.slice(-24));
  return match ? Number(match[1]) : null;
}
