import { type Call, packMessageId } from "@postern/protocol";
import type { Evidence, MailboxEpoch } from "@postern/store";
import type { Core } from "../mail/core.ts";
import type { AccountRef } from "../mail/mailboxes/registry.ts";
import type { OpenMailbox } from "../mail/open-mailbox.ts";
import { birthIn, handleOf } from "../mail/places/handle.ts";
import type { Facts } from "../mail/rows/facts.ts";
import type { Look } from "./look.ts";
import type { At, Before, Change, Found, Known } from "./reconcile.ts";

const AT_ONCE = 500;

interface Move {
  before: Before;
  after: At;
}

/** Which id a message has, and that it keeps it when somebody else moves it. */
export class Namer {
  private readonly core: Core;
  private readonly account: AccountRef;
  private readonly call: Call;
  /** Ids of those that were met, and of all that were not born where they are. */
  private readonly names = new Map<string, string>();
  /** Those that somebody was shown under an id. */
  private readonly met = new Set<string>();

  constructor(core: Core, account: AccountRef, call: Call) {
    this.core = core;
    this.account = account;
    this.call = call;
  }

  /**
   * Before what has come is told of: whether it was known at another place, and that it is known from now on. What was shown
   * before has an id of its own already.
   */
  async meet({ idsOf, record, state }: OpenMailbox, fresh: ReadonlyMap<number, Facts | null>): Promise<void> {
    const here = { mailbox: record.key, uidValidity: state.uidValidity };
    const isNew = (uid: number): boolean => !this.names.has(nameOf(here.mailbox, here.uidValidity, uid));
    const uids = [...fresh.keys()].filter(isNew);
    for (let at = 0; at < uids.length; at += AT_ONCE) {
      const part = uids.slice(at, at + AT_ONCE);
      const places = part.map((uid) => ({ ...here, uid }));
      const handles = await this.core.places.evidence.handlesOf(this.account.id, places);
      for (const [index, uid] of part.entries())
        if (handles[index] != null) this.met.add(nameOf(here.mailbox, here.uidValidity, uid));
      const ids = await idsOf(part, (uid) => fresh.get(uid) ?? undefined);
      for (const [uid, id] of ids) this.names.set(nameOf(here.mailbox, here.uidValidity, uid), id);
    }
  }

  /**
   * Which of those that went, and of those that came, nobody was ever shown. Of all others it was found out already, when
   * they were met, whether one became the other.
   */
  async unmet(looks: readonly Look[]): Promise<(at: Before) => boolean> {
    const come = new Set(
      looks.flatMap(({ fresh, present }) => present.filter(({ uid }) => fresh.has(uid)).map(guidOf)),
    );
    const gone = looks.flatMap((look) =>
      look.gone.filter(({ guid }) => guid !== null && come.has(guid)).map((message) => atOf(look, message)),
    );
    for (let at = 0; at < gone.length; at += AT_ONCE) {
      const part = gone.slice(at, at + AT_ONCE);
      const births = part.map((each) => birthIn(this.idOf(each)) ?? { ...placeOf(each), uid: each.message.uid });
      const handles = await this.core.places.evidence.handlesOf(this.account.id, births);
      for (const [index, each] of part.entries()) if (handles[index] != null) this.met.add(nameAt(each));
    }
    return (at) => !this.met.has(nameAt(at));
  }

  async learn(found: readonly Found[]): Promise<void> {
    for (const { mailbox, uidValidity, knownValidity, present, gone } of found) {
      await this.learnAt({ mailbox, uidValidity }, present);
      await this.learnAt({ mailbox, uidValidity: knownValidity }, gone);
    }
  }

  private async learnAt(place: MailboxEpoch, messages: readonly Pick<Known, "uid" | "id">[]): Promise<void> {
    const uids = messages.filter(({ id }) => id === null).map(({ uid }) => uid);
    if (uids.length === 0) return;
    const births = await this.core.places.birthsOf(this.account, place, uids, this.call);
    for (const [uid, birth] of births) this.names.set(nameOf(place.mailbox, place.uidValidity, uid), this.pack(birth));
  }

  idOf({ mailbox, uidValidity, message }: Before): string {
    const named = message.id ?? this.names.get(nameOf(mailbox, uidValidity, message.uid));
    return named ?? this.pack({ mailbox, uidValidity, uid: message.uid });
  }

  /** Null where it is the one of its place. */
  ownIdOf(at: Before): string | null {
    const id = this.idOf(at);
    const { mailbox, uidValidity, message } = at;
    return id === this.pack({ mailbox, uidValidity, uid: message.uid }) ? null : id;
  }

  /** Those that were recognized somewhere else keep their ids there, and are known by what they were recognized by. */
  async follow(changes: readonly Change[], looks: readonly Look[]): Promise<void> {
    const moves = changes.flatMap(({ before, after }) =>
      before && after && this.idOf(before) !== this.idOf(after) ? [{ before, after }] : [],
    );
    const byPlace = Map.groupBy(moves, ({ after }) => `${after.mailbox} ${after.uidValidity}`);
    for (const group of byPlace.values()) {
      const [first] = group;
      if (!first) continue;
      const { mailbox, uidValidity } = first.after;
      const to = { mailbox, uidValidity, uids: group.map(({ after }) => after.message.uid) };
      const from = group.map(({ before }) => ({ ...placeOf(before), uid: before.message.uid }));
      await this.core.places.settling(this.account, mailbox, () => this.core.places.noteMoved(this.account, from, to));
      const fresh = looks.find((look) => look.mailbox === mailbox && look.uidValidity === uidValidity)?.fresh;
      await this.noteMet(group, (uid) => fresh?.get(uid) ?? undefined);
    }
    for (const { before, after } of moves)
      this.names.set(nameOf(after.mailbox, after.uidValidity, after.message.uid), this.idOf(before));
  }

  private async noteMet(moves: readonly Move[], factsOf: (uid: number) => Facts | undefined): Promise<void> {
    const noted = await Promise.all(
      moves.map(async ({ before, after }): Promise<Evidence[]> => {
        const [birth, handle] = [birthIn(this.idOf(before)), await handleOf(factsOf(after.message.uid))];
        return birth && handle !== null ? [{ birth, handle }] : [];
      }),
    );
    await this.core.places.evidence.note(this.account, noted.flat());
  }

  private pack({ mailbox, uidValidity, uid }: { mailbox: number; uidValidity: number; uid: number }): string {
    return packMessageId({ accountKey: this.account.key, mailboxKey: mailbox, uidValidity, uid });
  }
}

const placeOf = ({ mailbox, uidValidity }: Before) => ({ mailbox, uidValidity });
const guidOf = ({ guid }: Known): string | null => guid;
const atOf = ({ mailbox, knownValidity }: Look, message: Known): Before => ({
  mailbox,
  uidValidity: knownValidity,
  message,
});
const nameAt = ({ mailbox, uidValidity, message }: Before): string => nameOf(mailbox, uidValidity, message.uid);
const nameOf = (mailbox: number, uidValidity: number, uid: number): string => `${mailbox} ${uidValidity} ${uid}`;
