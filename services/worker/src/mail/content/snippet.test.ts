import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { snippetOf } from "./snippet.ts";

test("a snippet is the beginning of the text on one line", () => {
  assert.equal(snippetOf("  Hello\n\n\tBob,\r\nhow are you?\n"), "Hello Bob, how are you?");
});

test("what is quoted is no beginning, unless there is nothing else", () => {
  assert.equal(snippetOf("> old\n> older\nNew"), "New");
  assert.equal(snippetOf("> old"), "> old");
});

test("marks that only fill the line are left out", () => {
  assert.equal(snippetOf("Sale\u200c\u00ad\u034f \u200b \ufeff\u2060now"), "Sale now");
});

test("nothing to say is null", () => {
  for (const text of ["", " \n\t", "\u200b\u200c", "\u00a0"]) assert.equal(snippetOf(text), null, JSON.stringify(text));
});

test("a snippet is one line of at most 200 units, whole characters and no filling", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom("a", " ", "\n", "😀", "é", "\u200b", ">", "\ud800"), maxLength: 500 }),
      (text) => {
        const snippet = snippetOf(text);
        if (snippet === null) return;
        assert.ok(snippet.length > 0 && snippet.length <= 200);
        assert.ok(snippet.isWellFormed());
        assert.doesNotMatch(snippet, /[\n\u200b]|^\s|\s$/);
      },
    ),
  );
});
