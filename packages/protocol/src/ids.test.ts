import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { packMailboxId, packMessageId, unpackMailboxId, unpackMessageId } from "./ids.ts";

const u32 = fc.integer({ min: 0, max: 0xffffffff });
const mailbox = fc.record(
  { accountKey: fc.integer({ min: 0, max: 2 ** 48 - 1 }), mailboxKey: u32 },
  { noNullPrototype: true },
);
const message = fc.record(
  {
    accountKey: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
    mailboxKey: u32,
    uidValidity: u32,
    uid: u32,
  },
  { noNullPrototype: true },
);

test("an id gives back the birthplace it was made from", () => {
  fc.assert(fc.property(mailbox, (place) => assert.deepEqual(unpackMailboxId(packMailboxId(place)), place)));
  fc.assert(fc.property(message, (place) => assert.deepEqual(unpackMessageId(packMessageId(place)), place)));
});

test("an id is URL-safe and at most 128 characters long", () => {
  fc.assert(fc.property(message, (place) => assert.match(packMessageId(place), /^msg_[A-Za-z0-9_-]{1,124}$/)));
});

test("an id with one character changed was never issued", () => {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  fc.assert(
    fc.property(message, fc.nat(), fc.nat(63), (place, at, letter) => {
      const id = packMessageId(place);
      const position = 4 + (at % (id.length - 4));
      const changed = id.slice(0, position) + alphabet.charAt(letter) + id.slice(position + 1);
      fc.pre(changed !== id);
      assert.equal(unpackMessageId(changed), null);
    }),
  );
});

test("any other text is no id, whatever its length", () => {
  fc.assert(fc.property(fc.string(), (text) => assert.equal(unpackMessageId(`msg_${text}`), null)));
  assert.equal(unpackMessageId(packMailboxId({ accountKey: 1, mailboxKey: 1 })), null);
  assert.equal(unpackMailboxId(`${packMailboxId({ accountKey: 1, mailboxKey: 1 })}=`), null);
});
