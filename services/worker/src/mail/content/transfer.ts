import { decode as decodeQuotedPrintable } from "libqp";

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const EQUALS = 0x3d;

export type Encoding = "base64" | "quoted-printable" | "identity";

/** Content-Transfer-Encoding (RFC 2045 section 6). What is unknown stays as it is. */
export function encodingOf(name: string): Encoding {
  const plain = name.trim().toLowerCase();
  return plain === "base64" || plain === "quoted-printable" ? plain : "identity";
}

/** A whole body, or its beginning, however it was cut. */
export function decodeTransfer(octets: Uint8Array, name: string): Uint8Array {
  const decoder = newDecoder(encodingOf(name));
  return Buffer.concat([decoder.push(octets), decoder.end()]);
}

/** Decoded as it is pulled, whatever the pieces' sizes; equal to decoding the whole. */
export async function* decodePieces(pieces: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  const decoder = newDecoder(encodingOf(name));
  for await (const piece of pieces) {
    const decoded = decoder.push(piece);
    if (decoded.length > 0) yield decoded;
  }
  const rest = decoder.end();
  if (rest.length > 0) yield rest;
}

interface Decoder {
  push(octets: Uint8Array): Uint8Array;
  end(): Uint8Array;
}

function newDecoder(encoding: Encoding): Decoder {
  if (encoding === "base64") return new Base64Decoder();
  return encoding === "quoted-printable" ? new QuotedPrintableDecoder() : identity;
}

const nothing = new Uint8Array(0);
const identity: Decoder = { push: (octets) => octets, end: () => nothing };

/**
 * RFC 2045 section 6.8: what is not of the alphabet is passed over. Padding ends a run; another may follow, as met in the
 * wild. What follows padding and is no base64, or looks like a boundary, is another's, such as the lines of a mailing
 * list: it ends all.
 */
class Base64Decoder implements Decoder {
  private rest = "";
  private isPadded = false;
  private endsInDash = false;
  private isOver = false;

  push(octets: Uint8Array): Uint8Array {
    if (this.isOver) return nothing;
    const text = this.rest + this.untilOver(latin1(octets)).replace(/[^A-Za-z0-9+/=]+/g, "");
    const runs = text.split(/=+/);
    const last = runs.pop() ?? "";
    const whole = last.length - (last.length % 4);
    this.rest = last.slice(whole);
    const decoded = runs.map((run) => Buffer.from(run, "base64"));
    return Buffer.concat([...decoded, Buffer.from(last.slice(0, whole), "base64")]);
  }

  private untilOver(text: string): string {
    const ends = [this.boundaryIn(text), this.junkIn(text)].filter((end) => end >= 0);
    this.isOver = ends.length > 0;
    return this.isOver ? text.slice(0, Math.min(...ends)) : text;
  }

  private boundaryIn(text: string): number {
    const isSplit = this.endsInDash && text.startsWith("-");
    this.endsInDash = text.endsWith("-");
    return isSplit ? 0 : text.indexOf("--");
  }

  private junkIn(text: string): number {
    const padding = this.isPadded ? 0 : text.indexOf("=");
    if (padding < 0) return -1;
    this.isPadded = true;
    const junk = text.slice(padding).search(/[^A-Za-z0-9+/=\s]/);
    return junk < 0 ? -1 : padding + junk;
  }

  end(): Uint8Array {
    const rest = Buffer.from(this.rest, "base64");
    this.rest = "";
    return rest;
  }
}

/** What is longer and has no place to be cut at means nothing, and is not waited for. */
const MOST_KEPT = 1 << 20;

/** Cut where what follows cannot change the meaning of what came before (RFC 2045 section 6.7). */
class QuotedPrintableDecoder implements Decoder {
  private rest: Uint8Array = nothing;

  push(octets: Uint8Array): Uint8Array {
    const all = Buffer.concat([this.rest, octets]);
    const end = lastCut(all);
    this.rest = all.subarray(end);
    return decodeLines(all.subarray(0, end));
  }

  end(): Uint8Array {
    const rest = decodeLines(this.rest);
    this.rest = nothing;
    return rest;
  }
}

/** Behind no space that may be a line's last, and within neither an escape nor what a soft line break may make one. */
function lastCut(octets: Uint8Array): number {
  for (let end = octets.length; end > 0; end -= 1) {
    const last = octets[end - 1] ?? 0;
    const before = octets[end - 2];
    if (last > SPACE && last !== EQUALS && before !== EQUALS && before !== CR && before !== LF) return end;
  }
  return octets.length > MOST_KEPT ? octets.length : 0;
}

function decodeLines(octets: Uint8Array): Uint8Array {
  return octets.length === 0 ? nothing : decodeQuotedPrintable(latin1(octets));
}

function latin1(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString("latin1");
}
