import type { MailboxEpoch, MessagePlace, PlaceStore } from "@postern/store";
import type { AccountRef } from "../mailboxes/registry.ts";
import type { Ownership } from "../ports.ts";
import { Debts, type Move } from "./debts.ts";
import { Lru } from "./lru.ts";

export const textOf = {
  epoch: ({ mailbox, uidValidity }: MailboxEpoch): string => `${mailbox}.${uidValidity}`,
  place: ({ mailbox, uidValidity, uid }: MessagePlace): string => `${mailbox}.${uidValidity}.${uid}`,
};

/** Mailboxes under one UIDVALIDITY, as text. */
interface Travelled {
  from: Set<string>;
  to: Set<string>;
}

type Direction = "places" | "births";

const ENTRIES = 100_000;
const ACCOUNTS = 10_000;

/**
 * The table of moves, and what is held of it in memory. One worker at a time acts for an account, so that memory is right
 * for as long as its turn lasts; what an earlier turn knew is not looked at again.
 */
export class PlaceMemory {
  private readonly store: PlaceStore;
  private readonly ownership: Ownership;
  private readonly travels = new Lru<string, Promise<Travelled>>(ACCOUNTS);
  private readonly held = { places: new Lru<string, Known>(ENTRIES), births: new Lru<string, Known>(ENTRIES) };
  /** Raised by every write: what was read before it is not kept. */
  private writes = 0;
  private readonly debts = new Debts((account, moves) => this.record(account, moves));

  constructor(store: PlaceStore, ownership: Ownership) {
    this.store = store;
    this.ownership = ownership;
  }

  async travelled(account: AccountRef): Promise<Travelled> {
    await this.debts.settle(account);
    return this.mailboxes(account);
  }

  private mailboxes(account: AccountRef): Promise<Travelled> {
    const turn = this.turn(account);
    const known = this.travels.get(turn);
    if (known) return known;
    const loading = this.load(account);
    this.travels.set(turn, loading);
    loading.catch(() => this.travels.delete(turn));
    return loading;
  }

  /** By the place that was asked for, as text; null: it was not moved. One round trip for what is not in memory. */
  async look(
    account: AccountRef,
    direction: Direction,
    wanted: readonly MessagePlace[],
  ): Promise<Map<string, MessagePlace | null>> {
    const turn = this.turn(account);
    const held = this.held[direction];
    const found = new Map<string, MessagePlace | null>();
    const missing: MessagePlace[] = [];
    for (const key of wanted) {
      const known = held.get(`${turn} ${textOf.place(key)}`);
      if (known) found.set(textOf.place(key), known.place);
      else missing.push(key);
    }
    if (missing.length === 0) return found;
    const { writes } = this;
    const read = await this.read(direction, account.id, missing);
    for (const [index, key] of missing.entries()) {
      const place = read[index] ?? null;
      found.set(textOf.place(key), place);
      if (this.writes === writes) held.set(`${turn} ${textOf.place(key)}`, { place });
    }
    return found;
  }

  /** Where it throws the moves are written down later. */
  async move(account: AccountRef, moves: readonly Move[]): Promise<void> {
    try {
      await this.debts.settle(account);
      await this.record(account, moves);
    } catch (error) {
      this.debts.add(account, moves);
      throw error;
    }
  }

  private async record(account: AccountRef, moves: readonly Move[]): Promise<void> {
    const travelled = await this.mailboxes(account);
    const births = await this.written(this.store.move(account, moves));
    const turn = this.turn(account);
    for (const [index, { from, to }] of moves.entries()) {
      const birth = births[index] ?? from;
      travelled.from.add(textOf.epoch(from)).add(textOf.epoch(birth));
      travelled.to.add(textOf.epoch(to));
      // Who read the message before it left shows it still: no other will ever be at that place.
      this.held.births.set(`${turn} ${textOf.place(from)}`, { place: birth });
      this.held.births.set(`${turn} ${textOf.place(to)}`, { place: birth });
      this.held.places.set(`${turn} ${textOf.place(birth)}`, { place: to });
    }
  }

  async forget(account: AccountRef, places: readonly MessagePlace[]): Promise<void> {
    await this.debts.settle(account);
    const births = await this.written(this.store.forget(account, places));
    const turn = this.turn(account);
    for (const place of places) this.held.births.delete(`${turn} ${textOf.place(place)}`);
    for (const birth of births) this.held.places.delete(`${turn} ${textOf.place(birth)}`);
  }

  /** Whatever becomes of it, what was read meanwhile may be of before. */
  private async written<T>(write: Promise<T>): Promise<T> {
    try {
      return await write;
    } finally {
      this.writes += 1;
    }
  }

  private read(direction: Direction, id: string, wanted: readonly MessagePlace[]): Promise<(MessagePlace | null)[]> {
    return direction === "places" ? this.store.placesOf(id, wanted) : this.store.birthsAt(id, wanted);
  }

  private async load({ id }: AccountRef): Promise<Travelled> {
    const { from, to } = await this.store.travelled(id);
    return { from: new Set(from.map(textOf.epoch)), to: new Set(to.map(textOf.epoch)) };
  }

  private turn({ id, key }: AccountRef): string {
    return `${key}.${this.ownership.epochOf(id)}`;
  }
}

interface Known {
  place: MessagePlace | null;
}
