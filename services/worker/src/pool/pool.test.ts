import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { type Lease, Pool } from "./index.ts";
import type { PoolOptions } from "./pool.ts";
import type { Wish } from "./queue.ts";

interface Thing {
  name: string;
  dead: boolean;
}

/** Whatever is given back is taken elsewhere. */
const NONE = Number.NEGATIVE_INFINITY;

const benches: Bench[] = [];
afterEach(() => {
  for (const { pool } of benches.splice(0)) pool.destroy();
});

/** A pool of things that open when the test says so, and what became of them. */
class Bench {
  limit = 5;
  places = Number.POSITIVE_INFINITY;
  /** A place that is given back is offered to us at once. */
  offers = false;
  time = 0;
  hopeless: Error | null = null;
  canWait = false;
  /** For closing with ceremony, until the test says that it is over. */
  goodbyes: (() => void)[] | null = null;
  readonly openings: { succeed: () => Promise<Thing>; fail: (error: Error) => Promise<void> }[] = [];
  readonly opened: Thing[] = [];
  readonly closed: { name: string; gracefully: boolean }[] = [];
  readonly pool: Pool<Thing>;

  constructor(options: Partial<PoolOptions<Thing>> = {}) {
    this.pool = new Pool<Thing>({
      open: () => this.open(),
      close: ({ name }, gracefully) => {
        this.closed.push({ name, gracefully });
        if (!gracefully || !this.goodbyes) return undefined;
        const goodbye = Promise.withResolvers<void>();
        this.goodbyes.push(goodbye.resolve);
        return goodbye.promise;
      },
      isUsable: (thing) => !thing.dead,
      limit: () => this.limit,
      takePlace: () => this.takePlace(),
      isPlaceWanted: () => false,
      canWaitAfter: () => this.canWait,
      hopeless: () => this.hopeless,
      refuse: (why) => new Error(why),
      maxWaiting: 10,
      now: () => this.time,
      ...options,
    });
    benches.push(this);
  }

  private open(): Promise<Thing> {
    const opening = Promise.withResolvers<Thing>();
    this.openings.push({
      succeed: async () => {
        const thing = { name: `t${this.opened.length + 1}`, dead: false };
        this.opened.push(thing);
        opening.resolve(thing);
        await settled();
        return thing;
      },
      fail: async (error) => {
        opening.reject(error);
        await settled();
      },
    });
    return opening.promise;
  }

  private takePlace(): (() => void) | null {
    if (this.places <= 0) return null;
    this.places -= 1;
    return () => {
      this.places += 1;
      if (this.offers) this.pool.retry();
    };
  }

  borrow(wish: Partial<Wish> = {}): Asked {
    const signal = new AbortController().signal;
    return ask(this.pool.borrow({ key: null, lane: "interactive", deadline: 1e9, signal, ...wish }));
  }

  /** So many free ones, last used for these keys. */
  async with(...keys: (string | null)[]): Promise<void> {
    const leases: Lease<Thing>[] = [];
    for (const _ of keys) {
      const asked = this.borrow();
      await this.openings.at(-1)?.succeed();
      leases.push(await asked.promise);
    }
    for (const [index, lease] of leases.entries()) {
      this.time += 1;
      lease.release(keys[index] ?? null);
    }
  }
}

interface Asked {
  promise: Promise<Lease<Thing>>;
  state: () => "waiting" | "served" | "refused";
}

function ask(promise: Promise<Lease<Thing>>): Asked {
  let state: ReturnType<Asked["state"]> = "waiting";
  const become = (to: typeof state) => (): void => {
    state = to;
  };
  promise.then(become("served"), become("refused"));
  return { promise, state: () => state };
}

/** Everything that was promised so far has been told. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

test("what is opened is lent, and lent again when it comes back", async () => {
  const bench = new Bench();
  const asked = bench.borrow();
  assert.deepEqual(bench.pool.counts(), { opening: 1, free: 0, lent: 0, closing: 0, waiting: 1 });
  await bench.openings[0]?.succeed();
  const lease = await asked.promise;
  assert.deepEqual(bench.pool.counts(), { opening: 0, free: 0, lent: 1, closing: 0, waiting: 0 });
  lease.release(null);
  assert.equal((await bench.borrow().promise).thing, lease.thing);
  assert.equal(bench.openings.length, 1);
});

test("giving back twice does not lend to two", async () => {
  const bench = new Bench();
  bench.limit = 1;
  await bench.with(null);
  const first = await bench.borrow().promise;
  first.release(null);
  await bench.borrow().promise;
  first.release(null);
  const third = bench.borrow();
  await settled();
  assert.equal(third.state(), "waiting");
});

test("no more are opened than the limit, however many wait", () => {
  const bench = new Bench();
  bench.limit = 3;
  for (let count = 0; count < 10; count += 1) void bench.borrow();
  assert.equal(bench.openings.length, 3);
});

test("one that is being closed counts until it is closed, since the other side counts it as well", async () => {
  const bench = new Bench();
  bench.limit = 1;
  bench.goodbyes = [];
  await bench.with(null);
  bench.pool.raise();
  const asked = bench.borrow();
  assert.equal(bench.openings.length, 1);
  assert.equal(bench.pool.counts().closing, 1);
  bench.goodbyes[0]?.();
  await settled();
  assert.equal(bench.openings.length, 2);
  await bench.openings[1]?.succeed();
  assert.equal((await asked.promise).thing.name, "t2");
});

test("when the limit falls, what comes back goes, down to the new limit", async () => {
  const bench = new Bench();
  await bench.with(null, null, null);
  const leases = await Promise.all([bench.borrow().promise, bench.borrow().promise, bench.borrow().promise]);
  bench.limit = 1;
  for (const lease of leases) lease.release(null);
  assert.deepEqual(
    bench.closed.map(({ gracefully }) => gracefully),
    [true, true],
  );
  assert.equal(bench.pool.counts().free, 1);
});

test("when the limit falls, what is there stays while more is on its way, which goes when it comes", async () => {
  const bench = new Bench();
  bench.canWait = true;
  const first = [bench.borrow(), bench.borrow()];
  for (const { succeed } of bench.openings) await succeed();
  const [more, others] = [bench.borrow(), bench.borrow()];
  bench.limit = 2;
  for (const { promise } of first) (await promise).release(null);
  await settled();
  assert.deepEqual([more.state(), others.state()], ["served", "served"]);
  assert.deepEqual(bench.closed, []);
  await bench.openings[2]?.succeed();
  await bench.openings[3]?.fail(new Error("too many"));
  assert.deepEqual(bench.closed, [{ name: "t3", gracefully: true }]);
});

test("one is left even where the limit says none", () => {
  const bench = new Bench();
  bench.limit = 0;
  void bench.borrow();
  assert.equal(bench.openings.length, 1);
});

test("one last used for the same is preferred", async () => {
  const bench = new Bench();
  await bench.with("a", "b", "c");
  assert.equal((await bench.borrow({ key: "b" }).promise).thing.name, "t2");
});

test("where none was used for the same, the one that is free for longest is taken", async () => {
  const bench = new Bench();
  await bench.with("a", "b", "c");
  assert.equal((await bench.borrow({ key: "d" }).promise).thing.name, "t1");
});

test("one that had better not be taken is taken last, and another is opened for those to come", async () => {
  const bench = new Bench();
  await bench.with("a", "b");
  assert.equal((await bench.borrow({ avoid: "a" }).promise).thing.name, "t2");
  const alone = new Bench();
  await alone.with("a");
  assert.equal((await alone.borrow({ avoid: "a" }).promise).thing.name, "t1");
  assert.equal(alone.openings.length, 2);
});

test("with a limit of one, no other is opened for those to come", async () => {
  const bench = new Bench();
  bench.limit = 1;
  await bench.with("a");
  await bench.borrow({ avoid: "a" }).promise;
  assert.equal(bench.openings.length, 1);
});

test("those who wait are served in their order", async () => {
  const bench = new Bench();
  bench.limit = 1;
  await bench.with(null);
  const lease = await bench.borrow().promise;
  const [first, second] = [bench.borrow(), bench.borrow()];
  lease.release(null);
  await settled();
  assert.deepEqual([first.state(), second.state()], ["served", "waiting"]);
});

test("interactive work goes before bulk work that came first", async () => {
  const bench = new Bench();
  bench.limit = 1;
  await bench.with(null);
  const lease = await bench.borrow().promise;
  const bulk = bench.borrow({ lane: "bulk" });
  const interactive = bench.borrow();
  lease.release(null);
  await settled();
  assert.deepEqual([interactive.state(), bulk.state()], ["served", "waiting"]);
});

test("one place is never lent to bulk work, nor opened for it", async () => {
  const bench = new Bench();
  bench.limit = 3;
  const bulk = [1, 2, 3, 4].map(() => bench.borrow({ lane: "bulk" }));
  assert.equal(bench.openings.length, 2);
  for (const opening of bench.openings) await opening.succeed();
  assert.deepEqual(
    bulk.map(({ state }) => state()),
    ["served", "served", "waiting", "waiting"],
  );
  const interactive = bench.borrow();
  await bench.openings[2]?.succeed();
  assert.equal(interactive.state(), "served");
});

test("a free place is kept from bulk work even if nobody else wants it at the moment", async () => {
  const bench = new Bench();
  bench.limit = 2;
  await bench.with(null, null);
  const [first, second] = [bench.borrow({ lane: "bulk" }), bench.borrow({ lane: "bulk" })];
  await settled();
  assert.deepEqual([first.state(), second.state(), bench.pool.counts().free], ["served", "waiting", 1]);
});

test("too long a queue is refused at once, and each lane has its own", async () => {
  const bench = new Bench({ maxWaiting: 2 });
  for (let count = 0; count < 2; count += 1) void bench.borrow({ lane: "bulk" });
  await assert.rejects(bench.borrow({ lane: "bulk" }).promise, /queue-full/);
  const interactive = bench.borrow();
  await settled();
  assert.equal(interactive.state(), "waiting");
});

test("who waits past the deadline is refused, and no longer counted", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const bench = new Bench();
  const asked = bench.borrow({ deadline: 100 });
  t.mock.timers.tick(100);
  await assert.rejects(asked.promise, /deadline/);
  assert.equal(bench.pool.counts().waiting, 0);
});

test("who comes after the deadline is refused, though something is free", async () => {
  const bench = new Bench();
  await bench.with(null);
  await assert.rejects(bench.borrow({ deadline: bench.time }).promise, /deadline/);
  assert.equal(bench.pool.counts().free, 1);
});

test("a caller who gives up does not cancel the opening: it is there for the next", async () => {
  const bench = new Bench();
  const caller = new AbortController();
  const asked = bench.borrow({ signal: caller.signal });
  caller.abort(new Error("gone"));
  await assert.rejects(asked.promise, /gone/);
  await bench.openings[0]?.succeed();
  assert.equal(bench.pool.counts().free, 1);
  assert.equal((await bench.borrow().promise).thing.name, "t1");
  assert.equal(bench.openings.length, 1);
});

test("who has given up before they ask takes nothing", async () => {
  const bench = new Bench();
  await bench.with(null);
  await assert.rejects(bench.borrow({ signal: AbortSignal.abort(new Error("gone")) }).promise, /gone/);
  assert.deepEqual(bench.pool.counts(), { opening: 0, free: 1, lent: 0, closing: 0, waiting: 0 });
});

test("when opening fails and nothing else is there, all who wait are told why", async () => {
  const bench = new Bench();
  bench.limit = 1;
  bench.offers = true;
  const asked = [bench.borrow(), bench.borrow()];
  await bench.openings[0]?.fail(new Error("refused"));
  for (const { promise } of asked) await assert.rejects(promise, /refused/);
  assert.ok(bench.pool.isEmpty);
});

test("when opening fails and others may come back, those who wait go on waiting and are served by them", async () => {
  const bench = new Bench();
  bench.canWait = true;
  await bench.with(null);
  const lease = await bench.borrow().promise;
  bench.places = 1;
  const asked = bench.borrow();
  bench.places = 0;
  await bench.openings[1]?.fail(new Error("too many"));
  assert.equal(asked.state(), "waiting");
  lease.release(null);
  assert.equal((await asked.promise).thing.name, "t1");
});

test("when the last one dies and none may be opened, those who wait are told why instead of waiting in vain", async () => {
  const bench = new Bench();
  bench.limit = 1;
  await bench.with(null);
  const lease = await bench.borrow().promise;
  const asked = bench.borrow();
  bench.places = NONE;
  bench.hopeless = new Error("the server rests");
  lease.thing.dead = true;
  lease.release(null);
  await assert.rejects(asked.promise, /the server rests/);
});

test("where only a shared place is missing, those who wait get it when it is there", async () => {
  const bench = new Bench();
  bench.places = 0;
  const asked = bench.borrow();
  assert.equal(bench.openings.length, 0);
  bench.places = 1;
  bench.pool.retry();
  await bench.openings[0]?.succeed();
  assert.equal(asked.state(), "served");
});

test("a place that others wait for is given up by the one that is free for longest", async () => {
  const bench = new Bench();
  await bench.with("a", "b");
  assert.equal(bench.pool.spare(), true);
  assert.deepEqual(bench.closed, [{ name: "t1", gracefully: true }]);
  await bench.borrow().promise;
  assert.equal(bench.pool.spare(), false);
});

test("what comes back goes to those who wait elsewhere, if they are to have it", async () => {
  const asked: boolean[] = [];
  const bench = new Bench({
    isPlaceWanted: (isNeeded) => {
      asked.push(isNeeded);
      return !isNeeded;
    },
  });
  bench.limit = 1;
  await bench.with("a");
  assert.deepEqual(bench.closed, [{ name: "t1", gracefully: true }]);
  const first = bench.borrow();
  const second = bench.borrow();
  await bench.openings[1]?.succeed();
  (await first.promise).release(null);
  await settled();
  assert.equal(second.state(), "served");
  assert.deepEqual(asked, [false, true]);
});

test("one that died while it was lent is closed when it comes back, and another is opened for those who wait", async () => {
  const bench = new Bench();
  bench.limit = 1;
  await bench.with(null);
  const lease = await bench.borrow().promise;
  const asked = bench.borrow();
  lease.thing.dead = true;
  lease.release(null);
  assert.deepEqual(bench.closed, [{ name: "t1", gracefully: false }]);
  await bench.openings[1]?.succeed();
  assert.equal((await asked.promise).thing.name, "t2");
});

test("one that died while it was free is never lent", async () => {
  const bench = new Bench();
  await bench.with(null);
  const [dead] = bench.opened;
  assert.ok(dead);
  dead.dead = true;
  const asked = bench.borrow();
  await bench.openings[1]?.succeed();
  assert.equal((await asked.promise).thing.name, "t2");
  assert.equal(bench.pool.counts().closing, 0);
});

test("a dead one that gives its place up in the moment of lending does not have another lent twice", async () => {
  const bench = new Bench();
  await bench.with("a", "b");
  bench.offers = true;
  const dead = bench.opened[1];
  assert.ok(dead);
  dead.dead = true;
  assert.equal((await bench.borrow().promise).thing.name, "t1");
  assert.deepEqual(bench.pool.counts(), { opening: 0, free: 0, lent: 1, closing: 0, waiting: 0 });
});

test("one that was dead when it was opened is not lent, and another is opened", async () => {
  const bench = new Bench({ isUsable: (thing) => thing.name !== "t1" });
  const asked = bench.borrow();
  await bench.openings[0]?.succeed();
  assert.equal(asked.state(), "waiting");
  await bench.openings[1]?.succeed();
  assert.equal(asked.state(), "served");
});

test("one that ends by itself while it is free is let go of at once", async () => {
  const bench = new Bench();
  await bench.with(null);
  const [thing] = bench.opened;
  assert.ok(thing);
  bench.pool.dropDead(thing);
  assert.ok(bench.pool.isEmpty);
});

test("a new generation closes what is free, and what is lent when it comes back", async () => {
  const bench = new Bench();
  await bench.with(null, null);
  const lease = await bench.borrow().promise;
  bench.pool.raise();
  assert.deepEqual(bench.closed, [{ name: "t2", gracefully: true }]);
  assert.equal(bench.pool.counts().lent, 1);
  lease.release(null);
  assert.deepEqual(bench.closed[1], { name: "t1", gracefully: true });
  assert.ok(bench.pool.isEmpty);
});

test("who waits when the generation is raised is served by the new one, not by what was on its way", async () => {
  const bench = new Bench();
  const asked = bench.borrow();
  bench.pool.raise();
  assert.equal(bench.openings.length, 2);
  await bench.openings[0]?.succeed();
  assert.equal(asked.state(), "waiting");
  assert.deepEqual(bench.closed, [{ name: "t1", gracefully: true }]);
  await bench.openings[1]?.succeed();
  assert.equal((await asked.promise).thing.name, "t2");
});

test("that an earlier generation failed to open is nothing to those who wait for the new one", async () => {
  const bench = new Bench();
  bench.limit = 1;
  const asked = bench.borrow();
  bench.pool.raise();
  await bench.openings[0]?.fail(new Error("the old password is refused"));
  await bench.openings[1]?.succeed();
  assert.equal(asked.state(), "served");
});

test("what nobody uses goes, though it is kept alive", async () => {
  const bench = new Bench();
  await bench.with("a");
  for (const time of [40, 80]) {
    bench.time = time;
    bench.pool.tend(30, async () => undefined);
    await settled();
    bench.pool.dropUnused(100);
  }
  assert.equal(bench.pool.counts().free, 1);
  bench.time = 120;
  bench.pool.dropUnused(100);
  assert.deepEqual(bench.closed, [{ name: "t1", gracefully: true }]);
});

test("only what is quiet is kept alive, and what was used for it stays known", async () => {
  const bench = new Bench();
  await bench.with("a", "b");
  bench.time = 100;
  (await bench.borrow({ key: "b" }).promise).release("b");
  const tended: string[] = [];
  bench.pool.tend(50, async ({ name }) => {
    tended.push(name);
  });
  await settled();
  assert.deepEqual(tended, ["t1"]);
  assert.equal((await bench.borrow({ key: "a" }).promise).thing.name, "t1");
});

test("one that dies of being kept alive is let go of", async () => {
  const bench = new Bench();
  await bench.with("a");
  bench.time = 100;
  bench.pool.tend(50, async (thing) => {
    thing.dead = true;
    throw new Error("gone");
  });
  await settled();
  assert.ok(bench.pool.isEmpty);
});

test("who comes while one is kept alive waits for it no longer than that takes", async () => {
  const bench = new Bench();
  bench.limit = 1;
  await bench.with("a");
  bench.time = 100;
  const answer = Promise.withResolvers<void>();
  bench.pool.tend(50, () => answer.promise);
  const asked = bench.borrow({ key: "a" });
  assert.equal(asked.state(), "waiting");
  answer.resolve();
  assert.equal((await asked.promise).thing.name, "t1");
});

test("draining refuses those who wait and come, closes what is free, and is over when the last has come back and said goodbye", async () => {
  const bench = new Bench();
  bench.limit = 2;
  bench.goodbyes = [];
  await bench.with(null, null);
  const lease = await bench.borrow().promise;
  const other = await bench.borrow().promise;
  const waiting = bench.borrow();
  other.release(null);
  const second = await waiting.promise;
  const late = bench.borrow();
  let isOver = false;
  const over = bench.pool.drain().finally(() => {
    isOver = true;
  });
  await assert.rejects(late.promise, /ended/);
  await assert.rejects(bench.borrow().promise, /ended/);
  lease.release(null);
  second.release(null);
  await settled();
  assert.equal(isOver, false);
  for (const goodbye of bench.goodbyes) goodbye();
  await over;
  assert.ok(bench.pool.isEmpty);
  assert.ok(bench.closed.every(({ gracefully }) => gracefully));
});

test("what is on its way when the pool drains is closed as it comes", async () => {
  const bench = new Bench();
  const asked = bench.borrow();
  const over = bench.pool.drain();
  await assert.rejects(asked.promise, /ended/);
  await bench.openings[0]?.succeed();
  await over;
  assert.deepEqual(bench.closed, [{ name: "t1", gracefully: true }]);
});

test("destroying cuts everything at once, what is lent included", async () => {
  const bench = new Bench();
  bench.goodbyes = [];
  await bench.with(null, null);
  const lease = await bench.borrow().promise;
  bench.pool.destroy();
  assert.deepEqual(
    bench.closed.map(({ gracefully }) => gracefully),
    [false, false],
  );
  assert.ok(bench.pool.isEmpty);
  lease.release(null);
  assert.equal(bench.closed.length, 2);
});
