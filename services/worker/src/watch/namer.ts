import { type Call, packMessageId } from "@postern/protocol";
import type { MailboxEpoch } from "@postern/store";
import type { Core } from "../mail/core.ts";
import type { AccountRef } from "../mail/mailboxes/registry.ts";
import type { Before, Change, Found, Known } from "./reconcile.ts";

/** Which id a message has, and that it keeps it when somebody else moves it. */
export class Namer {
  private readonly core: Core;
  private readonly account: AccountRef;
  private readonly call: Call;
  /** Ids of those that were not born where they are. */
  private readonly names = new Map<string, string>();

  constructor(core: Core, account: AccountRef, call: Call) {
    this.core = core;
    this.account = account;
    this.call = call;
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

  /** Those that were recognized somewhere else keep their ids there. */
  async follow(changes: readonly Change[]): Promise<void> {
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
    }
    for (const { before, after } of moves)
      this.names.set(nameOf(after.mailbox, after.uidValidity, after.message.uid), this.idOf(before));
  }

  private pack({ mailbox, uidValidity, uid }: { mailbox: number; uidValidity: number; uid: number }): string {
    return packMessageId({ accountKey: this.account.key, mailboxKey: mailbox, uidValidity, uid });
  }
}

const placeOf = ({ mailbox, uidValidity }: Before) => ({ mailbox, uidValidity });
const nameOf = (mailbox: number, uidValidity: number, uid: number): string => `${mailbox} ${uidValidity} ${uid}`;
