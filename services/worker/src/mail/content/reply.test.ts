import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { replyTextOf } from "./reply.ts";

const cases: [what: string, text: string, reply: string][] = [
  ["a plain text", "Hello Bob,\n\nsee you.\n", "Hello Bob,\n\nsee you."],
  ["a quotation below", "Yes!\n\nOn Mon, 5 Jan 2026 at 10:00, Ada <ada@example.org> wrote:\n> Lunch?\n> Ada\n", "Yes!"],
  [
    "an attribution over two lines",
    "Yes!\n\nOn Mon, 5 Jan 2026 at 10:00, Ada of the very long name\n<ada@example.org> wrote:\n> Lunch?\n",
    "Yes!",
  ],
  ["German", "Ja.\n\nAm 05.01.2026 um 10:00 schrieb Ada <ada@example.org>:\n> Mittag?\n", "Ja."],
  ["French", "Oui.\n\nLe lun. 5 janv. 2026 à 10:00, Ada <ada@example.org> a écrit :\n> Midi ?\n", "Oui."],
  [
    "Outlook",
    "Fine.\n\n________________________________\nFrom: Ada <ada@example.org>\nSent: Monday\nTo: Bob\nSubject: Lunch\n\nLunch?\n",
    "Fine.",
  ],
  ["an original message", "Fine.\n\n-----Original Message-----\nFrom: Ada\n\nLunch?", "Fine."],
  ["a signature", "Fine.\n-- \nBob\nExample Ltd", "Fine."],
  ["a phone", "Fine.\n\nSent from my telephone\n", "Fine."],
  ["a quotation above", "On Monday, Ada wrote:\n> Lunch?\n\nYes!\n", "Yes!"],
  ["answers in between", "On Monday, Ada wrote:\n> Lunch?\nYes.\n> When?\nNoon.\n-- \nBob", "Yes.\nNoon."],
  ["nothing new", "> all of it\n> is quoted\n", ""],
  ["a line right above", "Please pay.\nOn Monday, Ada wrote:\n\nLunch?", "Please pay."],
  [
    "a line right above that begins alike",
    "On balance, yes.\nOn Monday, Ada wrote:\n> Lunch?\nNoon.",
    "On balance, yes.\nNoon.",
  ],
  [
    "a line right above, in between",
    "Am besten heute.\nAm 5.1. schrieb Ada:\n> Wann?\n\nGut.",
    "Am besten heute.\n\nGut.",
  ],
  [
    "an attribution over three lines",
    "Yes!\n\nOn Mon, 5 Jan 2026\nAda of the very long name\n<ada@example.org> wrote:\n> Lunch?",
    "Yes!",
  ],
  ["a colon that introduces nothing", "He wrote:\n\nnothing of note.", "He wrote:\n\nnothing of note."],
];

for (const [what, text, reply] of cases)
  test(`the new text of an answer: ${what}`, () => assert.equal(replyTextOf(text), reply));

test("whatever is written, what is new is part of it, and takes no more time than there is text", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("> a", "On x wrote:", "", "text", "-- ", "From: a", "Sent: b", ">")),
      (lines) => {
        const words = new Set(lines.map((line) => line.trim()));
        for (const line of replyTextOf(lines.join("\n")).split("\n")) assert.ok(line === "" || words.has(line.trim()));
      },
    ),
  );
  for (const bomb of [
    ">".repeat(1 << 20),
    "On ".repeat(300_000),
    "a:\n".repeat(300_000),
    "From: a\n".repeat(100_000),
    `On ${"a wrote ".repeat(70)}z:\n`.repeat(1_500),
    "On\na\nb wrote:\n".repeat(50_000),
    `${"-".repeat(40)} original message${"-".repeat(80)}\n`.repeat(7_000),
    `${"\u3000".repeat(300)}:\n`.repeat(3_000),
  ]) {
    const start = process.cpuUsage();
    replyTextOf(bomb);
    assert.ok(process.cpuUsage(start).user < 2_000_000, bomb.slice(0, 10));
  }
});
