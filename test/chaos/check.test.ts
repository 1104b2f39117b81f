import assert from "node:assert/strict";
import { test } from "node:test";
import { check, isExplained } from "./check.ts";
import { commonsOf } from "./commons.ts";
import type { Lying } from "./final.ts";
import { letterFor, markerIn, strangersIn } from "./letters.ts";
import { Ledger, type Outcome, Owned, type Registered, type State } from "./ledger.ts";

const none = { ...commonsOf("a", []), shared: [], travelling: [] };

const lying = (marker: string, box: Lying["box"], ...flags: string[]): Lying => ({
  marker,
  box,
  flags,
  uid: 1,
  isWhole: true,
});

/** What is said of one message to which these things happened, and of which these are there. */
function judged(happened: [Outcome, State][], there: Lying[]): string[] {
  const ledger = new Ledger(0);
  const owned = new Owned("a", "a-x-1", [null]);
  for (const [outcome, state] of happened) owned.become(outcome, state);
  ledger.owned.push(owned);
  return check(ledger, "a", none, there).map((wrong) => wrong.replace(/:.*/, ""));
}

const inbox: State = { box: "INBOX", flags: [] };
const box: State = { box: "Box", flags: ["\\Seen"] };

for (const [what, happened, there, wrong] of [
  ["what was stored is there once", [["done", inbox]], [lying("a-x-1", "INBOX")], []],
  ["what was stored is nowhere", [["done", inbox]], [], ["lost"]],
  [
    "what was stored is there twice",
    [["done", inbox]],
    [lying("a-x-1", "INBOX"), lying("a-x-1", "INBOX")],
    ["doubled"],
  ],
  ["what was not stored is nowhere", [["none", inbox]], [], []],
  ["what was not stored is there", [["none", inbox]], [lying("a-x-1", "INBOX")], ["doubled"]],
  ["what may have been stored is there", [["unknown", inbox]], [lying("a-x-1", "INBOX")], []],
  ["what may have been stored is nowhere", [["unknown", inbox]], [], []],
  [
    "what may have been stored is there twice",
    [["unknown", inbox]],
    [lying("a-x-1", "INBOX"), lying("a-x-1", "INBOX")],
    ["doubled"],
  ],
  [
    "what may have been moved is in one place",
    [
      ["done", inbox],
      ["unknown", box],
    ],
    [lying("a-x-1", "Box", "\\Seen")],
    [],
  ],
  [
    "what may have been moved is in both places",
    [
      ["done", inbox],
      ["unknown", box],
    ],
    [lying("a-x-1", "INBOX"), lying("a-x-1", "Box", "\\Seen")],
    ["doubled"],
  ],
  [
    "what was moved is where it was",
    [
      ["done", inbox],
      ["done", box],
    ],
    [lying("a-x-1", "INBOX")],
    ["changed"],
  ],
  ["a flag is missing", [["done", box]], [lying("a-x-1", "Box")], ["changed"]],
  ["octets are not those written", [["done", inbox]], [{ ...lying("a-x-1", "INBOX"), isWhole: false }], ["octets"]],
  ["something of which nobody knows is there", [], [lying("a-y-1", "INBOX")], ["foreign"]],
] satisfies [string, [Outcome, State][], Lying[], string[]][])
  test(`${what}: ${wrong.length === 0 ? "nothing is wrong" : wrong.join(", ")}`, () => {
    assert.deepEqual(judged(happened, there), wrong);
  });

const at = (value: string, began: number, ended: number): Registered => ({
  register: "r",
  value,
  began,
  ended,
  who: "x",
});

test("a value is explained by a write after which no other was certain, in any order of those that overlap", () => {
  const first = at("a", 0, 1);
  const overlapping = [at("b", 2, 6), at("c", 4, 8)];
  for (const value of ["b", "c"]) assert.equal(isExplained(at(value, 9, 10), [first, ...overlapping]), true, value);
  assert.equal(isExplained(at("a", 9, 10), [first, ...overlapping]), false, "overwritten");
  assert.equal(isExplained(at("a", 5, 10), [first, ...overlapping]), true, "nothing else was certain yet");
  assert.equal(isExplained(at("b", 9, 10), [first, at("b", 2, 3), at("c", 4, 5)]), false, "overwritten in turn");
  assert.equal(isExplained(at("d", 9, 10), [first, ...overlapping]), false, "written by nobody");
  assert.equal(isExplained(at("b", 5, 10), [first, at("b", 11, 12)]), false, "from the future");
  assert.equal(isExplained(at("b", 20, 21), [first, at("b", 2, Infinity), at("c", 9, 10)]), true, "of unknown end");
});

test("a letter is known by its marker, and says whose it is", () => {
  const letter = letterFor("user1", "user1-a0-7");
  assert.equal(markerIn(letter.toString()), "user1-a0-7");
  assert.deepEqual(strangersIn("user1", letter), []);
  assert.deepEqual(strangersIn("user2", letter), ["user1"]);
});
