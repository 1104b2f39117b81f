import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { etagsIn } from "./etags.ts";

/** etagc of RFC 9110 section 8.8.3. */
const opaque = fc.string({ unit: fc.constantFrom(..."!#$%&'()*+,-./0129:;<=>?@AZ[\\]^_`az{|}~ÿ"), maxLength: 40 });
const listed = fc.record({ tag: opaque, weak: fc.boolean(), space: fc.constantFrom("", " ", "\t ") });

test("every etag of a field is found, weak or strong, whatever is in it", () => {
  fc.assert(
    fc.property(fc.array(listed), (tags) => {
      const field = tags.map(({ tag, weak, space }) => `${space}${weak ? "W/" : ""}"${tag}"`).join(",");
      assert.deepEqual(
        etagsIn(field),
        tags.map(({ tag }) => tag),
      );
    }),
  );
});

test("a star stands for any etag, and only alone", () => {
  assert.deepEqual(etagsIn("*"), ["*"]);
  assert.deepEqual(etagsIn(" * "), ["*"]);
  assert.deepEqual(etagsIn('"a", *'), ["a"]);
});

test("no field holds no etag", () => assert.deepEqual(etagsIn(undefined), []));

test("what is no etag is none, and is not taken for a star", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      fc.pre(text.trim() !== "*" && !text.includes('"'));
      assert.deepEqual(etagsIn(text), []);
    }),
  );
});
