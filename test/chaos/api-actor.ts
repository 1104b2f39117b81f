import { setTimeout as delay } from "node:timers/promises";
import type { Answered, Api, Asked } from "./api.ts";
import type { Commons } from "./commons.ts";
import { letterFor, markerIn } from "./letters.ts";
import { type Ledger, Owned, type State } from "./ledger.ts";
import type { Random } from "./random.ts";
import { sameState, show, withFlag } from "./states.ts";
import type { Account, Box } from "./world.ts";

const mix = {
  append: 18,
  appendOnce: 6,
  raw: 18,
  get: 10,
  list: 10,
  graphql: 3,
  flag: 12,
  batch: 3,
  move: 8,
  copy: 5,
  trash: 4,
  remove: 4,
  flagShared: 7,
  listShared: 6,
  travel: 4,
};

const FLAGS = ["\\Seen", "\\Flagged", "$chaos"];
export const MOVING: readonly Box[] = ["INBOX", "Box", "Shelf"];
const FIELDS = "fields=id,mailboxId,subject,flags";

interface Item {
  id: string;
  mailboxId: string;
  subject: string;
  flags: string[];
}

/** Somebody who works with one account through Postern, and has messages that nobody else changes. */
export class ApiActor {
  private readonly api: Api;
  private readonly account: Account;
  private readonly ledger: Ledger;
  private readonly random: Random;
  private readonly commons: Commons;
  private readonly keyword: string;
  private readonly own: Owned[] = [];
  private count = 0;

  constructor(parts: {
    api: Api;
    account: Account;
    ledger: Ledger;
    random: Random;
    commons: Commons;
    keyword: string;
  }) {
    this.api = parts.api;
    this.account = parts.account;
    this.ledger = parts.ledger;
    this.random = parts.random;
    this.commons = parts.commons;
    this.keyword = parts.keyword;
  }

  async run(): Promise<void> {
    while (this.ledger.begin()) {
      const pauseMs = await this[this.random.weighed(mix)]();
      // Who is told to come again does, though sooner than told: patience is not what is tried here.
      if (pauseMs > 0) await delay(Math.min(pauseMs, 1_000));
    }
    await this.api.close();
  }

  private async append(): Promise<number> {
    return this.store((marker) => this.post(marker));
  }

  /** With a key, so that it may be sent again until somebody says what became of it. */
  private async appendOnce(): Promise<number> {
    return this.store(async (marker, path) => {
      const headers = { "idempotency-key": marker };
      let answer = await this.post(marker, path, headers);
      for (let tries = 0; tries < 3 && (answer.status === 0 || answer.code === "idempotency-key-in-use"); tries += 1) {
        await delay(500);
        answer = await this.post(marker, path, headers);
      }
      // Of what was sent more than once, only the answers to all of them together tell.
      return answer.code === "idempotency-key-in-use" || answer.code === "outcome-unknown"
        ? { ...answer, outcome: "unknown" }
        : answer;
    });
  }

  private path = "";

  private async store(send: (marker: string, path: string) => Promise<Answered>): Promise<number> {
    const marker = `${this.account.id}-${this.keyword.slice(1)}-${(this.count += 1)}`;
    const box = this.random.of(MOVING);
    const flags = this.random.below(2) === 0 ? [] : [this.random.of(FLAGS)];
    this.path = `messages?mailbox=${this.idOf(box)}${flags.length > 0 ? `&flags=${encodeURIComponent(flags.join(","))}` : ""}`;
    const answer = await send(marker, this.path);
    const owned = new Owned(this.account.id, marker, [null]);
    owned.become(answer.outcome, { box, flags });
    if (answer.status === 201) owned.id = String(answer.body.id);
    this.keep(owned);
    return this.noted("append", marker, answer);
  }

  private post(marker: string, path = this.path, headers: Record<string, string> = {}): Promise<Answered> {
    return this.api.ask("POST", path, { body: letterFor(this.account.id, marker), headers, isWrite: true });
  }

  private async raw(): Promise<number> {
    const owned = this.pick();
    if (!owned) return this.append();
    const answer = await this.api.ask("GET", `messages/${owned.id}/raw`);
    if (answer.status === 200 && !answer.octets.equals(letterFor(this.account.id, owned.marker)))
      this.ledger.violated(`octets: ${owned.marker} came with ${answer.octets.length} octets that are not its own`);
    this.missing(owned, answer);
    return this.noted("raw", owned.marker, answer, "read");
  }

  private async get(): Promise<number> {
    const owned = this.pick();
    if (!owned) return this.append();
    const answer = await this.api.ask("GET", `messages/${owned.id}?${FIELDS}`);
    if (answer.status === 200) this.compare("get", owned, answer.body as unknown as Item);
    this.missing(owned, answer);
    return this.noted("get", owned.marker, answer, "read");
  }

  private async graphql(): Promise<number> {
    const owned = this.pick();
    if (!owned) return this.append();
    const query = `{ account(id: "${this.account.id}") { message(id: "${owned.id}") { id subject flags mailbox { id } } } }`;
    const answer = await this.api.ask("POST", "/graphql", { body: { query } });
    const data = answer.body.data as {
      account: { message: (Item & { mailbox: { id: string } | null }) | null } | null;
    } | null;
    const message = data?.account?.message;
    if (message?.mailbox) this.compare("graphql", owned, { ...message, mailboxId: message.mailbox.id });
    return this.noted("graphql", owned.marker, answer, "read");
  }

  private async list(): Promise<number> {
    const box = this.random.of(MOVING);
    const path = `messages?mailbox=${this.idOf(box)}&limit=${this.random.between(1, 100)}&${FIELDS}`;
    const answer = await this.api.ask("GET", path);
    if (answer.status === 200) {
      const items = answer.body.items as Item[];
      if (new Set(items.map(({ id }) => id)).size < items.length)
        this.ledger.violated(`doubled: a list of ${box} has an id twice`);
      for (const owned of this.own) {
        const item = items.find(({ id }) => id === owned.id);
        if (item && owned.certain) this.compare("list", owned, item);
      }
    }
    return this.noted("list", box, answer, "read");
  }

  private async flag(): Promise<number> {
    const owned = this.pick();
    if (!owned?.certain) return this.append();
    const flag = this.random.of(FLAGS);
    const isOn = !owned.certain.flags.includes(flag);
    const body = { flags: isOn ? { add: [flag] } : { remove: [flag] } };
    const next = { ...owned.certain, flags: withFlag(owned.certain.flags, flag, isOn) };
    return this.change("flag", owned, next, "PATCH", `messages/${owned.id}`, { body });
  }

  private async move(): Promise<number> {
    const owned = this.pick();
    if (!owned?.certain) return this.append();
    const box = this.random.of(MOVING);
    const body = { mailbox: this.idOf(box) };
    return this.change("move", owned, { ...owned.certain, box }, "PATCH", `messages/${owned.id}`, { body });
  }

  private async trash(): Promise<number> {
    const owned = this.pick();
    if (!owned?.certain) return this.append();
    const next: State = owned.certain.box === "Trash" ? null : { ...owned.certain, box: "Trash" };
    return this.change("trash", owned, next, "DELETE", `messages/${owned.id}`);
  }

  private async remove(): Promise<number> {
    const owned = this.pick();
    if (!owned) return this.append();
    return this.change("remove", owned, null, "DELETE", `messages/${owned.id}?permanent=true`);
  }

  private async copy(): Promise<number> {
    const owned = this.pick();
    if (!owned?.certain) return this.append();
    const box = this.random.of(MOVING);
    const body = { mailbox: this.idOf(box) };
    const answer = await this.api.ask("POST", `messages/${owned.id}/copy`, { body, isWrite: true });
    const made = new Owned(this.account.id, owned.marker, [null]);
    made.become(answer.outcome, { ...owned.certain, box });
    if (answer.status === 201) made.id = String(answer.body.id);
    this.keep(made);
    this.missing(owned, answer);
    return this.noted(`copy to ${box}`, owned.marker, answer);
  }

  private async batch(): Promise<number> {
    const chosen = [...new Set([this.pick(), this.pick(), this.pick()])].flatMap((owned) => owned ?? []);
    if (chosen.length === 0) return this.append();
    const flag = this.random.of(FLAGS);
    const body = { ids: chosen.map(({ id }) => id), action: { flags: { add: [flag] } } };
    const answer = await this.api.ask("POST", "messages/batch", { body, isWrite: true });
    const results = (answer.body.results ?? []) as {
      ok: boolean;
      problem?: { code: string; outcome?: Answered["outcome"] };
    }[];
    for (const [at, owned] of chosen.entries()) {
      const { certain } = owned;
      const { ok = false, problem } = results[at] ?? {};
      if (answer.status === 200 && !ok && problem?.outcome === undefined)
        this.ledger.violated(`failure: no outcome in a batch: ${JSON.stringify(results[at])}`);
      const outcome = ok ? "done" : answer.status === 200 ? (problem?.outcome ?? "unknown") : answer.outcome;
      if (certain) owned.become(outcome, { ...certain, flags: withFlag(certain.flags, flag, true) });
      if (problem) this.missing(owned, { ...answer, code: problem.code });
    }
    return this.noted(`batch +${flag}`, chosen.map(({ marker }) => marker).join(" "), answer);
  }

  private async flagShared(): Promise<number> {
    const marker = this.random.of(this.commons.shared);
    const id = this.commons.ids.get(marker);
    if (id === undefined) return this.listShared();
    const flag = this.random.of([...this.commons.contested, this.keyword]);
    const isOn = this.random.below(2) === 0;
    const body = { flags: isOn ? { add: [flag] } : { remove: [flag] } };
    const answer = await this.api.ask("PATCH", `messages/${id}`, { body, isWrite: true });
    if (answer.code === "message-gone") this.lost(marker);
    const { began, ended } = answer;
    this.ledger.wrote(answer.outcome, {
      register: `${marker} ${flag}`,
      value: String(isOn),
      began,
      ended,
      who: this.api.who,
    });
    return this.noted(`${isOn ? "+" : "-"}${flag}`, marker, answer);
  }

  private async listShared(): Promise<number> {
    const answer = await this.api.ask("GET", `messages?mailbox=${this.idOf("Shared")}&limit=50&${FIELDS}`);
    if (answer.status !== 200) return this.noted("list", "Shared", answer, "read");
    const items = answer.body.items as Item[];
    for (const marker of this.commons.shared)
      if (!items.some(({ subject }) => markerIn(subject) === marker))
        this.ledger.violated(`lost: ${marker} is not in a list of Shared`);
    const { began, ended } = answer;
    for (const { id, subject, flags } of items) {
      const marker = markerIn(subject) ?? "";
      this.commons.ids.set(marker, id);
      for (const flag of this.commons.flags) {
        const value = String(flags.includes(flag));
        this.ledger.reads.push({ register: `${marker} ${flag}`, value, began, ended, who: this.api.who });
      }
    }
    return this.noted("list", "Shared", answer, "read");
  }

  private async travel(): Promise<number> {
    const marker = this.random.of(this.commons.travelling);
    const id = this.commons.ids.get(marker);
    if (id === undefined) return this.lookFor(marker);
    const box = this.random.of(MOVING);
    const answer = await this.api.ask("PATCH", `messages/${id}`, { body: { mailbox: this.idOf(box) }, isWrite: true });
    if (answer.code === "message-gone") this.lost(marker);
    const { began, ended } = answer;
    this.ledger.wrote(answer.outcome, { register: `${marker} box`, value: box, began, ended, who: this.api.who });
    return this.noted(`travel to ${box}`, marker, answer);
  }

  private async lookFor(marker: string): Promise<number> {
    const messageId = encodeURIComponent(`<${marker}@chaos.example>`);
    const answer = await this.api.ask("GET", `messages?messageId=${messageId}&${FIELDS}`);
    const [item] = (answer.body.items ?? []) as Item[];
    if (item) this.commons.ids.set(marker, item.id);
    return this.noted("look for", marker, answer, "read");
  }

  private async change(what: string, owned: Owned, next: State, method: string, path: string, asked: Asked = {}) {
    const answer = await this.api.ask(method, path, { ...asked, isWrite: true });
    const { certain } = owned;
    owned.become(answer.outcome, next);
    // A deletion is two steps: marking, and taking away what is marked.
    if (next === null && certain && answer.outcome === "unknown")
      owned.possible.push({ ...certain, flags: withFlag(certain.flags, "\\Deleted", true) });
    this.missing(owned, answer);
    return this.noted(`${what} → ${show(next)}`, owned.marker, answer);
  }

  /** Any of its own of which all is known. */
  private pick(): Owned | null {
    const known = this.own.filter(({ id, certain }) => id !== null && certain !== null);
    return known.length === 0 ? null : this.random.of(known);
  }

  private keep(owned: Owned): void {
    this.own.push(owned);
    this.ledger.owned.push(owned);
  }

  /** A message that is there must be found, unless its mailbox was reset: then it may be known no more. */
  private missing(owned: Owned, { code }: Pick<Answered, "code">): void {
    if (code !== "message-gone" && code !== "not-found") return;
    owned.id = null;
    if (code === "not-found" || this.account.resets.size === 0)
      this.ledger.violated(`lost: ${owned.marker} is ${code}, and should be ${owned.possible.map(show).join(" or ")}`);
  }

  private lost(marker: string): void {
    this.commons.ids.delete(marker);
    if (this.account.resets.size === 0) this.ledger.violated(`lost: ${marker} is gone, and nobody deletes it`);
  }

  private compare(how: string, owned: Owned, { subject, mailboxId, flags }: Item): void {
    const box = [...this.account.boxIds].find(([, id]) => id === mailboxId)?.[0] ?? mailboxId;
    const seen = { box: box as Box, flags };
    if (markerIn(subject) !== owned.marker) this.ledger.violated(`octets: ${owned.marker} is shown as ${subject}`);
    else if (!owned.possible.some((state) => sameState(state, seen)))
      this.ledger.violated(`stale: ${owned.marker} is ${show(owned.certain)}, and ${how} shows ${show(seen)}`);
  }

  private idOf(box: Box): string {
    return this.account.boxIds.get(box) ?? "";
  }

  private noted(what: string, marker: string, answer: Answered, outcome: "read" | null = null): number {
    const { began, ended, pauseMs, status, code } = answer;
    const told = `${status} ${code ?? ""} ${JSON.stringify(answer.body.detail ?? "")}`;
    const { who, account } = this.api;
    this.ledger.note({ who, account, what, marker, began, ended, outcome: outcome ?? answer.outcome, answer: told });
    return pauseMs;
  }
}
