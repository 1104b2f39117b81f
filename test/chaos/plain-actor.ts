import { setTimeout as delay } from "node:timers/promises";
import type { Commons } from "./commons.ts";
import { letterFor } from "./letters.ts";
import { type Ledger, type Outcome, Owned, type State } from "./ledger.ts";
import { PlainImap, type Reply } from "./plain-imap.ts";
import type { Random } from "./random.ts";
import { sameState, show, withFlag } from "./states.ts";
import { MOVING } from "./api-actor.ts";
import type { Account, Box, World } from "./world.ts";

const mix = { append: 24, flag: 22, look: 16, move: 14, remove: 10, flagShared: 14 };
const FLAGS = ["\\Seen", "\\Answered", "$plain"];

const PLAIN_SHARE = 12;

/** Somebody with a mail client of their own on the same account, beside Postern. */
export class PlainActor {
  private readonly world: World;
  private readonly account: Account;
  private readonly ledger: Ledger;
  private readonly random: Random;
  private readonly commons: Commons;
  private readonly keyword: string;
  private readonly own: Owned[] = [];
  private client: PlainImap | null = null;
  private count = 0;
  private plain = 0;

  constructor(parts: {
    world: World;
    account: Account;
    ledger: Ledger;
    random: Random;
    commons: Commons;
    keyword: string;
  }) {
    this.world = parts.world;
    this.account = parts.account;
    this.ledger = parts.ledger;
    this.random = parts.random;
    this.commons = parts.commons;
    this.keyword = parts.keyword;
  }

  async run(): Promise<void> {
    while (!this.ledger.isOver) {
      // What is tried is Postern: those beside it do no more than a third of all.
      if (this.plain * PLAIN_SHARE > this.ledger.begun) await delay(20);
      else if (!(await this.connected())) await delay(200);
      else if (this.ledger.begin()) {
        this.plain += 1;
        await this[this.random.weighed(mix)]();
      }
    }
    if (this.client?.usable) await this.client.command("LOGOUT");
    this.client?.close();
  }

  private async connected(): Promise<boolean> {
    if (this.client?.usable) return true;
    this.client = await PlainImap.login(this.world.dovecot, this.account.id, this.account.password);
    return this.client !== null;
  }

  private async append(): Promise<void> {
    const marker = `${this.account.id}-${this.keyword.slice(1)}-${(this.count += 1)}`;
    const box = this.random.of(MOVING);
    const flags = this.random.below(2) === 0 ? [] : [this.random.of(FLAGS)];
    const owned = new Owned(this.account.id, marker, [null]);
    this.own.push(owned);
    this.ledger.owned.push(owned);
    const letter = letterFor(this.account.id, marker);
    await this.change(`append to ${box}`, owned, { box, flags }, `APPEND ${box} (${flags.join(" ")}) `, letter);
  }

  private async flag(): Promise<void> {
    const found = await this.find();
    if (!found) return;
    const { owned, state, uid } = found;
    const flag = this.random.of(FLAGS);
    const isOn = !state.flags.includes(flag);
    const next = { ...state, flags: withFlag(state.flags, flag, isOn) };
    await this.change(`flag → ${show(next)}`, owned, next, `UID STORE ${uid} ${isOn ? "+" : "-"}FLAGS (${flag})`);
  }

  private async move(): Promise<void> {
    const found = await this.find();
    const to = this.random.of(MOVING);
    if (!found || found.state.box === to) return;
    const { owned, state, uid } = found;
    const reply = await this.change(`move to ${to}`, owned, { ...state, box: to }, `UID MOVE ${uid} ${to}`);
    if (reply.status === "OK" && !/COPYUID/.test(reply.untagged + reply.text))
      this.ledger.violated(`lost: the server found no ${owned.marker} to move`);
  }

  private async remove(): Promise<void> {
    const found = await this.find();
    if (!found) return;
    const { owned, state, uid } = found;
    const marked = { ...state, flags: withFlag(state.flags, "\\Deleted", true) };
    const { status } = await this.change("mark as deleted", owned, marked, `UID STORE ${uid} +FLAGS (\\Deleted)`);
    if (status === "OK") await this.change("expunge", owned, null, `UID EXPUNGE ${uid}`);
  }

  private async look(): Promise<void> {
    const found = await this.find();
    if (!found) return;
    const { owned, state, uid } = found;
    const reply = await this.ask(`UID FETCH ${uid} (FLAGS)`);
    if (reply.status !== "OK") return;
    const flags = /FETCH \([^\r]*?FLAGS \(([^)]*)\)/
      .exec(reply.untagged)?.[1]
      ?.split(" ")
      .filter((flag) => flag !== "");
    if (!flags || !sameState(state, { ...state, flags }))
      this.ledger.violated(`stale: ${owned.marker} is ${show(state)} and has the flags ${String(flags)}`);
  }

  private async flagShared(): Promise<void> {
    const marker = this.random.of(this.commons.shared);
    const uid = await this.uidOf("Shared", marker);
    if (uid === null) return;
    const flag = this.random.of([...this.commons.contested, this.keyword]);
    const isOn = this.random.below(2) === 0;
    const began = performance.now();
    const reply = await this.ask(`UID STORE ${uid} ${isOn ? "+" : "-"}FLAGS (${flag})`);
    const ended = performance.now();
    const written = { register: `${marker} ${flag}`, value: String(isOn), began, ended, who: this.keyword };
    this.ledger.wrote(outcomeOf(reply), written);
    this.note(`${isOn ? "+" : "-"}${flag}`, marker, reply, began);
  }

  /** One of its own of which all is known, and where it is now. */
  private async find(): Promise<{ owned: Owned; state: NonNullable<State>; uid: string } | null> {
    const known = this.own.filter(({ certain }) => certain !== null);
    if (known.length === 0) return null;
    const owned = this.random.of(known);
    const state = owned.certain;
    if (!state) return null;
    const uid = await this.uidOf(state.box, owned.marker);
    return uid === null ? null : { owned, state, uid };
  }

  private async uidOf(box: Box, marker: string): Promise<string | null> {
    if ((await this.ask(`SELECT ${box}`)).status !== "OK") return null;
    const reply = await this.ask(`UID SEARCH HEADER Message-ID "<${marker}@chaos.example>"`);
    if (reply.status !== "OK") return null;
    const uids = /\* SEARCH ([\d ]+)/.exec(reply.untagged)?.[1]?.trim().split(" ") ?? [];
    if (uids.length !== 1)
      this.ledger.violated(`${uids.length === 0 ? "lost" : "doubled"}: ${marker} is ${uids.length} times in ${box}`);
    return uids[0] ?? null;
  }

  private async change(what: string, owned: Owned, next: State, line: string, literal?: Buffer): Promise<Reply> {
    const began = performance.now();
    const reply = await this.ask(line, literal);
    owned.become(outcomeOf(reply), next);
    this.note(what, owned.marker, reply, began);
    return reply;
  }

  private async ask(line: string, literal?: Buffer): Promise<Reply> {
    return this.client?.usable ? this.client.command(line, literal) : { status: "lost" };
  }

  private note(what: string, marker: string, reply: Reply, began: number): void {
    const answer = reply.status === "lost" ? "lost" : `${reply.status} ${reply.text}`;
    const ended = performance.now();
    const { id: account } = this.account;
    this.ledger.note({ who: this.keyword, account, what, marker, began, ended, outcome: outcomeOf(reply), answer });
    this.ledger.counted(`plain client ${reply.status}`);
  }
}

function outcomeOf({ status }: Reply): Outcome {
  if (status === "OK") return "done";
  return status === "lost" ? "unknown" : "none";
}
