/** Small binary records: unsigned numbers as LEB128, texts and doubles. */
export class Packer {
  private readonly bytes: number[] = [];

  /** Whole, 0 … 2^53-1. */
  number(value: number): this {
    let rest = value;
    while (rest >= 128) {
      this.bytes.push((rest % 128) + 128);
      rest = Math.floor(rest / 128);
    }
    this.bytes.push(rest);
    return this;
  }

  octets(value: Uint8Array): this {
    for (const octet of value) this.bytes.push(octet);
    return this;
  }

  text(value: string): this {
    const octets = new TextEncoder().encode(value);
    return this.number(octets.length).octets(octets);
  }

  double(value: number): this {
    const octets = new Uint8Array(8);
    new DataView(octets.buffer).setFloat64(0, value);
    return this.octets(octets);
  }

  done(): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(this.bytes);
  }
}

/** Throws `RangeError` where the octets end too early or a number is too great. */
export class Unpacker {
  private at = 0;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get ended(): boolean {
    return this.at === this.bytes.length;
  }

  number(): number {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 49; factor *= 128) {
      const octet = this.octets(1)[0] ?? 0;
      value += (octet % 128) * factor;
      if (octet < 128 && value <= Number.MAX_SAFE_INTEGER) return value;
    }
    throw new RangeError("a number beyond 53 bits");
  }

  octets(count: number): Uint8Array {
    if (this.at + count > this.bytes.length) throw new RangeError("octets are missing");
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  text(): string {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this.octets(this.number()));
  }

  double(): number {
    const octets = this.octets(8);
    return new DataView(octets.buffer, octets.byteOffset, 8).getFloat64(0);
  }
}
