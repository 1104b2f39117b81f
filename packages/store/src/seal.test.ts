import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { inspect } from "node:util";
import fc from "fast-check";
import { KeyRing, SealError } from "./seal.ts";

const unicode = fc.string({ unit: "binary" });
const ringKey = fc.record({
  id: fc.stringMatching(/^[A-Za-z0-9_-]{1,32}$/),
  key: fc.uint8Array({ minLength: 32, maxLength: 32 }),
});
const encoding = fc.constantFrom<("base64" | "base64url")[]>("base64", "base64url");
const canary = randomBytes(32).toString("base64");

function ringText(
  keys: readonly { id: string; key: Uint8Array }[],
  spelling: "base64" | "base64url" = "base64",
): string {
  return keys.map(({ id, key }) => `${id}:${Buffer.from(key).toString(spelling)}`).join(",");
}

test("what is sealed opens with the same context, and looks different every time", () => {
  const ring = KeyRing.parse(KeyRing.generate());
  fc.assert(
    fc.property(unicode, unicode, (secret, context) => {
      const [one, other] = [ring.seal(secret, context), ring.seal(secret, context)];
      assert.notEqual(one, other);
      assert.equal(ring.open(one, context), secret);
      assert.equal(ring.open(other, context), secret);
    }),
  );
});

test("a secret moved to another context does not open", () => {
  const ring = KeyRing.parse(KeyRing.generate());
  fc.assert(
    fc.property(unicode, unicode, unicode, (secret, context, other) => {
      fc.pre(context !== other);
      assert.throws(() => ring.open(ring.seal(secret, context), other), SealError);
    }),
  );
});

test("a sealed text with one character changed, added or taken away does not open", () => {
  const ring = KeyRing.parse(KeyRing.generate());
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=";
  fc.assert(
    fc.property(unicode, fc.nat(), fc.constantFrom(...alphabet, ""), fc.nat(1), (secret, at, letter, taken) => {
      const sealed = ring.seal(secret, "c");
      const place = at % sealed.length;
      const changed = sealed.slice(0, place) + letter + sealed.slice(place + taken);
      fc.pre(changed !== sealed);
      assert.throws(() => ring.open(changed, "c"), SealError);
    }),
  );
});

test("any other text is refused as sealed", () => {
  const ring = KeyRing.parse(KeyRing.generate());
  fc.assert(fc.property(unicode, (text) => assert.throws(() => ring.open(text, "c"), SealError)));
  assert.throws(() => ring.open("v1.k.", "c"), SealError);
});

test("a ring reads whatever it is spelled with, and every key of it opens", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(ringKey, { minLength: 1, maxLength: 4, selector: ({ id }) => id }),
      encoding,
      (keys, as) => {
        const ring = KeyRing.parse(` ${ringText(keys, as).replaceAll(",", " , ")}\n`);
        for (const key of keys) {
          const sealed = KeyRing.parse(ringText([key])).seal("secret", "c");
          assert.equal(ring.open(sealed, "c"), "secret");
          assert.equal(ring.isCurrent(sealed), key === keys[0]);
        }
        assert.ok(ring.isCurrent(ring.seal("secret", "c")));
      },
    ),
  );
});

test("a new key goes in front, and what the old one sealed opens until it is taken away", () => {
  const old = KeyRing.generate();
  const fresh = KeyRing.generate();
  const sealed = KeyRing.parse(old).seal("secret", "c");
  assert.equal(KeyRing.parse(`${fresh},${old}`).open(sealed, "c"), "secret");
  assert.throws(
    () => KeyRing.parse(fresh).open(sealed, "c"),
    /sealed with key "k[0-9a-f]{8}", which is not in the ring/,
  );
});

test("a ring that cannot be read is refused by position, and nothing of it is repeated", () => {
  const good = KeyRing.generate();
  const wrong = [
    "",
    ",",
    `${good},`,
    canary,
    `:${canary}`,
    `a b:${canary}`,
    `a:${canary}:b`,
    `a:${canary.slice(4)}`,
    `a:${canary}A`,
  ];
  wrong.push(`${good},${good}`, `a:${canary.slice(0, 20)}!${canary.slice(21)}`, `${"a".repeat(33)}:${canary}`);
  for (const text of wrong) {
    assert.throws(
      () => KeyRing.parse(text),
      (error) => {
        assert.ok(error instanceof SealError);
        for (let at = 0; at + 6 <= text.length; at += 1) assert.ok(!error.message.includes(text.slice(at, at + 6)));
        return true;
      },
      text,
    );
  }
  fc.assert(fc.property(unicode, (text) => assert.throws(() => KeyRing.parse(text), SealError)));
});

test("a ring shows its keys to nobody", () => {
  const ring = KeyRing.parse(`k1:${canary}`);
  const hex = Buffer.from(canary, "base64").toString("hex");
  const shown = [
    inspect({ ring }, { showHidden: true, depth: 9 }),
    JSON.stringify({ ring }),
    `${ring}`,
    String({ ...ring }),
  ];
  for (const text of shown)
    assert.ok(!text.includes(canary.slice(0, 8)) && !text.replaceAll(" ", "").includes(hex.slice(0, 8)));
});

test("secrets derived for a purpose are the same for all who share the ring, and tell nothing of each other", () => {
  const [old, fresh] = [KeyRing.generate(), KeyRing.generate()];
  const ring = KeyRing.parse(`${fresh},${old}`);
  assert.equal(ring.derive("cluster"), KeyRing.parse(fresh).derive("cluster"));
  assert.notEqual(ring.derive("cluster"), ring.derive("cursor"));
  assert.deepEqual(ring.deriveAll("cluster"), [ring.derive("cluster"), KeyRing.parse(old).derive("cluster")]);
});
