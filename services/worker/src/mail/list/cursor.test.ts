import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isFailure } from "@postern/protocol";
import fc from "fast-check";
import { type Cursor, MAX_CURSOR_LENGTH, packCursor, unpackCursor } from "./cursor.ts";

const uint = fc.integer({ min: 1, max: 0xffffffff });
const noNull = { noNullPrototype: true };
const place = fc.record(
  {
    mailbox: uint,
    uidValidity: uint,
    rank: fc.integer({ min: 0, max: 5_000_000 }),
    anchors: fc.array(uint, { maxLength: 5 }),
  },
  noNull,
);
const value = fc.oneof(
  fc.double({ noNaN: true }),
  fc.string({ unit: "grapheme", maxLength: 200 }).map((text) => text.toWellFormed()),
);
const cursor: fc.Arbitrary<Cursor> = fc.oneof(
  fc.record({ order: fc.constant("uid" as const), uidValidity: uint, uid: uint }, noNull),
  fc.record(
    {
      order: fc.constant("sorted" as const),
      last: fc.record({ mailbox: uint, uid: uint, value }, noNull),
      places: fc.array(place, { maxLength: 50 }),
    },
    noNull,
  ),
);

describe("cursors", () => {
  it("come back as they were given, and need no escaping in a URL", () =>
    fc.assert(
      fc.asyncProperty(fc.string(), cursor, async (question, given) => {
        const text = await packCursor(question, given);
        assert.match(text, /^[A-Za-z0-9_-]+$/);
        assert.deepEqual(await unpackCursor(question, text), given);
      }),
    ));

  it("fit into a request however many mailboxes they remember", async () => {
    const places = Array.from({ length: 1000 }, (_, at) => ({
      mailbox: at + 1,
      uidValidity: 0xfffffff0,
      rank: 100_000 + at,
      anchors: [1, 2, 3, 4, 5].map((each) => each * 1_000_000),
    }));
    const given: Cursor = { order: "sorted", last: { mailbox: 1, uid: 1, value: "ä".repeat(200) }, places };
    for (const count of [300, 500, 1000]) {
      const text = await packCursor("q", { ...given, places: places.slice(0, count) });
      assert.ok(text.length <= MAX_CURSOR_LENGTH, String(count));
      const back = await unpackCursor("q", text);
      assert.deepEqual(back.order === "sorted" && back.last, given.last);
    }
  });

  it("of another list are a mismatch", () =>
    fc.assert(
      fc.asyncProperty(cursor, async (given) => {
        const text = await packCursor("one", given);
        await assert.rejects(unpackCursor("other", text), (error) => isFailure(error, "cursor-mismatch"));
      }),
    ));

  it("that were changed in any character are refused as malformed", () =>
    fc.assert(
      fc.asyncProperty(cursor, fc.nat(), fc.constantFrom("A", "z", "0", "-", "="), async (given, where, by) => {
        const text = await packCursor("q", given);
        const at = where % text.length;
        const changed = text.slice(0, at) + by + text.slice(at + 1);
        fc.pre(changed !== text);
        await assert.rejects(unpackCursor("q", changed), (error) => isFailure(error, "invalid-request"));
      }),
    ));

  it("that are anything else are refused as malformed", () =>
    fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.base64String()), async (text) => {
        await assert.rejects(unpackCursor("q", text), (error) => isFailure(error, "invalid-request"));
      }),
    ));
});
