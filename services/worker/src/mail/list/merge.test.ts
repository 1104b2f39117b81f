import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { SortedCursor } from "./cursor.ts";
import { merge } from "./merge.ts";
import { compareValues } from "./order.ts";
import type { Strand, StrandEntry } from "./strand.ts";

interface World {
  mailboxes: StrandEntry[][];
  reverse: boolean;
}

const world: fc.Arbitrary<World> = fc
  .record({
    reverse: fc.boolean(),
    mailboxes: fc.array(fc.array(fc.record({ value: fc.nat({ max: 6 }), matches: fc.boolean() }), { maxLength: 12 }), {
      minLength: 1,
      maxLength: 4,
    }),
  })
  .map(({ reverse, mailboxes }) => ({
    reverse,
    mailboxes: mailboxes.map((entries) =>
      entries
        .map((entry, at) => ({ ...entry, uid: at + 1 }))
        .sort((a, b) => compareValues({ reverse }, a.value, b.value) || a.uid - b.uid),
    ),
  }));

/** What a mailbox gives from a place on, looking at `scan` messages at most. */
function strand(entries: StrandEntry[], mailbox: number, position: number, scan: number, forward: boolean): Strand {
  const given = forward
    ? entries.slice(position, position + scan)
    : entries.slice(Math.max(0, position - scan), position);
  return {
    mailbox,
    uidValidity: 1,
    before: forward ? position : Math.max(0, position - scan),
    lead: [],
    entries: given,
    ended: forward ? position + scan >= entries.length : position - scan <= 0,
    total: null,
    behind: forward ? position > 0 : position < entries.length,
  };
}

const rankIn = (cursor: SortedCursor, mailbox: number): number =>
  cursor.places.find((place) => place.mailbox === mailbox)?.rank ?? 0;

function expected({ mailboxes, reverse }: World): string[] {
  return mailboxes
    .flatMap((entries, mailbox) => entries.map((entry, rank) => ({ ...entry, mailbox, rank })))
    .sort((a, b) => compareValues({ reverse }, a.value, b.value) || a.mailbox - b.mailbox || a.rank - b.rank)
    .filter(({ matches }) => matches)
    .map(({ mailbox, uid }) => `${mailbox}.${uid}`);
}

describe("merging what mailboxes give", () => {
  it("gives every match once and in order, however little is looked at for a page", () =>
    fc.assert(
      fc.property(world, fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 8 }), (of, limit, scan) => {
        const found: string[] = [];
        let cursor: SortedCursor | null = null;
        for (let pages = 0; ; pages++) {
          assert.ok(pages < 200, "the list ends");
          const at: SortedCursor | null = cursor;
          const strands = of.mailboxes.map((entries, mailbox) =>
            strand(entries, mailbox, at ? rankIn(at, mailbox) : 0, scan, true),
          );
          const page = merge(strands, of, { limit, direction: "forward" });
          assert.ok(page.items.length <= limit);
          found.push(...page.items.map(({ mailbox, uid }) => `${mailbox}.${uid}`));
          if (!page.hasNext) break;
          assert.ok(page.end, "there is a place to go on from");
          cursor = page.end;
        }
        assert.deepEqual(found, expected(of));
      }),
      { numRuns: 1000 },
    ));

  it("reads backward what it reads forward, from any message's cursor", () =>
    fc.assert(
      fc.property(world, fc.integer({ min: 1, max: 5 }), fc.nat(), (of, limit, which) => {
        const whole = merge(
          of.mailboxes.map((entries, mailbox) => strand(entries, mailbox, 0, 100, true)),
          of,
          { limit: 100, direction: "forward" },
        );
        assert.deepEqual(
          whole.items.map(({ mailbox, uid }) => `${mailbox}.${uid}`),
          expected(of),
        );
        fc.pre(whole.items.length > 0);
        const at = which % whole.items.length;
        const { cursor, mailbox: own } = whole.items[at] ?? assert.fail();
        const strands = of.mailboxes.map((entries, mailbox) =>
          strand(entries, mailbox, rankIn(cursor, mailbox) - Number(mailbox === own), 100, false),
        );
        const page = merge(strands, of, { limit, direction: "backward" });
        const before = expected(of).slice(Math.max(0, at - limit), at);
        assert.deepEqual(
          page.items.map(({ mailbox, uid }) => `${mailbox}.${uid}`),
          before,
        );
        assert.equal(page.hasPrevious, at > limit);
      }),
      { numRuns: 1000 },
    ));
});
