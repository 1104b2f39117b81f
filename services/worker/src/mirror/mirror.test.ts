import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CHUNK, Columns } from "./columns.ts";
import { FlagSets } from "./flag-sets.ts";
import { Mirror, type MirroredMessage } from "./mirror.ts";
import { packMirror, unpackMirror } from "./packing.ts";

/** The mailbox in truth: every message, the oldest first. */
type Truth = MirroredMessage[];

const flagSets = fc.subarray(["\\Seen", "\\Flagged", "$Forwarded", "work"]);
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("append" as const), flags: flagSets, gap: fc.nat({ max: 3 }) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("flag" as const), at: fc.nat(), flags: flagSets }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("expunge" as const), at: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("vanish" as const), at: fc.nat(), span: fc.nat({ max: 8 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("extend" as const), rows: fc.integer({ min: 1, max: 9 }) }) },
);

/** Of so many messages the mirror knows the newest. */
function begin(count: number, known: number): { truth: Truth; mirror: Mirror } {
  const truth = Array.from({ length: count }, (_, at) => ({ uid: at * 2 + 1, flags: [], modseq: 1n }));
  const mirror = new Mirror(7);
  const held = truth.slice(Math.max(0, count - known));
  const below = count - held.length;
  mirror.extend(held, below === 0 ? 1 : (held[0]?.uid ?? 1), below);
  return { truth, mirror };
}

function pageOf(truth: Truth, cursor: number | null, limit: number, forward: boolean): unknown {
  const newestFirst = truth.toReversed();
  const rest = newestFirst.filter(({ uid }) => cursor === null || (forward ? uid < cursor : uid > cursor));
  const messages = forward ? rest.slice(0, limit) : rest.slice(Math.max(0, rest.length - limit));
  const last = messages.at(-1)?.uid ?? cursor ?? (forward ? Infinity : 0);
  const first = messages[0]?.uid ?? cursor ?? (forward ? Infinity : 0);
  return {
    messages,
    hasNext: truth.some(({ uid }) => (messages.length > 0 ? uid < last : !forward && uid <= last)),
    hasPrevious: truth.some(({ uid }) => (messages.length > 0 ? uid > first : forward && uid >= first)),
    total: truth.length,
  };
}

test("whatever happens, it holds what the mailbox holds from its floor on, and gives its pages", () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 40 }),
      fc.integer({ min: 1, max: 20 }),
      fc.array(step, { maxLength: 60 }),
      fc.integer({ min: 1, max: 12 }),
      (count, known, steps, limit) => {
        const { truth, mirror } = begin(count, known);
        const follower = mirror.follow();
        const before = new Map(truth.map(({ uid, flags }) => [uid, flags]));
        let modseq = 1n;
        for (const each of steps) {
          modseq += 1n;
          const at = "at" in each && truth.length > 0 ? each.at % truth.length : 0;
          const message = truth[at];
          if (each.kind === "append") {
            const made = { uid: mirror.uidNext + each.gap, flags: each.flags, modseq };
            truth.push(made);
            mirror.append(made);
          } else if (each.kind === "flag" && message) {
            truth[at] = { ...message, flags: each.flags, modseq };
            mirror.setFlags(message.uid, each.flags, modseq);
          } else if (each.kind === "expunge" && message) {
            truth.splice(at, 1);
            mirror.expunge(at + 1);
          } else if (each.kind === "vanish" && message && message.uid >= mirror.floor) {
            const to = message.uid + each.span;
            mirror.vanish(message.uid, to);
            for (let other = truth.length - 1; other >= 0; other -= 1) {
              const uid = truth[other]?.uid ?? 0;
              if (uid >= message.uid && uid <= to) truth.splice(other, 1);
            }
          } else if (each.kind === "extend" && mirror.below > 0) {
            const start = Math.max(0, mirror.below - each.rows);
            const rows = truth.slice(start, mirror.below);
            mirror.extend(rows, start === 0 ? 1 : (rows[0]?.uid ?? 1), start);
          }
        }
        const held = truth.filter(({ uid }) => uid >= mirror.floor);
        assert.deepEqual([...mirror.messages()], held);
        assert.equal(mirror.below, truth.length - held.length);
        for (const [index, { uid }] of truth.entries()) {
          assert.equal(mirror.uidAt(index + 1), uid < mirror.floor ? null : uid);
          assert.deepEqual(mirror.find(uid), uid < mirror.floor ? null : truth[index]);
        }
        for (const cursor of [null, 1, ...truth.map(({ uid }) => uid), mirror.uidNext]) {
          for (const direction of ["forward", "backward"] as const) {
            const page = mirror.page({ cursor, limit, direction });
            if (page) assert.deepEqual(page, pageOf(truth, cursor, limit, direction === "forward"));
            else assert.ok(mirror.below > 0);
          }
        }
        const changes = follower.take();
        const now = new Map(truth.map(({ uid, flags }) => [uid, flags]));
        assert.deepEqual(
          changes.created,
          [...now.keys()].filter((uid) => !before.has(uid)),
        );
        for (const { uid, before: was, after } of changes.flags) {
          if (was !== null) assert.deepEqual([was, after], [before.get(uid), now.get(uid)]);
        }
        const gone = [...before.keys()].filter((uid) => !now.has(uid));
        assert.equal(changes.vanished.length + changes.vanishedBelow, gone.length);
        assert.ok(changes.vanished.every((uid) => gone.includes(uid)));
        assert.deepEqual(follower.take().created, []);
      },
    ),
    { numRuns: 400 },
  );
});

test("columns of any length are what an array of rows is", () => {
  fc.assert(
    fc.property(fc.nat({ max: 3 * CHUNK }), fc.array(fc.nat()), fc.array(fc.nat()), (count, removed, asked) => {
      const columns = new Columns();
      const rows = Array.from({ length: count }, (_, at) => ({ uid: at + 1, set: at % 7, modseq: BigInt(at) }));
      const half = Math.floor(count / 3);
      for (const row of rows.slice(half)) columns.push(row);
      columns.unshift(rows.slice(0, half));
      for (const at of removed) {
        if (rows.length === 0) break;
        assert.deepEqual(columns.removeAt(at % rows.length), rows.splice(at % rows.length, 1)[0]);
      }
      assert.deepEqual([...columns], rows);
      assert.deepEqual(columns.slice(5, rows.length - 5), rows.slice(5, Math.max(5, rows.length - 5)));
      for (const uid of asked.map((each) => each % (count + 2))) {
        assert.equal(columns.rankOf(uid), rows.filter((row) => row.uid < uid).length);
        assert.deepEqual(columns.find(uid), rows.find((row) => row.uid === uid) ?? null);
      }
    }),
    { numRuns: 60 },
  );
});

test("a message takes at most sixteen octets, in memory and as it is kept", () => {
  const MANY = 100_000;
  const mirror = new Mirror(1);
  mirror.extend([], 1, 0);
  for (let uid = 1; uid <= MANY; uid += 1) mirror.append({ uid, flags: ["\\Seen"], modseq: BigInt(uid) });
  mirror.checkpoint = 5n;
  assert.ok(mirror.octets / MANY <= 16);
  assert.ok((packMirror({ mirror, mark: "m" })?.length ?? Infinity) / MANY <= 16);
});

test("what is kept is had again as it was; what was changed on the way is not", () => {
  fc.assert(
    fc.property(fc.nat({ max: 50 }), fc.nat({ max: 30 }), fc.array(flagSets), fc.nat(), (count, known, sets, flip) => {
      const { mirror } = begin(count, known + 1);
      for (const [at, flags] of sets.entries()) mirror.append({ uid: 1_000 + at * 3, flags, modseq: BigInt(at + 2) });
      mirror.noteNext(9_000);
      assert.equal(packMirror({ mirror, mark: null }), null);
      mirror.checkpoint = 2n ** 62n;
      const octets = packMirror({ mirror, mark: "a mark" });
      assert.ok(octets);
      const back = unpackMirror(octets);
      assert.ok(back);
      assert.equal(back.mark, "a mark");
      for (const name of ["uidValidity", "floor", "below", "uidNext", "checkpoint", "total"] as const) {
        assert.equal(back.mirror[name], mirror[name]);
      }
      assert.deepEqual([...back.mirror.messages()], [...mirror.messages()]);
      const changed = Uint8Array.from(octets);
      const at = flip % octets.length;
      changed[at] = (changed[at] ?? 0) ^ 1;
      assert.equal(unpackMirror(changed), null);
      assert.equal(unpackMirror(octets.subarray(0, at)), null);
    }),
  );
});

test("flags that come without a MODSEQ where there should be one are in doubt until they come with one", () => {
  const mirror = new Mirror(1);
  mirror.extend([{ uid: 4, flags: [], modseq: 3n }], 1, 0);
  mirror.countsChanges = true;
  const { version } = mirror;
  mirror.setFlags(4, ["\\Seen"], null);
  assert.deepEqual(mirror.doubtful, [4]);
  assert.deepEqual(mirror.find(4)?.flags, []);
  assert.notEqual(mirror.version, version);
  mirror.setFlags(4, ["\\Seen"], 9n);
  assert.deepEqual(mirror.doubtful, []);
  assert.deepEqual(mirror.find(4), { uid: 4, flags: ["\\Seen"], modseq: 9n });
  mirror.setFlags(4, ["old"], 8n);
  assert.deepEqual(mirror.find(4)?.flags, ["\\Seen"]);
});

test("a message that is gone does not come back", () => {
  const mirror = new Mirror(1);
  mirror.extend([{ uid: 4, flags: [], modseq: 3n }], 1, 0);
  mirror.append({ uid: 5, flags: [], modseq: 4n });
  mirror.vanish(5, 5);
  mirror.append({ uid: 5, flags: [], modseq: 4n });
  assert.equal(mirror.total, 1);
});

test("more different flags than it can tell apart are told of", () => {
  const mirror = new Mirror(1);
  mirror.extend([], 1, 0);
  for (let uid = 1; uid <= FlagSets.MOST; uid += 1) mirror.append({ uid, flags: [`k${uid}`], modseq: 1n });
  assert.ok(mirror.overflowed);
});
