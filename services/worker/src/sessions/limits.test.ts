import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HostPlaces, LearntLimit, type Tenant } from "./limits.ts";

const MINUTE = 60_000;

function learner(): { clock: { now: number }; limit: LearntLimit } {
  const clock = { now: 0 };
  return { clock, limit: new LearntLimit(5, () => clock.now) };
}

test("a limit that the server has named holds, and after ten minutes one more is tried", () => {
  const { clock, limit } = learner();
  limit.refusedBeyond(3);
  assert.equal(limit.current, 3);
  clock.now = 10 * MINUTE - 1;
  assert.equal(limit.current, 3);
  clock.now = 10 * MINUTE;
  assert.equal(limit.current, 4);
  clock.now = 20 * MINUTE;
  assert.equal(limit.current, 5);
  assert.equal(limit.isLearnt, false);
});

test("a limit that was refused again is not tried for another ten minutes", () => {
  const { clock, limit } = learner();
  limit.refusedBeyond(3);
  clock.now = 10 * MINUTE;
  assert.equal(limit.current, 4);
  limit.refusedBeyond(3);
  clock.now = 20 * MINUTE - 1;
  assert.equal(limit.current, 3);
});

test("there is always one connection", () => {
  const { limit } = learner();
  limit.refusedBeyond(0);
  assert.equal(limit.current, 1);
});

test("a limit that is only guessed from a connection cut short is doubted after a minute", () => {
  const { clock, limit } = learner();
  limit.suspectBeyond(2);
  assert.equal(limit.current, 2);
  clock.now = MINUTE;
  assert.equal(limit.current, 3);
});

test("a limit that is only guessed is forgotten when the server cuts the only connection as well", () => {
  const { limit } = learner();
  limit.suspectBeyond(2);
  limit.clearSuspicion();
  assert.equal(limit.current, 5);
});

test("a limit that the server has named outlives a server that is away, and a guess that is not lower", () => {
  const { clock, limit } = learner();
  limit.refusedBeyond(2);
  limit.suspectBeyond(2);
  limit.clearSuspicion();
  clock.now = MINUTE;
  assert.equal(limit.current, 2);
});

class Guest implements Tenant {
  places: (() => void)[] = [];
  free = 0;
  wants = 0;
  spared = 0;
  private readonly host: HostPlaces;

  constructor(host: HostPlaces) {
    this.host = host;
  }

  take(): boolean {
    const give = this.host.take("mail.example.org", this);
    if (give) this.places.push(give);
    return give !== null;
  }

  give(): void {
    this.places.pop()?.();
  }

  /** Closing takes its time: the place is given back later. */
  spare(): boolean {
    if (this.free === 0) return false;
    this.free -= 1;
    this.spared += 1;
    return true;
  }

  retry(): void {
    while (this.wants > 0 && this.take()) this.wants -= 1;
  }
}

test("a host gives no more places than it has, to whomever", () => {
  const host = new HostPlaces(2);
  const [a, b] = [new Guest(host), new Guest(host)];
  assert.deepEqual([a.take(), b.take(), b.take()], [true, true, false]);
  assert.ok(host.take("mail.example.com", b), "another host is another matter");
});

test("a host is the same one however its name is written", () => {
  const host = new HostPlaces(1);
  const guest = new Guest(host);
  assert.ok(host.take("Mail.Example.ORG.", guest));
  assert.equal(guest.take(), false);
});

test("who finds no place has one of those asked who do not use theirs, and gets it when it is given back", () => {
  const host = new HostPlaces(1);
  const [a, b] = [new Guest(host), new Guest(host)];
  a.take();
  a.free = 1;
  b.wants = 1;
  b.retry();
  assert.equal(a.spared, 1);
  assert.equal(b.places.length, 0);
  a.give();
  assert.equal(b.places.length, 1);
});

test("of those who do not use theirs, the one is asked who has not taken one for longest", () => {
  const host = new HostPlaces(3);
  const [a, b, c] = [new Guest(host), new Guest(host), new Guest(host)];
  for (const guest of [a, b, a]) guest.take();
  a.free = 1;
  b.free = 1;
  c.take();
  assert.deepEqual([a.spared, b.spared], [0, 1]);
});

test("who gives one up is told once that it is wanted, and never for their own sake", () => {
  const host = new HostPlaces(1);
  const [a, b] = [new Guest(host), new Guest(host)];
  a.take();
  b.take();
  assert.equal(host.isWanted("mail.example.org", b, false), false);
  assert.equal(host.isWanted("mail.example.org", a, false), true);
  assert.equal(host.isWanted("mail.example.org", a, false), false);
});

test("who needs their places gives one up for somebody who has none, not for one who has as many", () => {
  const host = new HostPlaces(2);
  const [a, b] = [new Guest(host), new Guest(host)];
  a.take();
  a.take();
  b.take();
  assert.equal(host.isWanted("mail.example.org", a, true), true);
  a.give();
  assert.equal(b.take(), true);
  b.take();
  assert.equal(host.isWanted("mail.example.org", a, true), false);
});

test("a place that was promised to one who has none does not go to one who has some, though they asked first", () => {
  const host = new HostPlaces(2);
  const [a, b] = [new Guest(host), new Guest(host)];
  a.wants = 3;
  a.retry();
  b.wants = 1;
  b.retry();
  assert.equal(host.isWanted("mail.example.org", a, true), true);
  a.give();
  assert.deepEqual([a.places.length, b.places.length], [1, 1]);
});

test("a place is offered to the next when the first no longer wants it", () => {
  const host = new HostPlaces(1);
  const [a, b, c] = [new Guest(host), new Guest(host), new Guest(host)];
  a.take();
  for (const guest of [b, c]) {
    guest.wants = 1;
    guest.retry();
  }
  b.wants = 0;
  a.give();
  assert.equal(c.places.length, 1);
});

test("whoever takes and gives, no place is lost and none is given twice", () => {
  const step = fc.tuple(fc.nat(3), fc.constantFrom("take", "give", "rest"));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const host = new HostPlaces(3);
      const guests = Array.from({ length: 4 }, () => new Guest(host));
      const taken = (): number => guests.reduce((sum, { places }) => sum + places.length, 0);
      for (const [index, what] of steps) {
        const guest = guests[index] ?? new Guest(host);
        if (what === "take") {
          guest.wants += 1;
          guest.retry();
        } else if (what === "give") guest.give();
        else guest.wants = 0;
        assert.ok(taken() <= 3);
        assert.ok(taken() === 3 || guests.every(({ wants }) => wants === 0), "nobody waits beside a place");
      }
    }),
  );
});
