import { setTimeout } from "node:timers/promises";
import type { ImapFlow } from "imapflow";
import { deliver } from "../e2e/mailbox.ts";
import { connect } from "./imap.ts";
import { Client } from "./sockets.ts";
import type { Setting } from "./setting.ts";

const MAILBOX = "Changing";
/** Messages that are there at the beginning. */
const START = 60;

interface Page {
  items: { subject: string; flags: string[] }[];
  total: number;
}

/**
 * Another client appends, flags and expunges, one after another; a list that begins after its tagged OK has to show it.
 * Gently while other things are measured, then as fast as it goes, among clients who list the same mailbox.
 */
export class Freshness {
  checks = 0;
  readonly failures: string[] = [];
  private readonly setting: Setting;
  private readonly other: ImapFlow;
  private readonly path: string;
  private count = START;
  private isGentle = true;
  private readonly checking: Promise<void>;

  private constructor(setting: Setting, other: ImapFlow, mailbox: string) {
    this.setting = setting;
    this.other = other;
    this.path = `/v1/accounts/bench/messages?mailbox=${mailbox}&limit=20&fields=subject,flags`;
    this.checking = this.gently();
  }

  static async begin(setting: Setting): Promise<Freshness> {
    const other = await connect(setting.mailServer);
    await other.mailboxDelete(MAILBOX).catch(() => undefined);
    await other.mailboxCreate(MAILBOX);
    await deliver(other, ...Array.from({ length: START }, () => ({ subject: "Old", mailbox: MAILBOX })));
    await other.mailboxOpen(MAILBOX);
    const { body } = await setting.ask<{ items: { id: string; path: string }[] }>("/v1/accounts/bench/mailboxes");
    const mailbox = body.items.find(({ path }) => path === MAILBOX);
    return new Freshness(setting, other, mailbox?.id ?? "");
  }

  /** Goes on until so many checks were made in all. */
  async finish(checks: number): Promise<void> {
    this.isGentle = false;
    await this.checking;
    const [, query = ""] = this.path.split("/messages");
    const readers = Array.from({ length: this.setting.clients }, () => new Client(this.setting.postern(query)));
    while (this.checks < checks) await this.round();
    await Promise.all(readers.map((reader) => reader.stop()));
    await this.other.logout();
  }

  private async gently(): Promise<void> {
    while (this.isGentle) {
      await this.round();
      await setTimeout(PAUSE_MS);
    }
  }

  private async round(): Promise<void> {
    const subject = `Check ${this.checks}`;
    await deliver(this.other, { subject, mailbox: MAILBOX });
    this.count += 1;
    await this.look("appended", ({ items: [first], total }) => first?.subject === subject && total === this.count);
    const keyword = `check${this.checks % KEYWORDS}`;
    await this.other.messageFlagsSet("*", [keyword]);
    await this.look("flagged", ({ items: [first] }) => first?.flags.join() === keyword);
    await this.other.messageDelete("*");
    this.count -= 1;
    await this.look("expunged", ({ items: [first], total }) => first?.subject !== subject && total === this.count);
  }

  private async look(what: string, isShown: (page: Page) => boolean): Promise<void> {
    const { status, body } = await this.setting.ask<Page>(this.path);
    this.checks += 1;
    if (status !== 200 || !isShown(body))
      this.failures.push(`${what}: ${status} ${JSON.stringify(body).slice(0, 500)}`);
  }
}

const PAUSE_MS = 50;
/** Mail servers bound how many there may be in a mailbox. */
const KEYWORDS = 20;
