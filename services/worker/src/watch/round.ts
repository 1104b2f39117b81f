import { type Call, isFailure, type NewEvent, packMailboxId } from "@postern/protocol";
import type { EventLog, LogStep, MailboxRecord } from "@postern/store";
import { pathName } from "../mail/causes.ts";
import type { Core } from "../mail/core.ts";
import { inParallel } from "../mail/list/in-parallel.ts";
import type { Listing } from "../mail/mailboxes/listings.ts";
import type { AccountRef } from "../mail/mailboxes/registry.ts";
import { isSelectable } from "../mail/mailboxes/tree.ts";
import { type OpenMailbox, openMailbox } from "../mail/open-mailbox.ts";
import { Held } from "./held.ts";
import { KnownSince, type Look, isSame, look, merged } from "./look.ts";
import { Namer } from "./namer.ts";
import { type Before, type Change, reconcile } from "./reconcile.ts";
import type { Opening } from "./opening.ts";
import { changesSinceOpening, type SinceOpening } from "./since-opening.ts";
import { tell } from "./tell.ts";
import type { SeenMailbox, SeenMessage } from "./seen.ts";

/** What was seen of an account. */
export interface Seen {
  /** Whether it was ever seen whole. */
  begun: boolean;
  /** From before the account was seen whole; null: no position was given then. */
  opening: Opening | null;
  mailboxes: Map<number, SeenMailbox>;
}

/** Under which key it is kept that the account was seen whole. */
export const BEGUN = "begun";
/** Under which key it is kept what the counters were at the first position. */
export const OPENING = "opening";
/** Changes that are written in one step. */
const STEP = 1_000;
/** Looks that follow each other while something that is gone may have come somewhere else. */
const ROUNDS = 3;
/** Looks while messages move, before those who move them have to wait. */
const STEADY = 2;

/** One bringing up to date. */
export class Round {
  private readonly core: Core;
  private readonly log: EventLog;
  private readonly account: AccountRef;
  private readonly memory: Seen;
  private readonly call: Call;
  private readonly namer: Namer;
  private readonly held = new Map<number, Held>();
  private readonly looks = new Map<number, Look>();
  private readonly first: NewEvent[] = [];
  private last: NewEvent[] = [];
  /** Keys of all mailboxes that were listed. */
  private there: ReadonlySet<number> = new Set();
  /** At a first look: what has changed since the first position was given; null: nobody can tell. */
  private sinceOpening: SinceOpening | null = null;
  /** Heads to be written for reasons of their own. */
  private readonly heads = new Map<number, SeenMailbox | null>();

  constructor(core: Core, log: EventLog, account: AccountRef, memory: Seen, call: Call) {
    this.core = core;
    this.log = log;
    this.account = account;
    this.memory = memory;
    this.call = call;
    this.namer = new Namer(core, account, call);
  }

  async look(): Promise<void> {
    await this.lookSteadily();
    const { begun, opening } = this.memory;
    if (begun || opening === null) return;
    const mailboxes = [...new Map([...this.memory.mailboxes, ...this.heads]).values()].filter((head) => head !== null);
    const now = { there: this.there, mailboxes, looks: [...this.looks.values()] };
    this.sinceOpening = await changesSinceOpening(this.core, this.account, opening, now, this.call);
  }

  /** A message that moves while it is looked may be seen where it was and where it is, or with what a draft had in it before. */
  private async lookSteadily(): Promise<void> {
    const { places } = this.core;
    for (let attempt = 0; attempt < STEADY; attempt += 1) {
      await places.settled(this.account, this.call);
      const turn = places.turn(this.account, null);
      await this.lookAndLearn();
      if (places.turn(this.account, null) === turn) return;
    }
    await places.stilled(this.account, this.call, () => this.lookAndLearn());
  }

  private async lookAndLearn(): Promise<void> {
    await this.lookAtAll();
    await this.namer.learn([...this.looks.values()]);
  }

  private async lookAtAll(): Promise<void> {
    for (let round = 0; round < ROUNDS; round += 1) {
      const listing = await this.core.listings.current(this.account, "all", this.call);
      const changed = this.compare(listing);
      const looks = await inParallel(changed, (record) => this.lookAt(record));
      for (const each of looks) if (each) this.looks.set(each.mailbox, each);
      if (round === 0) await this.lookForGone(listing);
      // What is gone may have come to a mailbox that was looked at before it came, and the other way round.
      const hasGone = [...this.looks.values()].some(({ gone }) => gone.length > 0);
      const hasCome = looks.some((each) => each !== null && each.present.length > 0);
      const mayHaveMoved = looks.some(
        (each) => each !== null && each.present.some((message) => this.mayHaveMoved(each, message)),
      );
      if (!this.memory.begun || !(hasGone || mayHaveMoved) || (round > 0 && !hasCome)) return;
    }
  }

  private mayHaveMoved({ mailbox }: Look, { uid, guid }: SeenMessage): boolean {
    return guid !== null && !this.held.get(mailbox)?.of(uid);
  }

  /** Mailboxes whose state is another one than was seen. */
  private compare({ listed, records }: Listing): MailboxRecord[] {
    return listed.flatMap((mailbox): MailboxRecord[] => {
      const record = records.get(mailbox.path);
      if (!record) return [];
      this.isThere(record);
      const seen = this.seenOf(record.key);
      if (!isSelectable(mailbox) || !mailbox.status) {
        if (seen === null) this.firstSight(record, emptyHead(record));
        else if (seen.path !== record.path) this.renamed(record, seen);
        return [];
      }
      if (seen !== null && seen.path !== record.path) this.renamed(record, seen);
      return seen !== null && isSame(seen, mailbox.status) ? [] : [record];
    });
  }

  /** It may have been out of sight a moment ago. */
  private isThere(record: MailboxRecord): void {
    if (this.heads.get(record.key) !== null) return;
    this.heads.delete(record.key);
    this.looks.delete(record.key);
    const { id } = this.mailbox(record);
    this.last = this.last.filter((event) => !("mailbox" in event) || event.mailbox.id !== id);
  }

  private seenOf(key: number): SeenMailbox | null {
    const looked = this.looks.get(key)?.mailboxNow;
    if (looked) return looked;
    const changed = this.heads.get(key);
    return changed === undefined ? (this.memory.mailboxes.get(key) ?? null) : changed;
  }

  private firstSight(record: MailboxRecord, head: SeenMailbox): void {
    if (!this.memory.mailboxes.has(record.key) && !this.heads.has(record.key)) {
      this.first.push({ ...this.common(record), type: "mailbox.created", mailbox: this.mailbox(record) });
    }
    this.heads.set(record.key, head);
  }

  private renamed(record: MailboxRecord, seen: SeenMailbox): void {
    const previous = { path: seen.path };
    this.first.push({ ...this.common(record), type: "mailbox.renamed", mailbox: this.mailbox(record), previous });
    const head = { ...seen, path: record.path };
    this.heads.set(record.key, head);
    const looked = this.looks.get(record.key);
    if (looked) this.looks.set(record.key, { ...looked, mailboxNow: head });
  }

  private async lookAt(record: MailboxRecord): Promise<Look | null> {
    const seen = this.seenOf(record.key);
    const held = this.heldOf(record, seen);
    const lane = seen === null ? "bulk" : "interactive";
    try {
      const request = { account: this.account, mailbox: record.key, lane, call: this.call } as const;
      return await openMailbox(this.core, request, async (open) => {
        const found = await this.lookInto(open, seen, held);
        if (seen === null) this.firstSight(record, found.mailboxNow);
        if (this.memory.begun) await this.namer.meet(open, found.fresh);
        return found;
      });
    } catch (error) {
      // Gone since it was listed, or not for this user to read.
      if (isFailure(error, "not-found") || isFailure(error, "not-permitted")) return null;
      if (isFailure(error, "upstream-refused") && error.upstream?.status === "NO") return null;
      throw error;
    }
  }

  /** A second look goes on from what the first has found, unless it is another mailbox by now. */
  private async lookInto(open: OpenMailbox, seen: SeenMailbox | null, held: Held): Promise<Look> {
    const { key } = open.record;
    const before = this.looks.get(key);
    if (!before) return look(open, seen, held);
    const isSame = before.uidValidity === open.state.uidValidity && before.knownValidity === before.uidValidity;
    if (!isSame) return look(open, this.memory.mailboxes.get(key) ?? null, held);
    return merged(before, await look(open, seen, new KnownSince(held, before)), held);
  }

  private heldOf(record: { key: number; path: string }, seen: SeenMailbox | null): Held {
    const known = this.held.get(record.key);
    if (known) return known;
    const held = new Held(this.account.id, this.log, structuredClone(seen ?? emptyHead(record)));
    this.held.set(record.key, held);
    return held;
  }

  /** Mailboxes that are there no more, or for those below them alone, with all that was in them. */
  private async lookForGone({ listed, records }: Listing): Promise<void> {
    this.there = new Set([...records.values()].map(({ key }) => key));
    const shells = new Set(listed.flatMap((each) => (isSelectable(each) ? [] : [records.get(each.path)?.key])));
    for (const seen of this.memory.mailboxes.values()) {
      const isShell = shells.has(seen.key) && seen.uidValidity !== 0;
      if ((this.there.has(seen.key) && !isShell) || this.heads.get(seen.key) === null) continue;
      const gone = await this.heldOf(seen, seen).all();
      const { key: mailbox, uidValidity } = seen;
      const mailboxNow = isShell ? emptyHead(seen) : seen;
      this.looks.set(mailbox, {
        mailbox,
        uidValidity,
        knownValidity: uidValidity,
        present: [],
        gone,
        fresh: new Map(),
        mailboxNow,
      });
      if (isShell) continue;
      this.last.push({ ...this.common(seen), type: "mailbox.deleted", mailbox: this.mailbox(seen) });
      this.heads.set(mailbox, null);
    }
  }

  /** What is to be written, in order. */
  async *steps(): AsyncGenerator<Omit<LogStep, "epoch" | "after">> {
    const looks = [...this.looks.values()];
    const known = (mailbox: number, uid: number) => this.held.get(mailbox)?.of(uid) ?? null;
    const unmet = await this.namer.unmet(looks);
    const changes = reconcile(known, looks, (at) => this.namer.idOf(at), unmet);
    await this.namer.follow(changes, looks);
    this.countResets(looks, changes);
    const { begun } = this.memory;
    const events = begun ? this.first : [];
    const resets = looks.filter(({ uidValidity, knownValidity }) => uidValidity !== knownValidity);
    for (const { mailbox } of resets) this.held.get(mailbox)?.clear();
    // What was known under another UIDVALIDITY is replaced as a whole, or not at all.
    const size = resets.length > 0 ? Infinity : STEP;
    for (let at = 0; at < changes.length; at += size) {
      const part = changes.slice(at, at + size);
      for (const change of part) this.apply(change);
      const told = begun ? await this.tell(part) : [];
      const isLast = begun && at + size >= changes.length;
      const step = { events: [...events.splice(0), ...told], rows: this.rows() };
      yield isLast ? this.finish(step) : { ...step, heads: this.pieceHeads() };
    }
    if (!begun) yield this.begin();
    else if (changes.length === 0 && (events.length > 0 || this.heads.size > 0 || this.looks.size > 0))
      yield this.finish({ events, rows: this.rows() });
  }

  private tell(changes: readonly Change[]): Promise<NewEvent[]> {
    return tell(this.core, this.account, this.namer, changes, this.call);
  }

  private apply({ before, after }: Change): void {
    const stays = before && after && before.mailbox === after.mailbox && before.message.uid === after.message.uid;
    // What was known under another UIDVALIDITY was let go of as a whole.
    if (before && !stays && this.looks.get(before.mailbox)?.uidValidity === before.uidValidity)
      this.held.get(before.mailbox)?.drop(before.message.uid);
    if (after) this.held.get(after.mailbox)?.put({ ...after.message, id: this.namer.ownIdOf(after) });
  }

  private rows(): [string, Uint8Array | null][] {
    return [...this.held.values()].flatMap((held) => held.takeRows());
  }

  /** In the middle of many steps: what pieces there are, under the checkpoint of before. */
  private pieceHeads(): [string, string | null][] {
    return [...this.held.values()].map((held) => {
      const before = this.memory.mailboxes.get(held.head.key);
      const head = before
        ? { ...before, pieces: held.head.pieces, count: held.head.count }
        : { ...held.head, highestModseq: null, uidNext: 0 };
      this.memory.mailboxes.set(head.key, head);
      return [String(head.key), JSON.stringify(head)];
    });
  }

  private finish(step: Pick<LogStep, "events" | "rows">): Omit<LogStep, "epoch" | "after"> {
    const now = new Map(this.heads);
    for (const { mailbox, mailboxNow } of this.looks.values()) {
      const { count, pieces } = this.held.get(mailbox)?.head ?? mailboxNow;
      const path = this.heads.get(mailbox)?.path ?? mailboxNow.path;
      if (this.heads.get(mailbox) !== null) now.set(mailbox, { ...mailboxNow, path, count, pieces });
    }
    for (const [key, head] of now) {
      if (head) this.memory.mailboxes.set(key, head);
      else this.memory.mailboxes.delete(key);
    }
    this.memory.begun = true;
    const heads = [...now].map(([key, head]): [string, string | null] => [String(key), head && JSON.stringify(head)]);
    return { events: [...step.events, ...this.last], rows: step.rows, heads };
  }

  /** The end of a first look, which is no news beyond what has happened since the first position was given. */
  private async begin(): Promise<Omit<LogStep, "epoch" | "after">> {
    const since = this.sinceOpening;
    const events = since ? await this.eventsSince(since) : [];
    this.first.splice(0);
    this.last.splice(0);
    const { rows, heads = [] } = this.finish({ events: [], rows: this.rows() });
    return {
      events,
      rows,
      heads: [...heads, [BEGUN, "1"], [OPENING, null]],
      // What has changed meanwhile nobody knows exactly: who has a position from before has to read anew.
      begins: since === null,
    };
  }

  private async eventsSince({ found, known, created, renamed, deleted }: SinceOpening): Promise<NewEvent[]> {
    await this.namer.learn(found);
    const told = await this.tell(
      reconcile(
        known,
        found,
        (at) => this.namer.idOf(at),
        () => true,
      ),
    );
    const event = (type: "mailbox.created" | "mailbox.deleted", of: { key: number; path: string }): NewEvent => ({
      ...this.common(of),
      type,
      mailbox: this.mailbox(of),
    });
    return [
      ...created.map((each) => event("mailbox.created", each)),
      ...renamed.map(
        ({ now, path }): NewEvent => ({
          ...this.common(now),
          type: "mailbox.renamed",
          mailbox: this.mailbox(now),
          previous: { path },
        }),
      ),
      ...told,
      ...deleted.map((each) => event("mailbox.deleted", each)),
    ];
  }

  private countResets(looks: readonly Look[], changes: readonly Change[]): void {
    for (const { mailbox, uidValidity, knownValidity, mailboxNow } of looks) {
      if (uidValidity === knownValidity || knownValidity === 0) continue;
      const here = (at: Before | null): boolean => at?.mailbox === mailbox;
      const kept = changes.filter(({ before, after }) => here(before) && here(after)).length;
      const lost = changes.filter(({ before, after }) => here(before) && !after).length;
      const fresh = changes.filter(({ before, after }) => here(after) && !before).length;
      this.first.push({
        ...this.common(mailboxNow),
        type: "mailbox.reset",
        mailbox: { ...this.mailbox(mailboxNow), uidValidity, kept, lost, new: fresh },
      });
    }
  }

  private common(mailbox: { key: number; path: string }): Pick<NewEvent, "time" | "cause"> {
    const causeOf = (name: string): NewEvent["cause"] => this.core.causes.of(this.account.id, name);
    const cause = causeOf(this.mailbox(mailbox).id) ?? causeOf(pathName(mailbox.path));
    return { time: new Date().toISOString(), cause };
  }

  private mailbox({ key, path }: { key: number; path: string }): { id: string; path: string } {
    return { id: packMailboxId({ accountKey: this.account.key, mailboxKey: key }), path };
  }
}

function emptyHead({ key, path }: { key: number; path: string }): SeenMailbox {
  return { key, path, uidValidity: 0, uidNext: 0, highestModseq: null, unseen: null, count: 0, pieces: [] };
}
