import type { Call } from "@postern/protocol";
import type { MailboxEpoch, MessagePlace, PlaceStore } from "@postern/store";
import { within } from "../../mirror/shared-work.ts";
import type { AccountRef } from "../mailboxes/registry.ts";
import type { Ownership } from "../ports.ts";
import { Turns } from "../turns.ts";
import { Lru } from "./lru.ts";
import { PlaceMemory, textOf } from "./memory.ts";
import { Settling } from "./settling.ts";

/**
 * Which message is where: an id is the packed place of its birth, and a stored table tells of those that were moved.
 * Every way from an id to a message, and from a message to its id, goes through here.
 */
export interface Places {
  /** Where what was born there is now, in the order asked. At most one round trip, none where nothing was moved away. */
  whereAre(account: AccountRef, births: readonly MessagePlace[]): Promise<MessagePlace[]>;
  /**
   * Where the messages of a mailbox were born, by UID; missing: right there. They must have been read before this is
   * called. Waits for moves into the mailbox to be recorded. At most one round trip, none where nothing was moved there.
   */
  birthsOf(
    account: AccountRef,
    mailbox: MailboxEpoch,
    uids: readonly number[],
    call: Call,
  ): Promise<Map<number, MessagePlace>>;
  /** To be called after each move that succeeded, within `settling`: `from[n]` is `to.uids[n]` now. */
  noteMoved(account: AccountRef, from: readonly MessagePlace[], to: Destination): Promise<void>;
  /** To be called when messages were deleted for good: what is a copy of one never answers to its id. */
  noteGone(account: AccountRef, places: readonly MessagePlace[]): Promise<void>;
  /**
   * Wraps a command that moves messages into a mailbox, and the recording of where they are: who would show its messages
   * meanwhile waits, so that nobody ever sees one under another id. `work` must not read ids of that mailbox itself.
   */
  settling<T>(account: AccountRef, mailbox: number, work: () => Promise<T>): Promise<T>;
  /** What is read while no message moves: moves that would begin meanwhile wait. */
  stilled<T>(account: AccountRef, call: Call, read: () => Promise<T>): Promise<T>;
  /** Waits for the moves of an account, or into one of its mailboxes, that are under way. */
  settled(account: AccountRef, call: Call, mailbox?: number | null): Promise<void>;
  /**
   * Changes whenever messages have come into a mailbox, or null: an account, under ids that they had before. What was read
   * under two different turns may show a message where it was and where it is: see `steadily`.
   */
  turn(account: AccountRef, mailbox: number | null): number;
  /** What messages can be known again by when others have moved them. */
  readonly evidence: Pick<PlaceStore, "show" | "note" | "handlesOf">;
  /** Those of which it has not been looked yet whether they were known before, at another place. */
  undecided(account: AccountRef, mailbox: MailboxEpoch, uids: readonly number[]): number[];
  decided(account: AccountRef, mailbox: MailboxEpoch, uids: Iterable<number>): void;
  /** Takes note that messages were seen where they are, at this count of sightings; does not wait for it to be kept. */
  saw(account: AccountRef, mailbox: MailboxEpoch, births: ReadonlyMap<number, MessagePlace>, count: number): void;
  /** The count at which messages were seen last that were there; 0: nobody knows. One round trip. */
  lastSeen(account: AccountRef, messages: readonly { birth: MessagePlace; place: MessagePlace }[]): Promise<number[]>;
  /** One after another: which messages of a mailbox were known before, and which are new. */
  deciding<T>(account: AccountRef, mailbox: number, work: () => Promise<T>): Promise<T>;
}

/** Mailboxes of which it is remembered what was decided, and how many messages of each. */
const MAILBOXES = 2_000;
const DECIDED = 50_000;

/** Where messages went, as COPYUID tells it. `uids` in the order of where they came from. */
export interface Destination extends MailboxEpoch {
  uids: readonly number[];
}

export function createPlaces(store: PlaceStore, ownership: Ownership): Places {
  const memory = new PlaceMemory(store, ownership);
  const settling = new Settling();
  const scopeOf = ({ key }: AccountRef): string => String(key);
  const mailboxOf = ({ key }: AccountRef, mailbox: number): string => `${key} ${mailbox}`;

  const nameOf = (account: AccountRef, mailbox: number | null): string =>
    mailbox === null ? scopeOf(account) : mailboxOf(account, mailbox);

  async function settled(name: string, call: Call): Promise<void> {
    const over = settling.over(name);
    if (over !== null) await within(call, "MOVE", over);
  }

  const comings = new Lru<string, number>(MAILBOXES);
  let lastComing = 0;
  const raise = (account: AccountRef, mailbox: number | null): void =>
    comings.set(nameOf(account, mailbox), (lastComing += 1));

  /** By UID, the count of sightings at which each was seen last. */
  const known = new Lru<string, Map<number, number>>(MAILBOXES);
  const knownIn = (account: AccountRef, mailbox: MailboxEpoch): Map<number, number> => {
    const key = `${account.key}.${ownership.epochOf(account.id)} ${textOf.epoch(mailbox)}`;
    let uids = known.get(key);
    if (!uids || uids.size > DECIDED) known.set(key, (uids = new Map()));
    return uids;
  };
  const turns = new Turns();

  return {
    evidence: store,
    undecided(account, mailbox, uids) {
      const decided = knownIn(account, mailbox);
      return uids.filter((uid) => !decided.has(uid));
    },
    decided(account, mailbox, uids) {
      const decided = knownIn(account, mailbox);
      for (const uid of uids) if (!decided.has(uid)) decided.set(uid, 0);
    },
    saw(account, mailbox, births, count) {
      const seen = knownIn(account, mailbox);
      const news: MessagePlace[] = [];
      for (const [uid, birth] of births) {
        const before = seen.get(uid);
        // What is not decided yet is looked at again, and seen then.
        if (before === undefined || before >= count) continue;
        seen.set(uid, count);
        news.push(birth);
      }
      if (news.length > 0) store.saw(account, news, count).catch(() => undefined);
    },
    async lastSeen(account, messages) {
      const births = messages.map(({ birth }) => birth);
      const kept = await store.seenAt(account.id, births);
      return messages.map(({ place }, at) => Math.max(kept[at] ?? 0, knownIn(account, place).get(place.uid) ?? 0));
    },
    deciding: (account, mailbox, work) => turns.take(mailboxOf(account, mailbox), work),
    async whereAre(account, births) {
      const travelled = await memory.travelled(account);
      const moved = births.filter((birth) => travelled.from.has(textOf.epoch(birth)));
      const places = await memory.look(account, "places", moved);
      return births.map((birth) => places.get(textOf.place(birth)) ?? birth);
    },
    async birthsOf(account, { mailbox, uidValidity }, uids, call) {
      await settled(mailboxOf(account, mailbox), call);
      const travelled = await memory.travelled(account);
      if (!travelled.to.has(textOf.epoch({ mailbox, uidValidity }))) return new Map();
      const at = uids.map((uid) => ({ mailbox, uidValidity, uid }));
      const births = await memory.look(account, "births", at);
      return new Map(
        at.flatMap((place): [number, MessagePlace][] => {
          const birth = births.get(textOf.place(place));
          return birth ? [[place.uid, birth]] : [];
        }),
      );
    },
    async noteMoved(account, from, { mailbox, uidValidity, uids }) {
      const moves = from.flatMap((place, index) => {
        const uid = uids[index];
        return uid === undefined ? [] : [{ from: place, to: { mailbox, uidValidity, uid } }];
      });
      if (moves.length === 0) return;
      await memory.move(account, moves);
      raise(account, null);
      if (moves.some(({ from: { mailbox: left } }) => left === mailbox)) raise(account, mailbox);
    },
    async noteGone(account, places) {
      if (places.length > 0) await memory.forget(account, places);
    },
    settling: (account, mailbox, work) =>
      settling.during(scopeOf(account), mailboxOf(account, mailbox), async () => {
        try {
          return await work();
        } finally {
          for (const name of [null, mailbox]) raise(account, name);
        }
      }),
    stilled: (account, call, read) => settling.stilled(scopeOf(account), (over) => within(call, "MOVE", over), read),
    settled: (account, call, mailbox = null) => settled(nameOf(account, mailbox), call),
    turn: (account, mailbox) => comings.get(nameOf(account, mailbox)) ?? 0,
  };
}
