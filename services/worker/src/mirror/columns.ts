/** What is held of one message: 14 octets. */
export interface Row {
  uid: number;
  /** Which set of flags it has. */
  set: number;
  /** 0: not known. */
  modseq: bigint;
}

/** Rows that lie together: few enough that one can be taken out of their middle at little cost. */
export const CHUNK = 512;
const SMALLEST = 32;

/** Rows in ascending order of UID, in typed arrays. Adding at either end and taking out anywhere cost a chunk at most. */
export class Columns {
  private chunks: Chunk[] = [];
  private count = 0;

  get length(): number {
    return this.count;
  }

  /** Octets held. */
  get octets(): number {
    return this.chunks.reduce((sum, { uids }) => sum + uids.length * (4 + 2 + 8), 0);
  }

  /** The first row's UID; null where there is none. */
  get first(): number | null {
    return this.chunks[0]?.uids[0] ?? null;
  }

  get last(): number | null {
    const chunk = this.chunks.at(-1);
    return chunk ? (chunk.uids[chunk.count - 1] ?? null) : null;
  }

  at(index: number): Row | null {
    const place = this.placeOf(index);
    return place && place.chunk.row(place.at);
  }

  /** How many rows have a lower UID. */
  rankOf(uid: number): number {
    let rank = 0;
    for (const chunk of this.chunks) {
      if ((chunk.uids[chunk.count - 1] ?? 0) >= uid) return rank + chunk.search(uid);
      rank += chunk.count;
    }
    return rank;
  }

  find(uid: number): Row | null {
    const place = this.placeOfUid(uid);
    return place && place.chunk.row(place.at);
  }

  /** From one rank to another, the second not included. */
  slice(from: number, to: number): Row[] {
    const rows: Row[] = [];
    let start = 0;
    for (const chunk of this.chunks) {
      const last = Math.min(chunk.count, to - start);
      for (let at = Math.max(0, from - start); at < last; at += 1) rows.push(chunk.row(at));
      start += chunk.count;
    }
    return rows;
  }

  *[Symbol.iterator](): Generator<Row> {
    for (const chunk of this.chunks) for (let at = 0; at < chunk.count; at += 1) yield chunk.row(at);
  }

  /** A row whose UID is above all others. */
  push(row: Row): void {
    let chunk = this.chunks.at(-1);
    if (!chunk || chunk.count === CHUNK) this.chunks.push((chunk = new Chunk(SMALLEST)));
    chunk.insert(chunk.count, row);
    this.count += 1;
  }

  /** Rows in order whose UIDs are below all others. */
  unshift(rows: readonly Row[]): void {
    const [first] = this.chunks;
    const joined = first && first.count + rows.length <= CHUNK ? [...rows, ...this.slice(0, first.count)] : rows;
    const before: Chunk[] = [];
    for (let at = 0; at < joined.length; at += CHUNK) before.push(Chunk.of(joined.slice(at, at + CHUNK)));
    this.chunks.splice(0, joined === rows ? 0 : 1, ...before);
    this.count += rows.length;
  }

  /** Gives the UID's row other flags. */
  put(uid: number, set: number, modseq: bigint): void {
    const place = this.placeOfUid(uid);
    if (!place) return;
    place.chunk.sets[place.at] = set;
    place.chunk.modseqs[place.at] = modseq;
  }

  removeAt(index: number): Row | null {
    const place = this.placeOf(index);
    if (!place) return null;
    const row = place.chunk.row(place.at);
    place.chunk.remove(place.at, place.at + 1);
    this.count -= 1;
    if (place.chunk.count === 0) this.chunks.splice(this.chunks.indexOf(place.chunk), 1);
    return row;
  }

  /** All from one UID to another, both included; what was there. */
  removeRange(from: number, to: number): Row[] {
    const gone: Row[] = [];
    for (const chunk of this.chunks) {
      if ((chunk.uids[chunk.count - 1] ?? 0) < from) continue;
      if ((chunk.uids[0] ?? 0) > to) break;
      const start = chunk.search(from);
      const end = chunk.search(to + 1);
      for (let at = start; at < end; at += 1) gone.push(chunk.row(at));
      chunk.remove(start, end);
    }
    if (gone.length > 0) this.chunks = this.chunks.filter(({ count }) => count > 0);
    this.count -= gone.length;
    return gone;
  }

  private placeOf(index: number): Place | null {
    if (index < 0 || index >= this.count) return null;
    // Mostly the newest are asked for.
    let end = this.count;
    for (let at = this.chunks.length - 1; at >= 0; at -= 1) {
      const chunk = this.chunks[at];
      if (!chunk) return null;
      if (index >= end - chunk.count) return { chunk, at: index - (end - chunk.count) };
      end -= chunk.count;
    }
    return null;
  }

  private placeOfUid(uid: number): Place | null {
    let low = 0;
    let high = this.chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const chunk = this.chunks[middle];
      if (chunk && (chunk.uids[chunk.count - 1] ?? 0) < uid) low = middle + 1;
      else high = middle;
    }
    const chunk = this.chunks[low];
    const at = chunk?.search(uid) ?? 0;
    return chunk && chunk.uids[at] === uid && at < chunk.count ? { chunk, at } : null;
  }
}

interface Place {
  chunk: Chunk;
  at: number;
}

class Chunk {
  uids: Uint32Array<ArrayBuffer>;
  sets: Uint16Array<ArrayBuffer>;
  modseqs: BigUint64Array<ArrayBuffer>;
  count = 0;

  constructor(capacity: number) {
    this.uids = new Uint32Array(capacity);
    this.sets = new Uint16Array(capacity);
    this.modseqs = new BigUint64Array(capacity);
  }

  static of(rows: readonly Row[]): Chunk {
    const chunk = new Chunk(rows.length);
    for (const row of rows) chunk.insert(chunk.count, row);
    return chunk;
  }

  row(at: number): Row {
    return { uid: this.uids[at] ?? 0, set: this.sets[at] ?? 0, modseq: this.modseqs[at] ?? 0n };
  }

  /** How many have a lower UID. */
  search(uid: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.uids[middle] ?? 0) < uid) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  insert(at: number, { uid, set, modseq }: Row): void {
    if (this.count === this.uids.length) this.grow(Math.min(CHUNK, Math.max(SMALLEST, this.count * 2)));
    this.uids[at] = uid;
    this.sets[at] = set;
    this.modseqs[at] = modseq;
    this.count += 1;
  }

  remove(from: number, to: number): void {
    for (const column of [this.uids, this.sets, this.modseqs]) column.copyWithin(from, to, this.count);
    this.count -= to - from;
  }

  private grow(capacity: number): void {
    const { uids, sets, modseqs } = this;
    this.uids = new Uint32Array(capacity);
    this.sets = new Uint16Array(capacity);
    this.modseqs = new BigUint64Array(capacity);
    this.uids.set(uids);
    this.sets.set(sets);
    this.modseqs.set(modseqs);
  }
}
