import fc from "fast-check";
import type { ImapFlow } from "imapflow";
import { write } from "../e2e/mailbox.ts";
import { type Contents, lineOf } from "./replica.ts";

/** What another client does next. Numbers pick from what there is. */
export type Step =
  | { do: "append"; to: number; flags: string[]; count: number }
  | { do: "flag"; from: number; pick: number; many: boolean; flags: string[]; on: boolean }
  | { do: "expunge"; from: number; pick: number; many: boolean }
  | { do: "copy"; from: number; to: number; pick: number; many: boolean }
  | { do: "move"; from: number; to: number; pick: number; many: boolean }
  | { do: "create"; to: number }
  | { do: "delete"; to: number }
  | { do: "recreate"; to: number; count: number }
  | { do: "rename"; from: number; to: number };

const NAMES = ["INBOX", "One", "Two", "One/Inner", "Three"];
const FLAGS = ["\\Seen", "\\Flagged", "\\Answered", "$Work", "later"];

const place = fc.nat(NAMES.length - 1);
const flags = fc.subarray(FLAGS);
const picked = { from: place, pick: fc.nat(50), many: fc.boolean() };
const as = <const T extends string>(name: T) => fc.constant(name);

export const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: as("append"), to: place, flags, count: fc.integer({ min: 1, max: 4 }) }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: as("flag"), ...picked, flags: fc.subarray(FLAGS, { minLength: 1 }), on: fc.boolean() }),
  },
  { weight: 3, arbitrary: fc.record({ do: as("expunge"), ...picked }) },
  { weight: 4, arbitrary: fc.record({ do: as("move"), ...picked, to: place }) },
  { weight: 2, arbitrary: fc.record({ do: as("copy"), ...picked, to: place }) },
  { weight: 2, arbitrary: fc.record({ do: as("create"), to: place }) },
  { weight: 1, arbitrary: fc.record({ do: as("delete"), to: place }) },
  { weight: 1, arbitrary: fc.record({ do: as("recreate"), to: place, count: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ do: as("rename"), from: place, to: place }) },
);

const nameOf = (number: number): string => NAMES[number] ?? "INBOX";

/** Another client of the account, which does what it likes. */
export class Someone {
  private readonly connect: () => Promise<ImapFlow>;
  private client: ImapFlow;
  private letters = 0;

  private constructor(connect: () => Promise<ImapFlow>, client: ImapFlow) {
    this.connect = connect;
    this.client = client;
  }

  static async start(connect: () => Promise<ImapFlow>): Promise<Someone> {
    return new Someone(connect, await connect());
  }

  /** What the server refuses is no step. */
  async perform(step: Step): Promise<void> {
    await this.attempt(step).catch(() => this.mend());
  }

  /** Some servers hang up on who has a mailbox open that is renamed. */
  private async mend(): Promise<void> {
    if (!this.client.usable) this.client = await this.connect();
  }

  close(): void {
    this.client.close();
  }

  private async attempt(step: Step): Promise<void> {
    const { client } = this;
    if (step.do === "append") return this.append(nameOf(step.to), step.count, step.flags);
    if (step.do === "create") return void (await client.mailboxCreate(nameOf(step.to)));
    if ("pick" in step) return this.pick(step);
    await client.mailboxOpen("INBOX", { readOnly: true });
    // Dovecot 2.3 answers SERVERBUG on connections that had INBOX open when it was renamed, for as long as they live.
    if (step.do === "rename" && nameOf(step.from) === "INBOX") return;
    if (step.do === "rename") return void (await client.mailboxRename(nameOf(step.from), nameOf(step.to)));
    if (nameOf(step.to) === "INBOX") return;
    await client.mailboxDelete(nameOf(step.to));
    if (step.do === "delete") return;
    await client.mailboxCreate(nameOf(step.to));
    await this.append(nameOf(step.to), step.count, []);
  }

  private async pick(step: Extract<Step, { pick: number }>): Promise<void> {
    const { client } = this;
    const { exists } = await client.mailboxOpen(nameOf(step.from));
    if (exists === 0) return;
    const first = (step.pick % exists) + 1;
    const which = step.many ? `${first}:${Math.min(exists, first + 5)}` : String(first);
    if (step.do === "expunge") await client.messageDelete(which);
    else if (step.do === "copy") await client.messageCopy(which, nameOf(step.to));
    else if (step.do === "move") await client.messageMove(which, nameOf(step.to));
    else if (step.on) await client.messageFlagsAdd(which, step.flags);
    else await client.messageFlagsRemove(which, step.flags);
  }

  async append(mailbox: string, count: number, flags: string[]): Promise<void> {
    for (let each = 0; each < count; each += 1) await this.send(mailbox, `Letter ${(this.letters += 1)}`, flags);
  }

  private async send(mailbox: string, subject: string, flags: string[] = []): Promise<void> {
    await this.client.append(mailbox, write({ subject }), flags);
  }

  /** A letter that must arrive: some servers stumble over a mailbox that was renamed a moment ago. */
  async sendLast(): Promise<string> {
    const subject = `The last one ${crypto.randomUUID()}`;
    for (;;) {
      const isSent = await this.send("INBOX", subject).then(
        () => true,
        () => false,
      );
      if (isSent) return subject;
      await this.mend();
    }
  }

  /** What the server has. One that stumbles over a mailbox that was made anew is asked again. */
  async contents(): Promise<Contents> {
    for (;;) {
      await this.mend();
      const read = await this.read().catch(() => null);
      if (read) return read;
    }
  }

  private async read(): Promise<Contents> {
    const { client } = this;
    const contents: Contents = {};
    const listed = (await client.list()).toSorted((one, other) => (one.path < other.path ? -1 : 1));
    for (const { path, flags } of listed) {
      contents[path] = [];
      if (flags.has("\\Noselect") || flags.has("\\NonExistent")) continue;
      const { exists } = await client.mailboxOpen(path, { readOnly: true });
      if (exists === 0) continue;
      const rows = await client.fetchAll("1:*", { flags: true, envelope: true });
      contents[path] = rows.map((row) => lineOf(row.envelope?.subject ?? null, row.flags ?? [])).sort();
    }
    return contents;
  }
}
