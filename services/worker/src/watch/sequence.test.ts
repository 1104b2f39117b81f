import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Event, type Position, packMailboxId } from "@postern/protocol";
import fc from "fast-check";
import { type CoreHouse, newCall, startCoreHouse } from "../testing/core-house.ts";
import { letter, type RawClient } from "../testing/raw-client.ts";
import { createSequences, type Sequences } from "./sequence.ts";

/** What events tell, put together: which messages there are, where, with which flags. */
class Follower {
  readonly messages = new Map<string, string>();
  readonly mailboxes = new Map<string, string>();

  begin(messages: ReadonlyMap<string, string>): void {
    this.messages.clear();
    for (const [id, state] of messages) this.messages.set(id, state);
  }

  take(event: Event): void {
    if ("mailbox" in event) {
      if (event.type === "mailbox.deleted") this.mailboxes.delete(event.mailbox.id);
      else this.mailboxes.set(event.mailbox.id, event.mailbox.path);
    }
    if (event.type === "message.deleted") assert.ok(this.messages.delete(event.message.id), "it was there");
    else if ("message" in event) {
      const isNew = event.type === "message.created";
      assert.equal(this.messages.has(event.message.id), !isNew, `${event.type} ${event.message.id}`);
      this.messages.set(event.message.id, `${event.message.mailboxId} ${event.message.flags.join(" ")}`);
    }
  }
}

async function stateOf({ core }: CoreHouse, account: string): Promise<Map<string, string>> {
  const state = new Map<string, string>();
  for (let cursor: string | undefined; ; ) {
    const fields: ("id" | "mailboxId" | "flags")[] = ["id", "mailboxId", "flags"];
    const input = { account, limit: 200, fields, ...(cursor !== undefined && { cursor }) };
    const page = await core.listMessages(input, newCall());
    assert.ok(!page.notModified);
    for (const { id, mailboxId = "", flags = [] } of page.items)
      state.set(id, `${mailboxId} ${flags.toSorted().join(" ")}`);
    if (page.nextCursor === null) return state;
    cursor = page.nextCursor;
  }
}

/** Sequences that cannot look into any mailbox before they are let. */
function gated({ parts, store }: CoreHouse): { sequences: Sequences; open: () => void } {
  const gate = Promise.withResolvers<void>();
  const sessions: typeof parts.sessions = {
    use: async (borrow, work) => {
      await gate.promise;
      return parts.sessions.use(borrow, work);
    },
  };
  return { sequences: createSequences({ core: { ...parts, sessions }, log: store.events }), open: gate.resolve };
}

type Step =
  | { do: "append"; to: number; flag: boolean }
  | { do: "flag" | "expunge" | "copy" | "move"; from: number; to: number; pick: number }
  | { do: "create" | "delete"; to: number }
  | { do: "rename"; to: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("append" as const), to: fc.nat(3), flag: fc.boolean() }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom("flag" as const, "expunge" as const, "copy" as const, "move" as const),
      from: fc.nat(3),
      to: fc.nat(3),
      pick: fc.nat(5),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom("create" as const, "delete" as const, "rename" as const),
      to: fc.nat(3),
    }),
  },
);

const names = ["INBOX", "A", "B", "C"];
let letters = 0;

/** Another client's step; what the server refuses is no step. */
async function perform(client: RawClient, each: Step): Promise<void> {
  const to = names[each.to] ?? "";
  try {
    if (each.do === "append") {
      letters += 1;
      return await client.append(to, [
        letter({ subject: `Letter ${letters}` }, { flags: each.flag ? ["\\Seen"] : [] }),
      ]);
    }
    if (!("pick" in each)) {
      const target = each.do === "rename" ? ` ${names[(each.to % 3) + 1]}` : "";
      return void (await client.command(`${each.do.toUpperCase()} ${to}${target}`));
    }
    const answer = await client.command(`SELECT ${names[each.from]}`);
    const count = Number(/\* (\d+) EXISTS/.exec(answer)?.[1] ?? 0);
    if (count === 0) return;
    const at = (each.pick % count) + 1;
    if (each.do === "flag") await client.command(`STORE ${at} ${each.to % 2 ? "+" : "-"}FLAGS (\\Seen $Work)`);
    else if (each.do === "copy") await client.command(`COPY ${at} ${to}`);
    else if (each.do === "move") await client.command(`MOVE ${at} ${to}`);
    else {
      await client.command(`STORE ${at} +FLAGS (\\Deleted)`);
      await client.command("EXPUNGE");
    }
  } catch (error) {
    assert.match(String(error), /NO/);
  } finally {
    await client.command("UNSELECT").catch(() => undefined);
  }
}

for (const without of [[], ["QRESYNC"], ["CONDSTORE", "QRESYNC"]]) {
  describe(`the sequence of changes, ${without.length ? `without ${without.join(" and ")}` : "with all extensions"}`, () => {
    let house: CoreHouse;
    before(async () => {
      house = await startCoreHouse({ without });
    });
    after(() => house.stop());

    const hasCondstore = !without.includes("CONDSTORE");
    const newSequences = (): Sequences => createSequences({ core: house.parts, log: house.store.events });

    async function eventsAfter(account: string, position: Position): Promise<Event[]> {
      const read = await house.store.events.read(account, { after: position, limit: 10_000 });
      assert.ok(read);
      return read.events;
    }

    /** Without CONDSTORE only who does not wait for the first look gets a position from before it. */
    const firstPosition = (sequences: Sequences, account: string): Promise<Position> =>
      hasCondstore ? sequences.state(account, newCall()) : sequences.begin(account, newCall(), 1);

    test("the first look is no news", async () => {
      const client = await house.otherClient("first");
      await client.append("INBOX", [letter({ subject: "Old" }), letter({ subject: "Older" }, { flags: ["\\Seen"] })]);
      const sequences = newSequences();
      const state = await sequences.state("first", newCall());
      assert.deepEqual(await eventsAfter("first", state), []);
      assert.equal(await sequences.bringUpToDate("first", newCall()), state);
    });

    test("to give a position, nothing is read of mailboxes whose changes the server counts", async () => {
      const client = await house.otherClient("slow");
      await client.append("INBOX", [letter({ subject: "Old" })]);
      await client.command("CREATE Empty");
      const gate = gated(house);
      if (!hasCondstore) {
        const state = gate.sequences.state("slow", newCall());
        gate.open();
        assert.deepEqual(await eventsAfter("slow", await state), []);
        return;
      }
      const state = await gate.sequences.state("slow", newCall());
      assert.deepEqual(await eventsAfter("slow", state), []);
      assert.equal(await gate.sequences.state("slow", newCall()), state);
      gate.open();
      await gate.sequences.bringUpToDate("slow", newCall());
      assert.deepEqual(await eventsAfter("slow", state), []);
    });

    test("what has changed since a position from before the first look is told, or the position expires", async () => {
      const client = await house.otherClient("busy");
      await client.append(
        "INBOX",
        [1, 2, 3].map((number) => letter({ subject: `Old ${number}` })),
      );
      await client.command("CREATE Left");
      await client.command("CREATE Named");
      const gate = gated(house);
      const state = await firstPosition(gate.sequences, "busy");
      await client.append("INBOX", [letter({ subject: "New" }, { flags: ["\\Flagged"] })]);
      await client.command("SELECT INBOX");
      await client.command("STORE 1 +FLAGS (\\Seen)");
      await client.command("UNSELECT");
      await client.command("CREATE Made");
      await client.command("DELETE Left");
      await client.command("RENAME Named Renamed");
      gate.open();
      const begun = await gate.sequences.bringUpToDate("busy", newCall());
      if (!hasCondstore) return assert.equal(await house.store.events.read("busy", { after: state, limit: 1 }), null);
      const events = await eventsAfter("busy", state);
      assert.deepEqual(events.map(({ type }) => type).sort(), [
        "mailbox.created",
        "mailbox.deleted",
        "mailbox.renamed",
        "message.created",
        "message.updated",
      ]);
      const updated = events.find(({ type }) => type === "message.updated");
      assert.ok(updated?.type === "message.updated");
      assert.deepEqual([updated.previous.flags, updated.message.flags], [null, ["\\Seen"]]);
      assert.equal(events.at(-1)?.id, begun);
    });

    test("what has gone since a position from before the first look is told where the server knows it", async () => {
      const client = await house.otherClient("gone");
      await client.append(
        "INBOX",
        [1, 2, 3, 4].map((number) => letter({ subject: `Old ${number}` })),
      );
      const ids = [...(await stateOf(house, "gone")).keys()];
      const gate = gated(house);
      const state = await firstPosition(gate.sequences, "gone");
      await client.command("SELECT INBOX");
      await client.command("STORE 2,4 +FLAGS (\\Deleted)");
      await client.command("EXPUNGE");
      gate.open();
      await gate.sequences.bringUpToDate("gone", newCall());
      const read = await house.store.events.read("gone", { after: state, limit: 10 });
      if (without.length > 0) return assert.equal(read, null);
      const gone = read?.events.flatMap((event) => (event.type === "message.deleted" ? [event.message.id] : []));
      const left = await stateOf(house, "gone");
      assert.deepEqual(gone?.toSorted(), ids.filter((id) => !left.has(id)).toSorted());
      assert.equal(read?.events.length, 2);
    });

    test("a mailbox that was made anew before the first look ends what was known of it", async () => {
      const client = await house.otherClient("anew");
      await client.command("CREATE Box");
      await client.append("Box", [letter({ subject: "Old" })]);
      const gate = gated(house);
      const state = await firstPosition(gate.sequences, "anew");
      await client.command("DELETE Box");
      gate.open();
      const begun = await gate.sequences.bringUpToDate("anew", newCall());
      assert.equal(await house.store.events.read("anew", { after: state, limit: 1 }), null);
      assert.deepEqual(await eventsAfter("anew", begun), []);
    });

    test("what others do is told once, with flags before and after and who it is from", async () => {
      const client = await house.otherClient("others");
      await client.append("INBOX", [letter({ subject: "Kept" })]);
      await client.command("CREATE Archive");
      const sequences = newSequences();
      const state = await sequences.begin("others", newCall());
      await client.append("INBOX", [
        letter({ subject: "New", from: "Grace <grace@example.com>", text: "Good morning." }),
      ]);
      await client.command("SELECT INBOX");
      await client.command("STORE 1 +FLAGS (\\Seen)");
      await client.command("MOVE 1 Archive");
      await sequences.bringUpToDate("others", newCall());
      const events = await eventsAfter("others", state);
      assert.deepEqual(events.map(({ type }) => type).sort(), ["message.created", "message.moved"]);
      const created = events.find(({ type }) => type === "message.created");
      assert.ok(created?.type === "message.created");
      const { subject, from, snippet, flags } = created.message;
      assert.deepEqual(
        [subject, from, snippet, flags],
        ["New", [{ name: "Grace", address: "grace@example.com" }], "Good morning.", []],
      );
      const moved = events.find(({ type }) => type === "message.moved");
      assert.ok(moved?.type === "message.moved");
      assert.deepEqual([moved.previous.flags, moved.message.flags], [[], ["\\Seen"]]);
      assert.notEqual(moved.previous.mailboxId, moved.message.mailboxId);
      assert.equal(await sequences.bringUpToDate("others", newCall()), events.at(-1)?.id);
    });

    test("what happened while nobody looked is told after a restart", async () => {
      const client = await house.otherClient("restart");
      const state = await newSequences().state("restart", newCall());
      await client.append("INBOX", [letter({ subject: "Meanwhile" })]);
      await newSequences().bringUpToDate("restart", newCall());
      assert.equal((await eventsAfter("restart", state)).length, 1);
    });

    test("a copy that was shown is never told of as its original, whatever has become of that", async () => {
      const client = await house.otherClient("copied");
      await client.append("INBOX", [letter({ subject: "Original", headers: ["Message-ID: <copied@example.org>"] })]);
      for (const name of ["Box", "Other"]) await client.command(`CREATE ${name}`);
      const sequences = newSequences();
      const state = await sequences.bringUpToDate("copied", newCall());
      await client.command("SELECT INBOX");
      await client.command("COPY 1 Box");
      const shown = new Set((await stateOf(house, "copied")).keys());
      assert.equal(shown.size, 2);
      await client.command("STORE 1 +FLAGS (\\Deleted)");
      await client.command("EXPUNGE");
      await sequences.bringUpToDate("copied", newCall());
      const left = [...(await stateOf(house, "copied")).keys()];
      assert.equal(left.length, 1);
      assert.ok(left.every((id) => shown.has(id)));
      const told = (await eventsAfter("copied", state)).map((event) =>
        "message" in event ? `${event.type} ${left.includes(event.message.id)}` : event.type,
      );
      assert.deepEqual(told.toSorted(), ["message.created true", "message.deleted false"]);
    });

    test("what nobody was shown before it was moved keeps its id from then on", async () => {
      const client = await house.otherClient("unseen");
      await client.append("INBOX", [letter({ subject: "Original", headers: ["Message-ID: <unseen@example.org>"] })]);
      for (const name of ["Box", "Other"]) await client.command(`CREATE ${name}`);
      const sequences = newSequences();
      const state = await sequences.bringUpToDate("unseen", newCall());
      await client.command("SELECT INBOX");
      await client.command("MOVE 1 Box");
      await sequences.bringUpToDate("unseen", newCall());
      const [event] = await eventsAfter("unseen", state);
      assert.ok(event?.type === "message.moved");
      await client.command("SELECT Box");
      await client.command("MOVE 1 Other");
      const input = { account: "unseen", ids: [event.message.id], fields: ["subject" as const] };
      const { results } = await house.core.getMessages(input, newCall());
      assert.deepEqual(
        results.map((result) => "message" in result && result.message.subject),
        ["Original"],
      );
      assert.deepEqual([...(await stateOf(house, "unseen")).keys()], [event.message.id]);
    });

    test("which of two copies an original was moved to is not guessed", async () => {
      const client = await house.otherClient("twins");
      await client.append("INBOX", [letter({ subject: "Original", headers: ["Message-ID: <twins@example.org>"] })]);
      for (const name of ["Box", "Other"]) await client.command(`CREATE ${name}`);
      const sequences = newSequences();
      const state = await sequences.bringUpToDate("twins", newCall());
      await client.command("SELECT INBOX");
      await client.command("COPY 1 Box");
      await client.command("MOVE 1 Other");
      await sequences.bringUpToDate("twins", newCall());
      const told = new Map(
        (await eventsAfter("twins", state)).flatMap((event) =>
          "message" in event ? [[event.message.id, event.type]] : [],
        ),
      );
      assert.deepEqual([...told.values()].toSorted(), ["message.created", "message.created", "message.deleted"]);
      const left = [...(await stateOf(house, "twins")).keys()];
      assert.deepEqual(
        left.map((id) => told.get(id)),
        ["message.created", "message.created"],
      );
    });

    test("a mailbox with thousands of changes is told of in order, once each", async () => {
      const client = await house.otherClient("many");
      const state = await newSequences().state("many", newCall());
      await client.append(
        "INBOX",
        Array.from({ length: 2_500 }, (_, index) => letter({ subject: `${index}` })),
      );
      await newSequences().bringUpToDate("many", newCall());
      await client.command("SELECT INBOX");
      await client.command("STORE 1:2400 +FLAGS (\\Deleted)");
      await client.command("EXPUNGE");
      await newSequences().bringUpToDate("many", newCall());
      const events = await eventsAfter("many", state);
      assert.equal(events.filter(({ type }) => type === "message.created").length, 2_500);
      assert.equal(events.filter(({ type }) => type === "message.deleted").length, 2_400);
      assert.equal(events.length, 4_900);
    });

    test("whatever another client does, the events lead to what the server has", { timeout: 240_000 }, async () => {
      let run = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { maxLength: 6 }),
          fc.array(fc.array(step, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 6 }),
          async (before, parts) => {
            run += 1;
            const account = `random${run}`;
            const client = await house.otherClient(account);
            for (const each of before) await perform(client, each);
            const follower = new Follower();
            let sequences = newSequences();
            let position = await sequences.state(account, newCall());
            follower.begin(await stateOf(house, account));
            for (const part of parts) {
              for (const each of part) await perform(client, each);
              if (part.length > 5) sequences = newSequences();
              const head = await sequences.bringUpToDate(account, newCall());
              const read = await house.store.events.read(account, { after: position, limit: 10_000 });
              // Only what was given before the first look may be worth nothing.
              if (!read) assert.equal(part, parts[0]);
              if (!read) follower.begin(await stateOf(house, account));
              for (const event of read?.events ?? []) follower.take(event);
              position = head;
              assert.deepEqual(
                new Map([...follower.messages].sort()),
                new Map([...(await stateOf(house, account))].sort()),
              );
            }
            client.close();
          },
        ),
        { numRuns: 15 },
      );
    });

    test("a mailbox that was made anew is told of as one", async () => {
      const client = await house.otherClient("reset");
      await client.command("CREATE Box");
      await client.append("Box", [letter({ subject: "One" }), letter({ subject: "Two" })]);
      const sequences = newSequences();
      const state = await sequences.begin("reset", newCall());
      await client.command("DELETE Box");
      await client.command("CREATE Box");
      await client.append("Box", [letter({ subject: "Three" })]);
      // Dovecot stumbles for a moment over a name that is given anew, and tells of the new mailbox only after that.
      let events: Event[] = [];
      while (!events.some(({ type }) => type === "message.created")) {
        await sequences.bringUpToDate("reset", newCall());
        events = await eventsAfter("reset", state);
      }
      const reset = events.find(({ type }) => type === "mailbox.reset");
      assert.ok(reset?.type === "mailbox.reset");
      assert.deepEqual([reset.mailbox.kept, reset.mailbox.lost], [0, 2]);
      const record = (await house.store.mailboxes.list("reset")).records.find(({ path }) => path === "Box");
      const accountKey = (await house.store.accounts.get("reset"))?.key ?? 0;
      assert.equal(reset.mailbox.id, packMailboxId({ accountKey, mailboxKey: record?.key ?? 0 }));
    });
  });
}
