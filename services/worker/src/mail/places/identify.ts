import { type Call, isFailure, packMessageId } from "@postern/protocol";
import type { Evidence, MailboxEpoch, MessagePlace } from "@postern/store";
import type { Core } from "../core.ts";
import type { AccountRef } from "../mailboxes/registry.ts";
import type { OpenMailbox } from "../open-mailbox.ts";
import { fetchFacts, type Facts } from "../rows/facts.ts";
import { emptyAmong } from "./empty.ts";
import { evidenceKinds, handleOf } from "./handle.ts";
import { textOf } from "./memory.ts";

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
  const { account, record, state } = open;
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
  return idsAt(core, account, here, uids, call);
}

/** The same for messages of which it was decided before what they are; null where there are others. */
export async function knownIds(
  core: Core,
  account: AccountRef,
  here: MailboxEpoch,
  uids: readonly number[],
  call: Call,
): Promise<Map<number, string> | null> {
  return core.places.undecided(account, here, uids).length > 0 ? null : idsAt(core, account, here, uids, call);
}

/** What was read both where it was and where it went, in one mailbox, is shown there alone. */
async function idsAt(
  core: Core,
  account: AccountRef,
  here: MailboxEpoch,
  uids: readonly number[],
  call: Call,
): Promise<Map<number, string>> {
  const births = await core.places.birthsOf(account, here, uids, call);
  const bornAs = (uid: number): MessagePlace => births.get(uid) ?? { ...here, uid };
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
  const { account, record, state } = open;
  const here = { mailbox: record.key, uidValidity: state.uidValidity };
  const shown = await evidenceOf(open, uids, factsOf);
  try {
    const rivals = await core.places.evidence.show(account, shown);
    const disputed = shown.flatMap((each, index) => {
      const known = rivals[index] ?? [];
      return known.length > 0 ? [{ ...each, known }] : [];
    });
    if (disputed.length > 0) await settle(core, open, disputed);
    core.places.decided(account, here, uids);
  } catch (error) {
    // Without the store, what was never moved is shown all the same, and looked at again the next time.
    if (!isFailure(error, "unavailable")) throw error;
  }
}

async function evidenceOf(
  { session, record, state }: Opened,
  uids: readonly number[],
  factsOf: (uid: number) => Facts | undefined,
): Promise<Evidence[]> {
  const kinds = evidenceKinds(session.abilities);
  const lacking = uids.filter((uid) => kinds.some((kind) => factsOf(uid)?.[kind] === undefined));
  const fetched = lacking.length > 0 ? await fetchFacts(session, lacking, kinds) : new Map<number, Facts>();
  const all = await Promise.all(
    uids.map(async (uid) => {
      const handle = await handleOf(fetched.get(uid) ?? factsOf(uid));
      const birth = { mailbox: record.key, uidValidity: state.uidValidity, uid };
      return handle === null ? [] : [{ birth, handle }];
    }),
  );
  return all.flat();
}

interface Disputed extends Evidence {
  /** Births of messages that were shown under the same handle. */
  known: MessagePlace[];
}

/**
 * Copies have the same handle: only a message that is not where it was can be the one that is here now, and only where
 * there is no doubt which.
 */
async function settle(core: Core, open: Opened, disputed: readonly Disputed[]): Promise<void> {
  const { account, record, state } = open;
  const births = disputed.flatMap(({ known }) => known);
  const places = await core.places.whereAre(account, births);
  const empty = await emptyAmong(core, open, places);
  const moves = disputed.flatMap(({ birth, handle, known }) => {
    const left = known.flatMap((each) => {
      const place = places[births.indexOf(each)] ?? each;
      return empty.has(textOf.place(place)) ? [place] : [];
    });
    const claimants = disputed.filter((other) => other.handle === handle).length;
    const [from] = left;
    return from && left.length === 1 && claimants === 1 ? [{ from, uid: birth.uid }] : [];
  });
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
