import { type Call, isFailure, packMessageId } from "@postern/protocol";
import type { Evidence, MailboxEpoch, MessagePlace } from "@postern/store";
import type { Core } from "../core.ts";
import { arrivedBy } from "../mailboxes/reconcile.ts";
import type { AccountRef } from "../mailboxes/registry.ts";
import type { OpenMailbox } from "../open-mailbox.ts";
import type { Facts } from "../rows/facts.ts";
import { emptyAmong } from "./empty.ts";
import { fetchEvidence, handleOf, isEvident, wasBeside } from "./handle.ts";
import { textOf } from "./memory.ts";
import { soughtElsewhere } from "./rivals.ts";

type Opened = Omit<OpenMailbox, "idsOf">;

/**
 * The ids of messages of the opened mailbox, which must have been read before: of those that came here by a move, by
 * whomever, the ids that they had. At most one round trip to the store where a message is shown for the first time, and none
 * otherwise, unless messages were moved here.
 */
export async function identify(
  core: Core,
  open: Opened,
  uids: readonly number[],
  factsOf: (uid: number) => Facts | undefined,
  call: Call,
): Promise<Map<number, string>> {
  const { account, record, state, count } = open;
  const here = { mailbox: record.key, uidValidity: state.uidValidity };
  const births = await core.places.birthsOf(account, here, uids, call);
  const isNew = (uid: number): boolean => !births.has(uid);
  core.places.decided(account, here, births.keys());
  if (core.places.undecided(account, here, uids.filter(isNew)).length > 0) {
    await core.places.deciding(account, here.mailbox, async () => {
      const news = core.places.undecided(account, here, uids.filter(isNew));
      if (news.length > 0) await decide(core, open, news, factsOf);
    });
  }
  return idsAt(core, account, { here, count }, uids, call);
}

/**
 * The same of messages that were read without a visit to their mailbox. Null: some may be what was shown at another place,
 * which is found out with the mailbox open. `factsOf` gives what those can be known again by that are shown for the first time.
 */
export async function idsUnvisited(
  core: Core,
  account: AccountRef,
  sight: Sight,
  uids: readonly number[],
  factsOf: (uids: readonly number[]) => Promise<ReadonlyMap<number, Facts>>,
  call: Call,
): Promise<Map<number, string> | null> {
  const { here } = sight;
  const { places } = core;
  if (places.undecided(account, here, uids).length > 0) {
    const births = await places.birthsOf(account, here, uids, call);
    places.decided(account, here, births.keys());
    const facts = await factsOf(places.undecided(account, here, uids));
    const disputed = await places.deciding(account, here.mailbox, async () => {
      const news = places.undecided(account, here, [...facts.keys()]);
      const shown = await evidenceOf(here, news, (uid) => facts.get(uid));
      return disputedAmong(core, account, here, news, shown);
    });
    if (disputed && disputed.length > 0) return null;
  }
  return idsAt(core, account, sight, uids, call);
}

/** Where messages were seen, and at which count of sightings. */
export interface Sight {
  here: MailboxEpoch;
  count: number;
}

/** What was read both where it was and where it went, in one mailbox, is shown there alone. */
async function idsAt(
  core: Core,
  account: AccountRef,
  { here, count }: Sight,
  uids: readonly number[],
  call: Call,
): Promise<Map<number, string>> {
  const births = await core.places.birthsOf(account, here, uids, call);
  const bornAs = (uid: number): MessagePlace => births.get(uid) ?? { ...here, uid };
  core.places.saw(account, here, new Map(uids.map((uid) => [uid, bornAs(uid)])), count);
  const idOf = (uid: number): [number, string] => {
    const born = bornAs(uid);
    return [uid, packMessageId({ ...born, accountKey: account.key, mailboxKey: born.mailbox })];
  };
  if (births.size === 0) return new Map(uids.map(idOf));
  const groups = Map.groupBy(uids, (uid) => textOf.place(bornAs(uid)));
  const shown: number[] = [];
  for (const group of groups.values())
    shown.push(...(group.length === 1 ? group : await whereNow(core, account, here, group, bornAs(group[0] ?? 0))));
  return new Map(shown.map(idOf));
}

/** The one of these UIDs, which one message had one after the other, that it has now. */
async function whereNow(
  core: Core,
  account: AccountRef,
  here: MailboxEpoch,
  uids: readonly number[],
  birth: MessagePlace,
): Promise<number[]> {
  const [now = birth] = await core.places.whereAre(account, [birth]);
  return uids.filter((uid) => textOf.place(now) === textOf.place({ ...here, uid }));
}

/** Finds out which of these messages, shown for the first time, were shown at another place that is empty now. */
async function decide(
  core: Core,
  open: Opened,
  uids: readonly number[],
  factsOf: (uid: number) => Facts | undefined,
): Promise<void> {
  const { account, session, record, state } = open;
  const here = { mailbox: record.key, uidValidity: state.uidValidity };
  const lacking = uids.filter((uid) => !isEvident(session.abilities, factsOf(uid)));
  const fetched = lacking.length > 0 ? await fetchEvidence(session, lacking) : new Map<number, Facts>();
  const shown = await evidenceOf(here, uids, (uid) => fetched.get(uid) ?? factsOf(uid));
  const disputed = await disputedAmong(core, account, here, uids, shown);
  if (!disputed || disputed.length === 0) return;
  try {
    await settle(core, open, disputed);
    core.places.decided(account, here, uids);
  } catch (error) {
    nullWithoutStore(error);
  }
}

/** Those that may be what was shown at another place; where there are none, all are decided. Null: nobody can tell now. */
async function disputedAmong(
  core: Core,
  account: AccountRef,
  here: MailboxEpoch,
  uids: readonly number[],
  shown: readonly Evidence[],
): Promise<Disputed[] | null> {
  try {
    const rivals = shown.length > 0 ? await core.places.evidence.show(account, shown) : [];
    const disputed = shown.flatMap((each, index) => {
      const known = rivals[index] ?? [];
      return known.length > 0 ? [{ ...each, known }] : [];
    });
    if (disputed.length === 0) core.places.decided(account, here, uids);
    return disputed;
  } catch (error) {
    return nullWithoutStore(error);
  }
}

/** Without the store, what was never moved is shown all the same, and looked at again the next time. */
function nullWithoutStore(error: unknown): null {
  if (!isFailure(error, "unavailable")) throw error;
  return null;
}

async function evidenceOf(
  here: MailboxEpoch,
  uids: readonly number[],
  factsOf: (uid: number) => Facts | undefined,
): Promise<Evidence[]> {
  const all = await Promise.all(
    uids.map(async (uid) => {
      const handle = await handleOf(factsOf(uid));
      return handle === null ? [] : [{ birth: { ...here, uid }, handle }];
    }),
  );
  return all.flat();
}

interface Disputed extends Evidence {
  /** Births of messages that were shown under the same handle. */
  known: MessagePlace[];
}

/**
 * Copies have the same handle: only a message that is not where it was can be the one that is here now, if this one was not
 * here before that one was seen there, and only where there is no doubt which.
 */
async function settle(core: Core, open: Opened, disputed: readonly Disputed[]): Promise<void> {
  const { account, record, state } = open;
  const births = disputed.flatMap(({ known }) => known);
  const handles = disputed.flatMap(({ known, handle }) => known.map(() => handle));
  const places = await core.places.whereAre(account, births);
  const formers = places.map((place, at) => ({ place, handle: handles[at] ?? "" }));
  const empty = await emptyAmong(core, open, formers);
  const seen = await core.places.lastSeen(
    account,
    births.map((each, at) => ({ birth: each, place: places[at] ?? each })),
  );
  const possible = disputed.flatMap(({ birth, handle, known }) => {
    const left = known.flatMap((each) => {
      const at = births.indexOf(each);
      const [place, seenAt] = [places[at] ?? each, seen[at] ?? 0];
      const isCopy = wasBeside(handle, arrivedBy(record, birth), seenAt);
      return empty.has(textOf.place(place)) && !isCopy ? [{ place, seen: seenAt }] : [];
    });
    const claimants = disputed.filter((other) => other.handle === handle).length;
    const [from] = left;
    const isOne = new Set(left.map(({ place }) => textOf.place(place))).size === 1;
    return from && isOne && claimants === 1 ? [{ from: from.place, seen: from.seen, handle, uid: birth.uid }] : [];
  });
  const doubtful = await soughtElsewhere(core, open, possible);
  const moves = possible.filter(({ handle }) => !doubtful.has(handle));
  // What may be either of two is neither, also when only one of them is left to ask.
  const lost = possible.filter(({ handle }) => doubtful.has(handle));
  await core.places.noteGone(
    account,
    lost.map(({ from }) => from),
  );
  await core.places.noteMoved(
    account,
    moves.map(({ from }) => from),
    { mailbox: record.key, uidValidity: state.uidValidity, uids: moves.map(({ uid }) => uid) },
  );
  const moved = new Set(moves.map(({ uid }) => uid));
  await core.places.evidence.note(
    account,
    disputed.filter(({ birth }) => !moved.has(birth.uid)),
  );
}
