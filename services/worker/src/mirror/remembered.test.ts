import assert from "node:assert/strict";
import { test } from "node:test";
import { Remembered } from "./remembered.ts";

const at = (mark: string, asOf = 1): { mark: string; asOf: number } => ({ mark, asOf });

test("what was made under a mark is given again under it, and made anew under another", async () => {
  const memory = new Remembered<string>((value) => value.length, 100_000);
  let made = 0;
  const make = async (): Promise<string> => `value ${(made += 1)}`;
  assert.equal(await memory.recall("q", at("a"), make), "value 1");
  assert.equal(await memory.recall("q", at("a"), make), "value 1");
  assert.equal(await memory.recall("q", at("b"), make), "value 2");
  assert.equal(await memory.recall("other", at("b"), make), "value 3");
});

test("who asks while it is made waits for that one", async () => {
  const memory = new Remembered<string>((value) => value.length, 100_000);
  const making = Promise.withResolvers<string>();
  const first = memory.recall("q", at("a"), () => making.promise);
  const second = memory.recall("q", at("a"), () => assert.fail("made twice"));
  making.resolve("once");
  assert.deepEqual(await Promise.all([first, second]), ["once", "once"]);
});

test("when making fails for one, the others make it for themselves", async () => {
  const memory = new Remembered<string>((value) => value.length, 100_000);
  const making = Promise.withResolvers<string>();
  const first = memory.recall("q", at("a"), () => making.promise);
  const second = memory.recall("q", at("a"), async () => "mine");
  making.reject(new Error("given up"));
  await assert.rejects(first, /given up/);
  assert.equal(await second, "mine");
});

test("what is made while the mark moves on does not take the place of what is newer", async () => {
  const memory = new Remembered<string>((value) => value.length, 100_000);
  const slow = Promise.withResolvers<string>();
  const old = memory.recall("q", at("a"), () => slow.promise);
  assert.equal(await memory.recall("q", at("b"), async () => "new"), "new");
  slow.resolve("old");
  assert.equal(await old, "old");
  assert.equal(await memory.recall("q", at("b"), () => assert.fail("forgotten")), "new");
});

test("it holds no more than it may: what was not asked for the longest goes first, and giants are not kept", async () => {
  const memory = new Remembered<string>((value) => value.length, 40_000);
  const fill = (name: string, octets = 2_000): Promise<string> =>
    memory.recall(name, at("a"), async () => "x".repeat(octets));
  for (let index = 0; index < 12; index += 1) await fill(`q${index}`);
  await memory.recall("q0", at("a"), () => assert.fail("q0 is kept"));
  for (let index = 12; index < 24; index += 1) {
    await fill(`q${index}`);
    await memory.recall("q0", at("a"), () => assert.fail("q0 was just asked for"));
  }
  assert.equal(memory.latest("q1"), null);
  await fill("giant", 30_000);
  assert.equal(memory.latest("giant"), null);
});

test("what was given last is at hand, with when it was last proved", async () => {
  const memory = new Remembered<string>((value) => value.length, 100_000);
  assert.equal(memory.latest("q"), null);
  await memory.recall("q", at("a", 5), async () => "value");
  assert.deepEqual(memory.latest("q"), { value: "value", asOf: 5 });
  await memory.recall("q", at("a", 9), () => assert.fail("made again"));
  await memory.recall("q", at("a", 7), () => assert.fail("made again"));
  assert.deepEqual(memory.latest("q"), { value: "value", asOf: 9 });
});
