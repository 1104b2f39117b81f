import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { baseSubject } from "./base-subject.ts";

describe("the base subject", () => {
  const examples: [string, string][] = [
    ["Hello", "Hello"],
    ["Re: Hello", "Hello"],
    ["RE:Hello", "Hello"],
    ["Fwd: Re: FW: Hello", "Hello"],
    ["Re[2]: Hello", "Hello"],
    ["Re: [list] Hello", "Hello"],
    ["[list] Re: Hello", "Hello"],
    ["[a] [b] Re: Hello", "Hello"],
    ["Hello (fwd)", "Hello"],
    ["Hello (FWD) (fwd) ", "Hello"],
    ["[fwd: Re: Hello]", "Hello"],
    ["[only a blob]", "[only a blob]"],
    ["Re: [only a blob]", "[only a blob]"],
    ["Re:", ""],
    ["", ""],
    ["  many \t spaces ", "many spaces"],
    ["Regarding: this", "Regarding: this"],
    ["[fwd: not closed", "[fwd: not closed"],
  ];
  for (const [subject, base] of examples) {
    it(`of ${JSON.stringify(subject)} is ${JSON.stringify(base)}`, () => assert.equal(baseSubject(subject), base));
  }

  const mark = fc.constantFrom("Re: ", "re:", "Fwd: ", "FW:", "Re[3]: ", "[list] ", " ");
  const trailer = fc.constantFrom(" (fwd)", " ", "(FWD)");
  const word = fc.stringMatching(/^[a-z]{3,12}$/);

  it("is the same whatever marks are put around it", () =>
    fc.assert(
      fc.property(fc.array(mark), word, fc.array(trailer), (marks, subject, trailers) => {
        assert.equal(baseSubject(marks.join("") + subject + trailers.join("")), subject);
      }),
    ));

  it("is its own base", () =>
    fc.assert(
      fc.property(fc.array(fc.oneof(mark, trailer, word, fc.string())), (parts) => {
        const base = baseSubject(parts.join(""));
        assert.equal(baseSubject(base), base);
      }),
      { numRuns: 1000 },
    ));
});
