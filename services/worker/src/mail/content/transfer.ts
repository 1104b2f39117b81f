import { decode as decodeQuotedPrintable } from "libqp";

const LF = 0x0a;

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

/** RFC 2045 section 6.8: what is not of the alphabet is passed over. Padding ends a run; another may follow, as met in the wild. */
class Base64Decoder implements Decoder {
  private rest = "";

  push(octets: Uint8Array): Uint8Array {
    const text = this.rest + latin1(octets).replace(/[^A-Za-z0-9+/=]+/g, "");
    const runs = text.split(/=+/);
    const last = runs.pop() ?? "";
    const whole = last.length - (last.length % 4);
    this.rest = last.slice(whole);
    const decoded = runs.map((run) => Buffer.from(run, "base64"));
    return Buffer.concat([...decoded, Buffer.from(last.slice(0, whole), "base64")]);
  }

  end(): Uint8Array {
    const rest = Buffer.from(this.rest, "base64");
    this.rest = "";
    return rest;
  }
}

/** Cut at line ends, since what ends a line says whether the line goes on (RFC 2045 section 6.7). */
class QuotedPrintableDecoder implements Decoder {
  private rest: Uint8Array = nothing;

  push(octets: Uint8Array): Uint8Array {
    const all = Buffer.concat([this.rest, octets]);
    const end = all.lastIndexOf(LF) + 1;
    this.rest = all.subarray(end);
    return decodeLines(all.subarray(0, end));
  }

  end(): Uint8Array {
    const rest = decodeLines(this.rest);
    this.rest = nothing;
    return rest;
  }
}

function decodeLines(octets: Uint8Array): Uint8Array {
  return octets.length === 0 ? nothing : decodeQuotedPrintable(latin1(octets));
}

function latin1(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString("latin1");
}
