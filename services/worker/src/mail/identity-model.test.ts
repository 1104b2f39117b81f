import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { DovecotOptions } from "@postern/test/servers";
import fc from "fast-check";
import { type CoreHouse, newCall, startCoreHouse } from "../testing/core-house.ts";
import { letter, type RawClient } from "../testing/raw-client.ts";

/** One message, from its making to its end: a copy is another one with the same marker in it. */
interface Instance {
  marker: string;
  /** The step at which it came to where it is, and the last one at which its id was shown. */
  arrived: number;
  shown: number;
}

interface Box {
  uidValidity: number;
  messages: Map<number, Instance>;
  /** Steps at which Postern saw its UIDNEXT. */
  sighted: number[];
}

const names = ["INBOX", "A", "B", "C"];
type Who = "postern" | "another";
interface Transfer {
  do: "copy" | "move" | "expunge";
  by: Who;
  from: number;
  pick: number;
  to: number;
}
interface Reshape {
  do: "create" | "delete" | "rename";
  by: Who;
  box: number;
  to: number;
}
type Step =
  | { do: "append"; to: number }
  | Transfer
  | Reshape
  | { do: "reset"; box: number }
  | { do: "look" | "lookAtOne" | "list"; box: number };

const nat = fc.nat(3);
const by = fc.constantFrom<Who>("postern", "another", "another");
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant("append" as const), to: nat }) },
  {
    weight: 9,
    arbitrary: fc.record({
      do: fc.constantFrom("copy" as const, "move" as const, "expunge" as const),
      by,
      from: nat,
      pick: nat,
      to: nat,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom("create" as const, "delete" as const, "rename" as const),
      by,
      box: nat,
      to: nat,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reset" as const), box: nat }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom("look" as const, "lookAtOne" as const, "lookAtOne" as const, "list" as const),
      box: nat,
    }),
  },
);

let markers = 0;

/** What the server has, as another client sees it, and what Postern has said of it. */
class World {
  private readonly house: CoreHouse;
  private readonly account: string;
  private readonly plain: RawClient;
  private readonly boxes = new Map<string, Box>();
  /** Every id that was ever given out, and the message that it was last shown for. */
  private readonly issued = new Map<string, Instance>();
  private now = 0;

  constructor(house: CoreHouse, account: string, plain: RawClient) {
    this.house = house;
    this.account = account;
    this.plain = plain;
  }

  async take(each: Step): Promise<void> {
    this.now += 1;
    if (each.do === "append") return this.append(names[each.to] ?? "");
    if (each.do === "look") return this.look();
    if (each.do === "lookAtOne") return void (await this.lookAt(names[each.box] ?? ""));
    if (each.do === "list") return void (await this.mailboxes());
    if (each.do === "reset") return this.reset(names[each.box] ?? "");
    if ("pick" in each) return this.transfer(each);
    if ("by" in each) return this.reshape(each);
  }

  private async append(to: string): Promise<void> {
    if (!this.boxes.has(to)) return;
    const marker = `marker-${(markers += 1)}`;
    const headers = [`Message-ID: <${marker}@example.org>`];
    await this.plain.append(to, [letter({ subject: marker, headers, text: `This is ${marker}.` })]);
    await this.settle({ marker, arrived: this.now, shown: 0 });
  }

  private async transfer({ do: what, by: who, from, to, pick }: Transfer): Promise<void> {
    const [source, target] = [names[from] ?? "", names[to] ?? ""];
    const messages = [...(this.boxes.get(source)?.messages ?? [])];
    const [uid = 0, instance] = messages[pick % messages.length] ?? [];
    if (!instance || source === target || !this.boxes.has(target)) return;
    if (who === "another") {
      await this.plain.command(`SELECT ${source}`);
      if (what !== "expunge") await this.plain.command(`UID ${what.toUpperCase()} ${uid} ${target}`);
      else {
        await this.plain.command(`UID STORE ${uid} +FLAGS.SILENT (\\Deleted)`);
        await this.plain.command(`UID EXPUNGE ${uid}`);
      }
    } else {
      const [id] = [...this.issued].find(([, shown]) => shown === instance) ?? [];
      if (id === undefined) return;
      const { core } = this.house;
      const input = { account: this.account, messages: [{ id }] };
      const mailbox = (await this.mailboxes()).get(target) ?? "";
      if (what === "move") await core.moveMessages({ ...input, mailbox }, newCall());
      else if (what === "copy") await core.copyMessages({ ...input, mailbox }, newCall());
      else await core.deleteMessages({ ...input, permanent: true }, newCall());
    }
    const { marker, shown } = instance;
    await this.settle(
      what === "move" ? Object.assign(instance, { arrived: this.now }) : { marker, arrived: this.now, shown: 0 },
    );
    assert.ok(shown <= this.now);
  }

  private async reshape({ do: what, by: who, box, to }: Reshape): Promise<void> {
    const [name, target] = [names[box] ?? "", names[to] ?? ""];
    const isThere = this.boxes.has(name);
    if (name === "INBOX" || isThere !== (what !== "create")) return;
    if (what === "rename" && this.boxes.has(target)) return;
    if (who === "another")
      await this.plain.command(`${what.toUpperCase()} ${name}${what === "rename" ? ` ${target}` : ""}`);
    else {
      const { core } = this.house;
      const mailbox = (await this.mailboxes()).get(name) ?? "";
      const input = { account: this.account, mailbox };
      if (what === "create") await core.createMailbox({ account: this.account, mailbox: { path: name } }, newCall());
      else if (what === "delete") await core.deleteMailbox({ ...input, onlyEmpty: false }, newCall());
      else await core.updateMailbox({ ...input, patch: { name: target } }, newCall());
    }
    const there = this.boxes.get(name);
    this.boxes.delete(name);
    if (what === "rename" && there) this.boxes.set(target, this.arrivedAnew(there));
    await this.settle(null);
  }

  /** What was seen before of when messages had come tells nothing under another name or UIDVALIDITY. */
  private arrivedAnew(box: Box): Box {
    for (const instance of box.messages.values()) instance.arrived = this.now;
    return { ...box, sighted: [] };
  }

  private async reset(name: string): Promise<void> {
    const box = this.boxes.get(name);
    if (!box) return;
    const uidValidity = String(2_000_000_000 + this.now);
    const { doveadm } = this.house.server;
    await doveadm("mailbox", "update", "-u", this.account, "--uid-validity", uidValidity, name);
    const instances = [...box.messages.values()];
    const uids = await this.uidsIn(name);
    const messages = new Map(instances.map((instance, at) => [uids[at] ?? 0, instance]));
    this.boxes.set(name, this.arrivedAnew({ ...box, messages }));
    await this.settle(null);
  }

  private async uidsIn(name: string): Promise<number[]> {
    await this.plain.command(`SELECT ${name}`);
    const found = /\* SEARCH([ \d]*)/.exec(await this.plain.command("UID SEARCH ALL"))?.[1] ?? "";
    await this.plain.command("UNSELECT");
    return found.trim() === "" ? [] : found.trim().split(" ").map(Number);
  }

  /** Takes in what the server has after a step, in which at most this message has come to somewhere. */
  async settle(came: Instance | null): Promise<void> {
    const listed = await this.plain.command('LIST "" "*"');
    for (const name of names.filter((each) => new RegExp(`"?${each}"?(\r\n|$)`).test(listed))) {
      const uidValidity = Number(
        /UIDVALIDITY (\d+)/.exec(await this.plain.command(`STATUS ${name} (UIDVALIDITY)`))?.[1],
      );
      const known = this.boxes.get(name);
      const box = known ?? { uidValidity, messages: new Map<number, Instance>(), sighted: [] };
      const uids = await this.uidsIn(name);
      const messages = new Map<number, Instance>();
      for (const uid of uids) {
        const instance = box.messages.get(uid) ?? came;
        assert.ok(instance, "the model knows of everything that comes");
        messages.set(uid, instance);
      }
      this.boxes.set(name, { ...box, uidValidity, messages });
    }
  }

  private async mailboxes(): Promise<Map<string, string>> {
    const { items } = await this.house.core.listMailboxes({ account: this.account }, newCall());
    for (const box of this.boxes.values()) box.sighted.push(this.now);
    return new Map(items.map(({ path, id }) => [path, id]));
  }

  private async lookAt(name: string): Promise<string[]> {
    const box = this.boxes.get(name);
    if (!box) return [];
    const mailbox = (await this.mailboxes()).get(name) ?? assert.fail(`${name} is not listed`);
    const input = { account: this.account, mailbox, limit: 200, fields: ["id" as const, "subject" as const] };
    const page = await this.house.core.listMessages(input, newCall());
    assert.ok(!page.notModified);
    const instances = [...box.messages.values()];
    const shown = page.items.toReversed();
    assert.deepEqual(
      shown.map(({ subject }) => subject),
      instances.map(({ marker }) => marker),
      `all of ${name} is shown, and nothing else`,
    );
    for (const [at, { id }] of shown.entries()) this.show(id, instances[at] ?? assert.fail(), box);
    return shown.map(({ id }) => id);
  }

  /** An id goes on from one message to another only where nobody could tell that the other is a copy. */
  private show(id: string, instance: Instance, box: Box): void {
    const known = this.issued.get(id);
    if (known && known !== instance) {
      assert.equal(known.marker, instance.marker, "an id never shows another message");
      assert.ok(!this.isThere(known), "an id stays with its message while that is there");
      const beside = box.sighted.find((at) => at > instance.arrived && at < known.shown);
      assert.equal(beside, undefined, "a copy that was there beside the original never takes its id");
    }
    this.issued.set(id, instance);
    instance.shown = this.now;
  }

  private isThere(instance: Instance): boolean {
    return [...this.boxes.values()].some(({ messages }) => [...messages.values()].includes(instance));
  }

  /** Everything is shown once, under an id that leads to it, and no other id leads to it. */
  async look(): Promise<void> {
    const ids: string[] = [];
    for (const name of this.boxes.keys()) ids.push(...(await this.lookAt(name)));
    assert.equal(new Set(ids).size, ids.length, "two messages never have one id");
    const asked = [...this.issued.keys()];
    if (asked.length === 0) return;
    const fields = ["subject" as const, "text" as const];
    const { results } = await this.house.core.getMessages({ account: this.account, ids: asked, fields }, newCall());
    for (const [at, result] of results.entries()) {
      const id = asked[at] ?? "";
      const { marker } = this.issued.get(id) ?? assert.fail();
      if ("failure" in result) {
        assert.equal(result.failure.code, "message-gone");
        assert.ok(!ids.includes(id), "what is shown is there");
      } else {
        const { id: shown, subject, text } = result.message;
        assert.deepEqual([shown, subject, text?.trim()], [id, marker, `This is ${marker}.`]);
        assert.ok(ids.includes(id), "a message never has two ids");
      }
    }
  }
}

const PLAIN = ["CONDSTORE", "QRESYNC", "LIST-STATUS", "LIST-EXTENDED", "MOVE", "UIDPLUS", "ESEARCH"];
const servers: Record<string, DovecotOptions> = {
  "Dovecot with sdbox": { specialUse: false },
  "Dovecot with maildir, without extensions": { specialUse: false, storage: "maildir", without: PLAIN },
};

for (const [name, options] of Object.entries(servers)) describe(`whatever happens on ${name}`, () => suite(options));

function suite(options: DovecotOptions): void {
  let house: CoreHouse;
  before(async () => {
    house = await startCoreHouse(options);
  });
  after(() => house.stop());

  it("an id shows its own message or none, and every message has one id", async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 30 }), async (steps) => {
        run += 1;
        const account = `model${run}`;
        const plain = await house.otherClient(account);
        const world = new World(house, account, plain);
        for (const name of names.slice(1, 3)) await plain.command(`CREATE ${name}`);
        await world.settle(null);
        for (const to of [0, 0, 1]) await world.take({ do: "append", to });
        for (const each of steps) await world.take(each);
        await world.look();
        plain.close();
      }),
      { numRuns: Number(process.env.FUZZ_RUNS ?? 12), seed: Number(process.env.FUZZ_SEED ?? 20_261_125) },
    );
  });
}
