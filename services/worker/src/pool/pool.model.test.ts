import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Lease, Pool } from "./index.ts";
import type { Lane } from "./entry.ts";

interface Thing {
  readonly generation: number;
  dead: boolean;
  closed: boolean;
  holder: Ask | null;
  key: string | null;
}

interface Ask {
  readonly lane: Lane;
  readonly key: string | null;
  readonly avoid: string | undefined;
  readonly caller: AbortController;
  state: "waiting" | "served" | "refused";
  lease: Lease<Thing> | null;
}

interface Opening {
  readonly generation: number;
  readonly succeed: (thing: Thing) => void;
  readonly fail: (error: Error) => void;
}

const MAX_WAITING = 4;
const PLACES = 6;

/** A pool, and beside it what everybody who has to do with it can see. Whatever must always hold is looked at as it happens. */
class World {
  readonly things: Thing[] = [];
  readonly asks: Ask[] = [];
  openings: Opening[] = [];
  goodbyes: (() => void)[] = [];
  limit = 3;
  generation = 0;
  time = 0;
  taken = 0;
  elsewhere = 0;
  canWait = false;
  wrongs: string[] = [];
  readonly pool = new Pool<Thing>({
    open: () => this.open(),
    close: (thing, gracefully) => this.close(thing, gracefully),
    isUsable: (thing) => !thing.dead,
    limit: () => this.limit,
    takePlace: () => this.takePlace(),
    isPlaceWanted: () => false,
    canWaitAfter: (_, { free, lent, opening }) => this.canWait && free + lent + opening > 0,
    hopeless: () => null,
    refuse: (why) => new Error(why),
    maxWaiting: MAX_WAITING,
    now: () => this.time,
  });

  private must(holds: boolean, rule: string): void {
    if (!holds) this.wrongs.push(rule);
  }

  private open(): Promise<Thing> {
    this.must(this.taken <= Math.max(1, this.limit), "never more than the limit");
    const { promise, resolve, reject } = Promise.withResolvers<Thing>();
    this.openings.push({ generation: this.generation, succeed: resolve, fail: reject });
    return promise;
  }

  private takePlace(): (() => void) | null {
    if (this.taken + this.elsewhere >= PLACES) return null;
    this.taken += 1;
    let given = false;
    return () => {
      this.must(!given, "a place is given back once");
      given = true;
      this.taken -= 1;
      // As a place that many share does: it is offered at once to whoever waits.
      this.pool.retry();
    };
  }

  private close(thing: Thing, gracefully: boolean): Promise<void> | undefined {
    this.must(!thing.closed, "closed once");
    thing.closed = true;
    if (!gracefully) return undefined;
    return new Promise((resolve) => {
      this.goodbyes.push(resolve);
    });
  }

  borrow(lane: Lane, key: string | null, avoid: string | undefined): void {
    const ask: Ask = { lane, key, avoid, caller: new AbortController(), state: "waiting", lease: null };
    const waitingBefore = this.waiting(lane).length;
    const free = this.free();
    const asked = this.time;
    this.asks.push(ask);
    const wish = { key, avoid, lane, deadline: Number.MAX_SAFE_INTEGER, signal: ask.caller.signal };
    this.pool.borrow(wish).then(
      // Who had to wait gets what comes.
      (lease) => this.served(ask, lease, this.time === asked ? free : []),
      (error: Error) => {
        ask.state = "refused";
        this.must(error.message !== "queue-full" || waitingBefore >= MAX_WAITING, "refused only if the queue is full");
      },
    );
  }

  private served(ask: Ask, lease: Lease<Thing>, freeBefore: readonly Thing[]): void {
    const { thing } = lease;
    this.must(thing.holder === null, "lent to one at a time");
    this.must(!thing.closed && !thing.dead, "only what is alive is lent");
    this.must(thing.generation === this.generation, "nothing of an earlier generation is lent");
    if (ask.lane === "bulk") this.must(this.waiting("interactive").length === 0, "interactive before bulk");
    if (freeBefore.some(({ key }) => key === ask.key && key !== ask.avoid))
      this.must(thing.key === ask.key, "same key first");
    thing.holder = ask;
    ask.state = "served";
    ask.lease = lease;
    const bulk = this.holding("bulk").length;
    if (ask.lane === "bulk") this.must(bulk <= Math.max(1, this.limit - 1), "one place is kept from bulk");
  }

  release(ask: Ask, usedFor: string | null): void {
    const { lease } = ask;
    if (!lease) return;
    const { thing } = lease;
    ask.lease = null;
    thing.holder = null;
    thing.key = usedFor;
    const { free, lent } = this.pool.counts();
    const isInExcess = free + lent > Math.max(1, this.limit);
    lease.release(usedFor);
    lease.release(usedFor);
    if (isInExcess) this.must(thing.closed, "what is beyond the limit goes on return");
    if (thing.generation !== this.generation || thing.dead)
      this.must(thing.closed, "what is of yesterday dies on return");
  }

  waiting(lane: Lane): Ask[] {
    return this.asks.filter((ask) => ask.state === "waiting" && ask.lane === lane);
  }

  holding(lane: Lane): Ask[] {
    return this.asks.filter((ask) => ask.lease !== null && ask.lane === lane);
  }

  free(): Thing[] {
    const isFree = (thing: Thing): boolean => !thing.closed && !thing.dead && thing.holder === null;
    return this.things.filter((thing) => isFree(thing) && thing.generation === this.generation);
  }

  /** What must hold whenever nothing is about to happen by itself. */
  look(): void {
    assert.deepEqual(this.wrongs, []);
    const counts = this.pool.counts();
    const waiting = this.waiting("interactive").length + this.waiting("bulk").length;
    assert.equal(counts.waiting, waiting, "nobody is forgotten");
    for (const lane of ["interactive", "bulk"] as const) assert.ok(this.waiting(lane).length <= MAX_WAITING);
    const left = this.asks.filter(({ caller, state }) => caller.signal.aborted && state === "waiting");
    assert.equal(left.length, 0, "who gives up is let go");
    assert.equal(counts.lent, this.asks.filter(({ lease }) => lease !== null).length, "no lease is lost");
    assert.equal(counts.free, this.free().length, "all that is free is known");
    assert.equal(counts.opening, this.openings.length);
    assert.equal(counts.closing, this.goodbyes.length);
    assert.equal(this.taken, counts.opening + counts.free + counts.lent + counts.closing, "a place for each");
    if (this.waiting("interactive").length > 0) this.lookAtWaiters(counts.free);
  }

  /** Who waits does so for a reason. */
  private lookAtWaiters(free: number): void {
    assert.equal(free, 0, "nobody waits in front of something free");
    const onTheirWay = this.openings.filter(({ generation }) => generation === this.generation).length;
    const isFull = this.taken >= Math.max(1, this.limit) || this.taken + this.elsewhere >= PLACES;
    const hasHelp = isFull || onTheirWay >= this.waiting("interactive").length;
    // After a failure that can be waited out, what is lent is waited for.
    assert.ok(hasHelp || this.canWait, "something is opened for those who wait");
  }

  /** Everybody gives back, every opening and closing ends, and the pool is drained: nothing may be left. */
  async end(): Promise<void> {
    let isOver = false;
    const over = this.pool.drain().finally(() => {
      isOver = true;
    });
    for (const ask of this.asks) this.release(ask, null);
    await settled();
    while (this.openings.length + this.goodbyes.length > 0) {
      assert.equal(isOver, false, "it is over when all are gone");
      for (const opening of this.openings.splice(0)) opening.fail(new Error("too late"));
      for (const goodbye of this.goodbyes.splice(0)) goodbye();
      await settled();
    }
    await over;
    this.look();
    assert.ok(this.pool.isEmpty, "nothing is left open");
    assert.ok(this.things.every(({ closed }) => closed));
    assert.ok(this.asks.every(({ state }) => state !== "waiting"));
    assert.equal(this.taken, 0, "every place is given back");
  }
}

function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** One thing that somebody may do at any time; `at` picks whom it is done to. */
class Step implements fc.AsyncCommand<object, World> {
  private readonly name: string;
  private readonly act: (world: World) => void;

  constructor(name: string, act: (world: World) => void) {
    this.name = name;
    this.act = act;
  }

  check(): boolean {
    return true;
  }

  async run(_: object, world: World): Promise<void> {
    world.time += 1;
    this.act(world);
    await settled();
    world.look();
  }

  toString(): string {
    return this.name;
  }
}

function pick<T>(list: readonly T[], at: number): T | undefined {
  return list[at % Math.max(1, list.length)];
}

const at = fc.nat(20);
const lane = fc.constantFrom<Lane>("interactive", "bulk");
const key = fc.constantFrom("a", "b", "c", null);
const unwanted = fc.constantFrom("a", undefined, undefined);

const usual = [
  fc
    .tuple(lane, key, unwanted)
    .map(
      ([lane, key, avoid]) =>
        new Step(`borrow ${lane} ${key}, not ${avoid}`, (world) => world.borrow(lane, key, avoid)),
    ),
  fc.tuple(at, key).map(
    ([at, key]) =>
      new Step(`give back ${at} used for ${key}`, (world) => {
        const ask = pick(
          world.asks.filter(({ lease }) => lease !== null),
          at,
        );
        if (ask) world.release(ask, key);
      }),
  ),
  at.map(
    (at) =>
      new Step(`opening ${at} succeeds`, (world) => {
        const opening = pick(world.openings, at);
        if (!opening) return;
        world.openings = world.openings.filter((other) => other !== opening);
        const { generation } = opening;
        const thing = { generation, dead: false, closed: false, holder: null, key: null };
        world.things.push(thing);
        opening.succeed(thing);
      }),
  ),
];

const unusual = [
  fc.tuple(at, fc.boolean()).map(
    ([at, canWait]) =>
      new Step(`opening ${at} fails${canWait ? ", others may do" : ""}`, (world) => {
        const opening = pick(world.openings, at);
        if (!opening) return;
        world.canWait = canWait;
        world.openings = world.openings.filter((other) => other !== opening);
        opening.fail(new Error("no"));
      }),
  ),
  at.map(
    (at) =>
      new Step(`caller ${at} gives up`, (world) => {
        pick([...world.waiting("interactive"), ...world.waiting("bulk")], at)?.caller.abort(new Error("gone"));
      }),
  ),
  at.map(
    (at) =>
      new Step(`thing ${at} dies`, (world) => {
        const thing = pick(
          world.things.filter(({ dead, closed }) => !dead && !closed),
          at,
        );
        if (!thing) return;
        thing.dead = true;
        world.pool.dropDead(thing);
      }),
  ),
  at.map((at) => new Step(`goodbye ${at} ends`, (world) => world.goodbyes.splice(at % 3, 1)[0]?.())),
  fc.constant(
    new Step("the generation is raised", (world) => {
      world.generation += 1;
      world.pool.raise();
    }),
  ),
  fc.integer({ min: 0, max: 5 }).map(
    (limit) =>
      new Step(`the limit is ${limit}`, (world) => {
        world.limit = limit;
        world.pool.retry();
      }),
  ),
  fc.integer({ min: 0, max: PLACES - 1 }).map(
    (count) =>
      new Step(`${count} places are taken elsewhere`, (world) => {
        world.elsewhere = count;
        world.pool.retry();
      }),
  ),
  fc
    .integer({ min: 1, max: 5 })
    .map((ms) => new Step(`what is unused for ${ms} goes`, ({ pool }) => pool.dropUnused(ms))),
  fc.constant(new Step("one is spared", ({ pool }) => void pool.spare())),
  fc.constant(new Step("all are kept alive", ({ pool }) => pool.tend(0, async () => undefined))),
];

const steps = [...usual, ...usual, ...usual, ...unusual];

test("whatever happens in whatever order, the limit holds, nobody is forgotten and nothing is lost", async () => {
  await fc.assert(
    fc.asyncProperty(fc.commands(steps, { maxCommands: 60, size: "+1" }), async (commands) => {
      const world = new World();
      await fc.asyncModelRun(() => ({ model: {}, real: world }), commands);
      await world.end();
    }),
    { numRuns: 1_000 },
  );
});
