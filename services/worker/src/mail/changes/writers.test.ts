import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { ChangeResult, Input } from "@postern/protocol";
import fc from "fast-check";
import { boxId, listed, seen, targets } from "../../testing/changes.ts";
import { type CoreHouse, newCall, startCoreHouse } from "../../testing/core-house.ts";
import { letter, type RawClient } from "../../testing/raw-client.ts";

const servers: Record<string, string[]> = {
  "as it is": [],
  "without MOVE": ["MOVE"],
  "without UIDPLUS": ["UIDPLUS"],
  "without MOVE and UIDPLUS": ["MOVE", "UIDPLUS"],
};

const boxes = ["INBOX", "Box", "Trash"] as const;
type Box = (typeof boxes)[number];
const SHARED = "Shared";
const SHARED_MESSAGES = 12;

/** One step of a writer. `picks` name messages among those that it has at that moment. */
type Step =
  | { do: "append"; to: Box }
  | { do: "flag"; picks: number[]; isOn: boolean }
  | { do: "shared"; picks: number[]; isOn: boolean }
  | { do: "move"; picks: number[]; to: Box }
  | { do: "copy"; picks: number[]; to: Box }
  | { do: "delete"; picks: number[]; permanent: boolean };

const picks = fc.array(fc.nat(50), { minLength: 1, maxLength: 4 });
const box = fc.constantFrom(...boxes);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant("append" as const), to: box }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom("flag" as const, "shared" as const), picks, isOn: fc.boolean() }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("move" as const, "copy" as const), picks, to: box }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("delete" as const), picks, permanent: fc.boolean() }) },
);
const WRITERS = 4;
const sequences = fc.array(fc.array(step, { minLength: 36, maxLength: 36 }), {
  minLength: WRITERS,
  maxLength: WRITERS,
});

/** A message as it must be. Copies have the subject of what they are copies of. */
interface Known {
  subject: string;
  box: Box;
  flags: Set<string>;
  /** By which Postern knows it; null: it was left over, and nobody was told its id. */
  id: string | null;
}

/** Does steps with messages of its own and with flags of its own on the shared ones, and knows how all are to be. */
abstract class Writer {
  known: Known[] = [];
  readonly shared = new Set<string>();
  readonly keyword: string;
  private count = 0;

  constructor(keyword: string) {
    this.keyword = keyword;
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const each of steps) await this.take(each);
  }

  private async take(step: Step): Promise<void> {
    if (step.do === "append") {
      this.count += 1;
      const subject = `${this.keyword}-${this.count}.`;
      return void this.known.push({ subject, box: step.to, flags: new Set(), id: await this.append(subject, step.to) });
    }
    if (step.do === "shared") return this.flagShared(step);
    const all = this.known.filter(({ id }) => id !== null);
    const chosen = [...new Set(step.picks.flatMap((pick) => all[pick % all.length] ?? []))];
    if (chosen.length === 0) return;
    if (step.do === "flag") await this.flag(chosen, step.isOn);
    else if (step.do === "delete") await this.delete(chosen, step.permanent);
    else await this[step.do](chosen, step.to);
  }

  private async flagShared({ picks: chosen, isOn }: { picks: number[]; isOn: boolean }): Promise<void> {
    const subjects = [...new Set(chosen.map((pick) => `shared-${pick % SHARED_MESSAGES}.`))];
    await this.mark(subjects, isOn);
    for (const subject of subjects) {
      if (isOn) this.shared.add(subject);
      else this.shared.delete(subject);
    }
  }

  protected marked(known: Known, isOn: boolean): void {
    if (isOn) known.flags.add(this.keyword);
    else known.flags.delete(this.keyword);
  }

  protected forget(known: Known): void {
    this.known.splice(this.known.indexOf(known), 1);
  }

  protected abstract append(subject: string, to: Box): Promise<string>;
  protected abstract mark(subjects: string[], isOn: boolean): Promise<void>;
  protected abstract flag(chosen: Known[], isOn: boolean): Promise<void>;
  protected abstract move(chosen: Known[], to: Box): Promise<void>;
  protected abstract copy(chosen: Known[], to: Box): Promise<void>;
  protected abstract delete(chosen: Known[], permanent: boolean): Promise<void>;
}

class ThroughPostern extends Writer {
  private readonly house: CoreHouse;
  private readonly account: string;
  private readonly boxIds: ReadonlyMap<Box, string>;
  private readonly sharedIds: ReadonlyMap<string, string>;

  constructor(
    keyword: string,
    world: { house: CoreHouse; account: string; boxIds: Map<Box, string>; sharedIds: Map<string, string> },
  ) {
    super(keyword);
    this.house = world.house;
    this.account = world.account;
    this.boxIds = world.boxIds;
    this.sharedIds = world.sharedIds;
  }

  protected async append(subject: string, to: Box): Promise<string> {
    const { account } = this;
    const input = { account, where: { mailbox: this.boxIds.get(to) ?? "" }, fields: ["id" as const] };
    async function* octets(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(letter({ subject }).source);
    }
    return (await this.house.core.appendMessage(input, newCall(), octets())).message.id;
  }

  protected async mark(subjects: string[], isOn: boolean): Promise<void> {
    const ids = subjects.map((subject) => this.sharedIds.get(subject) ?? "");
    for (const result of await this.flags(ids, isOn)) assert.equal(result.ok, true, JSON.stringify(result));
  }

  protected async flag(chosen: Known[], isOn: boolean): Promise<void> {
    await this.told(chosen, await this.flags(idsOf(chosen), isOn), (known) => this.marked(known, isOn));
  }

  protected async move(chosen: Known[], to: Box): Promise<void> {
    const { results } = await this.house.core.moveMessages({ ...this.naming(chosen), ...this.at(to) }, newCall());
    await this.told(chosen, results, (known) => (known.box = to), to);
  }

  protected async copy(chosen: Known[], to: Box): Promise<void> {
    const { results } = await this.house.core.copyMessages({ ...this.naming(chosen), ...this.at(to) }, newCall());
    await this.told(chosen, results, ({ subject, flags }, id) =>
      this.known.push({ subject, box: to, flags: new Set(flags), id }),
    );
  }

  protected async delete(chosen: Known[], permanent: boolean): Promise<void> {
    const { results } = await this.house.core.deleteMessages({ ...this.naming(chosen), permanent }, newCall());
    const done = (known: Known): void => {
      if (permanent || known.box === "Trash") this.forget(known);
      else known.box = "Trash";
    };
    await this.told(chosen, results, done, "Trash");
  }

  private naming(chosen: Known[]): Pick<Input<"moveMessages">, "account" | "messages"> {
    return { account: this.account, messages: targets(idsOf(chosen)) };
  }

  private at(to: Box): { mailbox: string } {
    return { mailbox: this.boxIds.get(to) ?? "" };
  }

  private async flags(ids: string[], isOn: boolean): Promise<ChangeResult[]> {
    const flags = isOn ? { add: [this.keyword] } : { remove: [this.keyword] };
    const input = { account: this.account, messages: targets(ids), flags };
    return (await this.house.core.changeFlags(input, newCall())).results;
  }

  /** What is told is believed, and nothing else is. */
  private async told(
    chosen: Known[],
    results: ChangeResult[],
    done: (known: Known, id: string) => unknown,
    to?: Box,
  ): Promise<void> {
    for (const [at, known] of chosen.entries()) {
      const result = results[at] ?? assert.fail("a result is missing");
      if (result.ok) {
        done(known, result.message?.id ?? "");
        continue;
      }
      const { code, outcome } = result.failure;
      // The copy is there; the original could not be taken out, since others have marked something.
      if (code === "partly-done" && to) this.known.push({ ...known, flags: new Set(known.flags), box: to, id: null });
      else assert.deepEqual([code, outcome], ["expunge-withheld", "none"], JSON.stringify(result));
    }
  }
}

const idsOf = (chosen: Known[]): string[] => chosen.map(({ id }) => id ?? "");

/** A mail client that finds its messages by what is in them. */
class ThroughImap extends Writer {
  private readonly client: RawClient;
  private readonly without: string[];
  /** Where it must expunge nothing, since that would be all that is marked. */
  private readonly spared: Box | null;
  /** Copies are told apart by their UIDs, which this client learns by looking. */
  private serial = 0;

  constructor(keyword: string, client: RawClient, without: string[]) {
    super(keyword);
    this.client = client;
    this.without = without;
    this.spared = without.includes("UIDPLUS") ? "Box" : null;
  }

  protected async append(subject: string, to: Box): Promise<string> {
    await this.client.append(to, [letter({ subject })]);
    this.serial += 1;
    return String(this.serial);
  }

  protected async mark(subjects: string[], isOn: boolean): Promise<void> {
    await this.client.command(`SELECT ${SHARED}`);
    for (const subject of subjects) await this.store(await this.find(subject), isOn);
  }

  protected async flag(chosen: Known[], isOn: boolean): Promise<void> {
    for (const { subject, box: at } of chosen) {
      await this.client.command(`SELECT ${at}`);
      await this.store(await this.find(subject), isOn);
      for (const twin of this.twins(subject, at)) this.marked(twin, isOn);
    }
  }

  protected async move(chosen: Known[], to: Box): Promise<void> {
    for (const { subject, box: at } of chosen) {
      const twins = this.twins(subject, at);
      if (at === to || twins.length === 0 || (at === this.spared && this.without.includes("MOVE"))) continue;
      const uids = await this.bring(subject, at, to, this.without.includes("MOVE") ? "COPY" : "MOVE");
      if (this.without.includes("MOVE")) await this.expunge(uids);
      for (const twin of twins) twin.box = to;
    }
  }

  protected async copy(chosen: Known[], to: Box): Promise<void> {
    for (const { subject, box: at } of chosen) {
      const twins = this.twins(subject, at);
      if (twins.length > 4) continue;
      await this.bring(subject, at, to, "COPY");
      for (const twin of twins) {
        this.serial += 1;
        this.known.push({ subject, box: to, flags: new Set(twin.flags), id: String(this.serial) });
      }
    }
  }

  protected async delete(chosen: Known[]): Promise<void> {
    for (const { subject, box: at } of chosen) {
      const twins = this.twins(subject, at);
      if (twins.length === 0 || at === this.spared) continue;
      await this.client.command(`SELECT ${at}`);
      await this.expunge(await this.find(subject));
      for (const twin of twins) this.forget(twin);
    }
  }

  private twins(subject: string, at: Box): Known[] {
    return this.known.filter((known) => known.subject === subject && known.box === at);
  }

  private async bring(subject: string, at: Box, to: Box, command: "COPY" | "MOVE"): Promise<string> {
    await this.client.command(`SELECT ${at}`);
    const uids = await this.find(subject);
    await this.client.command(`UID ${command} ${uids} ${to}`);
    return uids;
  }

  private async find(subject: string): Promise<string> {
    const text = await this.client.command(`UID SEARCH SUBJECT "${subject}"`);
    const uids = /\* SEARCH ([\d ]+)/.exec(text)?.[1]?.trim().split(" ").join(",");
    return uids ?? assert.fail(`${subject} is not there`);
  }

  private async store(uids: string, isOn: boolean): Promise<void> {
    await this.client.command(`UID STORE ${uids} ${isOn ? "+" : "-"}FLAGS (${this.keyword})`);
  }

  private async expunge(uids: string): Promise<void> {
    await this.client.command(`UID STORE ${uids} +FLAGS (\\Deleted)`);
    await this.client.command(this.without.includes("UIDPLUS") ? "EXPUNGE" : `UID EXPUNGE ${uids}`);
  }
}

/** A server may say NO where all that was named has just gone (RFC 5530, EXPUNGEISSUED). */
function unlessGone(error: unknown): void {
  if (!/\[EXPUNGEISSUED\]/.test(String(error))) throw error;
}

for (const [what, without] of Object.entries(servers))
  describe(`several writers at once, on a server ${what}`, () => {
    let house: CoreHouse;
    let accounts = 0;
    before(async () => {
      house = await startCoreHouse({ without });
    });
    after(() => house.stop());

    async function write(steps: Step[][]): Promise<void> {
      accounts += 1;
      const account = `writers-${accounts}`;
      const clients = [await house.otherClient(account), await house.otherClient(account)] as const;
      const [one, two] = clients;
      for (const name of ["Box", SHARED]) await one.command(`CREATE ${name}`);
      const sharedLetters = Array.from({ length: SHARED_MESSAGES }, (_, at) => letter({ subject: `shared-${at}.` }));
      await one.append(SHARED, sharedLetters);
      // Marked by somebody who wants to think about it: it stays, whatever else is expunged.
      const standing = without.includes("UIDPLUS") ? (["Box"] as const) : boxes;
      for (const at of standing) await one.append(at, [letter({ subject: "standing." }, { flags: ["\\Deleted"] })]);
      const boxIds = new Map<Box, string>();
      for (const at of boxes) boxIds.set(at, await boxId(house, account, at));
      const shared = await listed(house, account, await boxId(house, account, SHARED));
      const sharedIds = new Map(shared.map(({ id, subject }) => [subject ?? "", id]));
      const world = { house, account, boxIds, sharedIds };
      const others = [new ThroughImap("o1", one, without), new ThroughImap("o2", two, without)];
      const ours = [new ThroughPostern("p1", world), new ThroughPostern("p2", world)];
      const writers = [...others, ...ours];
      await Promise.all(writers.map((writer, at) => writer.run(steps[at] ?? [])));

      for (const at of boxes) {
        const known = writers.flatMap((writer) => writer.known).filter((each) => each.box === at);
        const expected = known.map(({ subject, flags }) => [subject, ...flags].join(" "));
        if (standing.some((each) => each === at)) expected.push("standing. \\Deleted");
        assert.deepEqual((await seen(one, at)).toSorted(), expected.toSorted(), at);
      }
      const expectedShared = sharedLetters.map((_, at) => {
        const subject = `shared-${at}.`;
        return [subject, ...writers.flatMap((writer) => (writer.shared.has(subject) ? [writer.keyword] : []))].join(
          " ",
        );
      });
      const sorted = (await seen(one, SHARED))
        .map((row) => row.split(" "))
        .map(([head, ...flags]) => [head, ...flags.toSorted()].join(" "));
      assert.deepEqual(sorted, expectedShared);
      await assertIds(account, ours, boxIds);
    }

    /** Every id still names the message that it was given to. */
    async function assertIds(account: string, ours: Writer[], boxIds: Map<Box, string>): Promise<void> {
      const known = ours.flatMap((writer) => writer.known).filter(({ id }) => id !== null);
      const input = {
        account,
        ids: idsOf(known),
        fields: ["id", "subject", "mailboxId"] as ("id" | "subject" | "mailboxId")[],
      };
      const { results } = await house.core.getMessages(input, newCall());
      const shown = results.map((each) =>
        "message" in each ? [each.message.id, each.message.subject, each.message.mailboxId] : each.failure,
      );
      assert.deepEqual(
        shown,
        known.map(({ id, subject, box: at }) => [id, subject, boxIds.get(at)]),
      );
    }

    it("no message is lost, doubled, or changed that was not named", async () => {
      const { failed, seed, errorInstance } = await fc.check(fc.asyncProperty(sequences, write), {
        numRuns: Number(process.env.FUZZ_RUNS ?? 2),
        endOnFailure: true,
        ...(process.env.FUZZ_SEED !== undefined && { seed: Number(process.env.FUZZ_SEED) }),
      });
      assert.ok(!failed, new Error(`with FUZZ_SEED=${seed}`, { cause: errorInstance }));
    });

    // Without MOVE both copy, and no server can keep them from it.
    it("a message that two move at once is moved by one of them", { skip: without.includes("MOVE") }, async () => {
      const account = "rivals";
      const client = await house.otherClient(account);
      await client.command("CREATE Box");
      const all = Array.from({ length: 60 }, (_, at) => `both-${at}.`);
      await client.append(
        "INBOX",
        all.map((subject) => letter({ subject, headers: [`Message-ID: <${subject}@example.org>`] })),
      );
      const messages = await listed(house, account, "inbox");
      const ours = async (): Promise<ChangeResult[]> => {
        const results: ChangeResult[] = [];
        for (let at = 0; at < messages.length; at += 3) {
          const ids = messages.slice(at, at + 3).map(({ id }) => id);
          const input = { account, messages: targets(ids), mailbox: await boxId(house, account, "Box") };
          results.push(...(await house.core.moveMessages(input, newCall())).results);
        }
        return results;
      };
      const theirs = async (): Promise<void> => {
        await client.command("SELECT INBOX");
        for (let uid = all.length; uid > 0; uid -= 1) await client.command(`UID MOVE ${uid} Trash`).catch(unlessGone);
      };
      const [results] = await Promise.all([ours(), theirs()]);
      const moved = all.filter((_, at) => results[at]?.ok);
      assert.deepEqual((await seen(client, "Box")).toSorted(), moved.toSorted());
      assert.deepEqual(
        (await seen(client, "Trash")).toSorted(),
        all.filter((subject) => !moved.includes(subject)).toSorted(),
      );
      assert.deepEqual(await seen(client, "INBOX"), []);
    });
  });
