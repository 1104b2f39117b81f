import type { Cache } from "@postern/store";
import type { FactsPlace } from "./facts.ts";
import { Known } from "./known.ts";

const TTL_SECONDS = 30 * 24 * 3600;
const MEMORY_OCTETS = 48 << 20;

/** What is known of messages: the ones that were asked for last in memory, all in the cache. */
export class FactStore {
  private readonly cache: Cache;
  private readonly mostOctets: number;
  private readonly memory = new Map<string, { known: Known; weight: number }>();
  private held = 0;
  /** By account: what is still to be written. */
  private readonly unwritten = new Map<string, Map<string, Known>>();

  constructor(cache: Cache, mostOctets = MEMORY_OCTETS) {
    this.cache = cache;
    this.mostOctets = mostOctets;
  }

  /** What is in memory. */
  atHand(place: FactsPlace, uids: readonly number[]): Map<number, Known> {
    const found = new Map<number, Known>();
    const prefix = prefixOf(place);
    for (const uid of uids) {
      const known = this.touch(`${prefix}${uid}`);
      if (known) found.set(uid, known);
    }
    return found;
  }

  /** By at most one round trip. */
  async recall(place: FactsPlace, uids: readonly number[]): Promise<Map<number, Known>> {
    const found = this.atHand(place, uids);
    const others = uids.filter((uid) => !found.has(uid));
    if (others.length === 0) return found;
    const values = await this.cache.getMany(place.account.id, keysOf(place, others));
    for (const [uid, known] of this.take(place, others, values)) found.set(uid, known);
    return found;
  }

  /** Takes in what the cache has given for `keysOf` these. */
  take(place: FactsPlace, uids: readonly number[], values: readonly (Uint8Array | null)[]): [number, Known][] {
    const prefix = prefixOf(place);
    return uids.flatMap((uid, index): [number, Known][] => {
      const value = values[index];
      const known = value ? Known.unpack(value) : null;
      if (known) this.remember(`${prefix}${uid}`, known);
      return known ? [[uid, known]] : [];
    });
  }

  /** At hand at once, and written to the cache after what is under way: nobody waits for it. */
  keep(place: FactsPlace, entries: readonly (readonly [uid: number, known: Known])[]): void {
    if (entries.length === 0) return;
    const prefix = prefixOf(place);
    const { id } = place.account;
    const waiting = this.unwritten.get(id) ?? new Map<string, Known>();
    for (const [uid, known] of entries) {
      this.remember(`${prefix}${uid}`, known);
      waiting.set(`${prefix}${uid}`, known);
    }
    if (!this.unwritten.has(id)) setTimeout(() => void this.write(id), 0);
    this.unwritten.set(id, waiting);
  }

  /** What is waiting to be written is written now. */
  async flush(): Promise<void> {
    await Promise.all([...this.unwritten.keys()].map((id) => this.write(id)));
  }

  private async write(account: string): Promise<void> {
    const waiting = this.unwritten.get(account);
    this.unwritten.delete(account);
    if (!waiting) return;
    const entries = [...waiting].map(([key, known]) => [key, known.pack()] as const);
    await this.cache.setMany(account, entries, TTL_SECONDS);
  }

  private touch(key: string): Known | null {
    const entry = this.memory.get(key);
    if (!entry) return null;
    this.memory.delete(key);
    this.memory.set(key, entry);
    return entry.known;
  }

  private remember(key: string, known: Known): void {
    this.drop(key);
    const { weight } = known;
    this.memory.set(key, { known, weight });
    this.held += weight;
    for (const oldest of this.memory.keys()) {
      if (this.held <= this.mostOctets) return;
      this.drop(oldest);
    }
  }

  private drop(key: string): void {
    this.held -= this.memory.get(key)?.weight ?? 0;
    this.memory.delete(key);
  }
}

export function keysOf(place: FactsPlace, uids: readonly number[]): string[] {
  const prefix = prefixOf(place);
  return uids.map((uid) => `${prefix}${uid}`);
}

/** `2`: the version of what is kept. The account's key is in it: an id given to another account is another's. */
function prefixOf({ account, record, state }: FactsPlace): string {
  return `facts2.${account.key}.${record.key}.${state.uidValidity}.`;
}
