import { type Call, isFailure } from "@postern/protocol";
import type { MessagePlace } from "@postern/store";
import type { Core } from "../core.ts";
import { inParallel } from "../list/in-parallel.ts";
import type { Listing } from "../mailboxes/listings.ts";
import { arrivedBy } from "../mailboxes/reconcile.ts";
import type { AccountRef } from "../mailboxes/registry.ts";
import { isSelectable } from "../mailboxes/tree.ts";
import { openMailbox } from "../open-mailbox.ts";
import { birthIn, fetchEvidence, handleOf, searchFor, wasBeside } from "./handle.ts";
import { Lru } from "./lru.ts";
import { textOf } from "./memory.ts";

/** How far one search goes. What was moved has a UID above all that were there before: the newest are looked at. */
const MOST_MAILBOXES = 300;
const NEWEST = 20_000;
const AT_ONCE = 50;

/** Up to where mailboxes were looked through in vain, by account and birth: only what arrives later is looked at again. */
export type Vain = Lru<string, ReadonlyMap<number, Edge>>;
interface Edge {
  uidValidity: number;
  uidNext: number;
}

export const newVain = (): Vain => new Lru(20_000);

interface Lost {
  id: string;
  birth: MessagePlace;
  handle: string;
  /** The count of sightings at which it was seen last. */
  seen: number;
  searched: ReadonlyMap<number, Edge>;
}

/**
 * Looks for messages that are not where they were, by what they can be known again by, and records where they are now. One
 * that was shown under an id of its own is another message, a copy; where there are several, nobody can tell which it is.
 */
export async function rematch(core: Core, account: AccountRef, ids: readonly string[], call: Call): Promise<void> {
  const lost = await knownAgain(core, account, ids);
  if (lost.length === 0) return;
  const listing = await core.listings.current(account, "all", call);
  const rooms = roomsOf(listing);
  const found = (await inParallel(rooms, (room) => lookThrough(core, account, room, lost, call))).flat();
  const edges = new Map(rooms.map(({ key, edge }) => [key, edge]));
  for (const one of lost) {
    const candidates = found.filter(({ handle }) => handle === one.handle).map(({ place }) => place);
    // Two that were lost under one handle are copies of each other.
    const isOnly = lost.filter(({ handle }) => handle === one.handle).length === 1;
    const place = isOnly ? await choose(core, account, one, candidates, listing, call) : null;
    if (!place || !(await claim(core, account, one, place))) core.vain.set(vainKey(account, one.birth), edges);
  }
}

function vainKey({ key }: AccountRef, birth: MessagePlace): string {
  return `${key} ${textOf.place(birth)}`;
}

async function knownAgain(core: Core, account: AccountRef, ids: readonly string[]): Promise<Lost[]> {
  const births = ids.flatMap((id) => {
    const birth = birthIn(id);
    return birth ? [{ id, birth }] : [];
  });
  const handles = await core.places.evidence.handlesOf(
    account.id,
    births.map(({ birth }) => birth),
  );
  const places = await core.places.whereAre(
    account,
    births.map(({ birth }) => birth),
  );
  const seen = await core.places.lastSeen(
    account,
    births.map(({ birth }, at) => ({ birth, place: places[at] ?? birth })),
  );
  return births.flatMap(({ id, birth }, index) => {
    const handle = handles[index];
    if (handle == null) return [];
    const searched = core.vain.get(vainKey(account, birth)) ?? new Map<number, Edge>();
    return [{ id, birth, handle, seen: seen[index] ?? 0, searched }];
  });
}

interface Room {
  key: number;
  path: string;
  edge: Edge;
}

/** Mailboxes that have messages; those above what is worth looking at are left out. */
function roomsOf({ listed, records }: Listing): Room[] {
  const rooms = listed.flatMap((mailbox): Room[] => {
    const record = records.get(mailbox.path);
    const { status } = mailbox;
    if (!record || !status || !isSelectable(mailbox) || status.messages === 0) return [];
    const edge = { uidValidity: status.uidValidity, uidNext: status.uidNext ?? 0xffffffff };
    return [{ key: record.key, path: mailbox.path, edge }];
  });
  return rooms.slice(0, MOST_MAILBOXES);
}

/** The first UID worth looking at in a mailbox. */
function startOf({ edge, key }: Room, { searched }: Lost): number {
  const known = searched.get(key);
  if (known?.uidValidity === edge.uidValidity) return known.uidNext;
  return Math.max(1, edge.uidNext - NEWEST);
}

async function lookThrough(
  core: Core,
  account: AccountRef,
  room: Room,
  lost: readonly Lost[],
  call: Call,
): Promise<{ handle: string; place: MessagePlace }[]> {
  const wanted = lost.filter((each) => startOf(room, each) < room.edge.uidNext);
  if (wanted.length === 0) return [];
  try {
    const request = { account, mailbox: room.key, lane: "interactive", call } as const;
    return await openMailbox(core, request, async ({ session, state }) => {
      const found: { handle: string; place: MessagePlace }[] = [];
      const from = Math.min(...wanted.map((each) => startOf(room, each)));
      for (let at = 0; at < wanted.length; at += AT_ONCE) {
        const handles = new Set(wanted.slice(at, at + AT_ONCE).map(({ handle }) => handle));
        const keys = [...handles].flatMap((handle) => searchFor(session.abilities, handle) ?? []);
        const [first, ...rest] = keys;
        if (!first) continue;
        const any = rest.reduce((others, key) => ({ or: [key, others] as const }), first);
        const uids = await session.search({ and: [{ uidRange: { from, to: 0xffffffff } }, any] });
        const facts = await fetchEvidence(session, uids);
        for (const uid of uids) {
          const handle = await handleOf(facts.get(uid));
          if (handle === null || !handles.has(handle)) continue;
          found.push({ handle, place: { mailbox: room.key, uidValidity: state.uidValidity, uid } });
        }
      }
      return found;
    });
  } catch (error) {
    // One mailbox that cannot be looked into must not hide what is in the others.
    if (isFailure(error, "not-found") || isFailure(error, "upstream-refused")) return [];
    throw error;
  }
}

/**
 * The one that has no id of its own yet, and was not there before the lost one was seen last: that is a copy. Servers that
 * keep everything once more in a mailbox of all have it there too.
 */
async function choose(
  core: Core,
  account: AccountRef,
  lost: Lost,
  places: readonly MessagePlace[],
  { roles, records }: Listing,
  call: Call,
): Promise<MessagePlace | null> {
  if (places.length === 0) return null;
  const given = await core.places.evidence.handlesOf(account.id, places);
  const free = places.filter((_, index) => given[index] === null);
  const unborn = await Promise.all(
    free.map(async (place) => {
      const births = await core.places.birthsOf(account, place, [place.uid], call);
      return births.size === 0 ? [place] : [];
    }),
  );
  const views = new Set(
    [...roles].flatMap(([path, role]) => (role === "all" || role === "flagged" ? [records.get(path)?.key] : [])),
  );
  const byKey = new Map([...records.values()].map((record) => [record.key, record]));
  const candidates = unborn.flat().filter((place) => {
    const record = byKey.get(place.mailbox);
    return views.has(place.mailbox) || !record || !wasBeside(lost.handle, arrivedBy(record, place), lost.seen);
  });
  if (candidates.length <= 1) return candidates[0] ?? null;
  const [only, ...others] = candidates.filter(({ mailbox }) => !views.has(mailbox));
  return only && others.length === 0 ? only : null;
}

/** False: it was shown under an id of its own meanwhile. */
async function claim(core: Core, account: AccountRef, { birth }: Lost, place: MessagePlace): Promise<boolean> {
  return core.places.deciding(account, place.mailbox, async () => {
    const [given] = await core.places.evidence.handlesOf(account.id, [place]);
    if (given != null || core.places.undecided(account, place, [place.uid]).length === 0) return false;
    const [from = birth] = await core.places.whereAre(account, [birth]);
    await core.places.noteMoved(account, [from], { ...place, uids: [place.uid] });
    return true;
  });
}
