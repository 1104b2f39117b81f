import assert from "node:assert/strict";
import { test } from "node:test";
import { isFailure, type NewEvent, type Position } from "@postern/protocol";
import type { LogResult, Store } from "../store.ts";
import type { Pair } from "./index.ts";
import { account } from "./samples.ts";

export function deletion(id: string): NewEvent {
  const time = "2026-01-02T03:04:05.000Z";
  return { type: "message.deleted", time, cause: null, message: { id, mailboxId: "mbx_a" } };
}

function headOf(result: LogResult): Position {
  assert.ok(result.taken, JSON.stringify(result));
  return result.head;
}

/** An account whose sequence has begun, and where it did. */
async function begun(store: Store, id: string): Promise<Position> {
  await store.accounts.create(account(id));
  return headOf(await store.events.append(id, { epoch: 1, after: "0-0", begins: true, events: [] }));
}

export function eventsContract(pair: () => Pair): void {
  test("a log that has not begun cannot be read", async () => {
    const { one } = pair();
    await one.accounts.create(account("log-none"));
    assert.equal(await one.events.span("log-none"), null);
    assert.equal(await one.events.read("log-none", { after: "0-0", limit: 1 }), null);
    assert.deepEqual(await one.events.heads("log-none"), { head: "0-0", heads: new Map() });
  });

  test("events come back in order, under ids that rise, from any position since the beginning", async () => {
    const { one, other } = pair();
    const start = await begun(one, "log-order");
    assert.equal(start, "1-1");
    const made: NewEvent[] = [
      { ...deletion("msg_ü"), cause: { requestId: "r", actor: "tok_a" } },
      { ...deletion("msg_b"), historical: true },
    ];
    const first = await one.events.append("log-order", { epoch: 1, after: start, events: made });
    const head = headOf(await other.events.append("log-order", { epoch: 1, after: "1-3", events: [deletion("c")] }));
    assert.deepEqual(await one.events.span("log-order"), { oldest: start, head });
    const read = await other.events.read("log-order", { after: start, limit: 10 });
    assert.deepEqual(
      read?.events.map(({ id }) => id),
      ["1-2", "1-3", "1-4"],
    );
    assert.deepEqual(read?.events.slice(0, 2), first.taken && first.events);
    assert.deepEqual(read?.events[0], { id: "1-2", accountId: "log-order", ...made[0] });
    assert.equal(read?.head, "1-4");
    const page = await one.events.read("log-order", { after: "1-2", limit: 1 });
    assert.deepEqual(
      page?.events.map(({ id }) => id),
      ["1-3"],
    );
    assert.deepEqual(await one.events.read("log-order", { after: "1-4", limit: 1 }), { events: [], head: "1-4" });
  });

  test("a position before the beginning or beyond the end cannot be read from", async () => {
    const { one } = pair();
    await begun(one, "log-ends");
    for (const after of ["0-0", "1-0", "1-2", "2-0", "nonsense"])
      assert.equal(await one.events.read("log-ends", { after, limit: 1 }), null, after);
  });

  test("who has lost the account is refused, and a new owner's positions are higher whatever came before", async () => {
    const { one, other } = pair();
    const start = await begun(one, "log-fence");
    const taken = await other.events.append("log-fence", { epoch: 5, after: start, events: [deletion("a")] });
    assert.equal(headOf(taken), "5-1");
    assert.deepEqual(await one.events.append("log-fence", { epoch: 4, after: "5-1", events: [deletion("b")] }), {
      taken: false,
      because: "epoch",
      head: "5-1",
    });
    assert.equal((await one.events.read("log-fence", { after: start, limit: 9 }))?.events.length, 1);
  });

  test("a step that was compared with another end is not taken, nor what goes with it", async () => {
    const { one, other } = pair();
    const start = await begun(one, "log-after");
    const step = { epoch: 1, after: start, events: [deletion("a")], heads: [["k", "1"]] } as const;
    assert.equal((await one.events.append("log-after", step)).taken, true);
    const again = { ...step, heads: [["k", "2"]], rows: [["r", Buffer.from("x")]] } as const;
    assert.deepEqual(await other.events.append("log-after", again), { taken: false, because: "after", head: "1-2" });
    assert.deepEqual(await other.events.heads("log-after"), { head: "1-2", heads: new Map([["k", "1"]]) });
    assert.deepEqual(await other.events.rows("log-after", ["r"]), [null]);
  });

  test("what was lost is left behind by another epoch", async () => {
    const { one } = pair();
    const start = await begun(one, "log-raise");
    const raised = await one.events.append("log-raise", {
      epoch: 1,
      after: start,
      raises: true,
      events: [deletion("a")],
    });
    assert.equal(headOf(raised), "2-1");
    assert.equal((await one.events.read("log-raise", { after: start, limit: 9 }))?.events.length, 1);
  });

  test("what is kept to compare with is written with the events, octet for octet, and erased", async () => {
    const { one, other } = pair();
    const start = await begun(one, "log-seen");
    const octets = Uint8Array.from({ length: 70_000 }, (_, index) => index % 256);
    const step = {
      epoch: 1,
      after: start,
      events: [],
      heads: [
        ["a", "ä"],
        ["b", ""],
      ],
      rows: [
        ["1:0", octets],
        ["1:1", octets.subarray(3, 9)],
      ],
    } as const;
    const head = headOf(await one.events.append("log-seen", step));
    assert.equal(head, start, "nothing happened that a reader should know");
    assert.deepEqual(
      (await other.events.heads("log-seen")).heads,
      new Map([
        ["a", "ä"],
        ["b", ""],
      ]),
    );
    const rows = await other.events.rows("log-seen", ["1:1", "none", "1:0"]);
    assert.deepEqual(
      rows.map((row) => row && [...row]),
      [[3, 4, 5, 6, 7, 8], null, [...octets]],
    );
    await other.events.append("log-seen", {
      epoch: 1,
      after: start,
      events: [],
      heads: [["a", null]],
      rows: [["1:0", null]],
    });
    assert.deepEqual((await one.events.heads("log-seen")).heads, new Map([["b", ""]]));
    assert.equal((await one.events.rows("log-seen", ["1:0"]))[0], null);
  });

  test("however many write at once, nothing is lost, doubled or out of order", async () => {
    const { one, other } = pair();
    await begun(one, "log-race");
    const write = async (store: Store, name: string): Promise<void> => {
      for (let count = 0; count < 20; ) {
        const { head } = await store.events.heads("log-race");
        const result = await store.events.append("log-race", {
          epoch: 1,
          after: head,
          events: [deletion(`${name}${count}`)],
        });
        if (result.taken) count += 1;
      }
    };
    await Promise.all([write(one, "a"), write(other, "b"), write(one, "c")]);
    const events = (await other.events.read("log-race", { after: "1-1", limit: 100 }))?.events ?? [];
    assert.deepEqual(
      events.map(({ id }) => id),
      Array.from({ length: 60 }, (_, index) => `1-${index + 2}`),
    );
    assert.equal(new Set(events.map((event) => "message" in event && event.message.id)).size, 60);
  });

  test("growth is told to those who listen, in the process that wrote", async () => {
    const { one } = pair();
    let head = await begun(one, "log-growth");
    const told = new Set<string | null>();
    const end = one.events.onGrowth((accountId) => told.add(accountId));
    while (!told.has("log-growth")) {
      head = headOf(await one.events.append("log-growth", { epoch: 1, after: head, events: [deletion("a")] }));
      await new Promise((resolve) => setImmediate(resolve));
    }
    end();
  });

  test("nothing of a log is left when its account goes, and nothing is written for one that is gone", async () => {
    const { one, other } = pair();
    const start = await begun(one, "log-gone");
    const step = {
      epoch: 1,
      after: start,
      events: [deletion("a")],
      heads: [["a", "1"]],
      rows: [["r", Buffer.from("x")]],
    } as const;
    await one.events.append("log-gone", step);
    await one.accounts.remove("log-gone");
    await assert.rejects(other.events.append("log-gone", step), (error) => isFailure(error, "not-found"));
    await one.accounts.create(account("log-gone"));
    assert.equal(await other.events.span("log-gone"), null);
    assert.deepEqual(await other.events.heads("log-gone"), { head: "0-0", heads: new Map() });
    assert.deepEqual(await other.events.rows("log-gone", ["r"]), [null]);
  });

  test("a thousand events and their octets in one step are no matter", async () => {
    const { one, other } = pair();
    const start = await begun(one, "log-large");
    const events = Array.from({ length: 2_000 }, (_, index) => deletion(`msg_${index}`));
    const rows = Array.from({ length: 30 }, (_, index) => [`1:${index}`, Buffer.alloc(60_000, index)] as const);
    assert.equal(headOf(await one.events.append("log-large", { epoch: 1, after: start, events, rows })), "1-2001");
    assert.equal((await other.events.read("log-large", { after: "1-2000", limit: 9 }))?.events.length, 1);
  });
}

/** For a log that keeps 10 events and lets 5 more stand. */
export async function trims(store: Pick<Store, "accounts" | "events">): Promise<void> {
  await store.accounts.create(account("log-trim"));
  let head = headOf(await store.events.append("log-trim", { epoch: 1, after: "0-0", begins: true, events: [] }));
  for (let count = 0; count < 30; count += 1)
    head = headOf(await store.events.append("log-trim", { epoch: 1, after: head, events: [deletion(`${count}`)] }));
  const { oldest = "" } = (await store.events.span("log-trim")) ?? {};
  const left = (await store.events.read("log-trim", { after: oldest, limit: 100 }))?.events ?? [];
  assert.ok(left.length >= 10 && left.length <= 15, `${left.length} are left`);
  assert.equal(left.at(-1)?.id, head);
  assert.equal(await store.events.read("log-trim", { after: "1-1", limit: 1 }), null);
}
