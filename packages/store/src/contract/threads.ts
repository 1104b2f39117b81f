import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { isFailure } from "@postern/protocol";
import fc from "fast-check";
import type { ThreadWish } from "../store.ts";
import type { Pair } from "./index.ts";
import { account } from "./samples.ts";

const link = (name: string): string => createHash("sha256").update(name).digest("hex").slice(0, 18);

/** A message by its name, and those that it refers to. */
function wish(name: string, ...references: string[]): ThreadWish {
  const links = references.map(link);
  return { self: link(name), links, keep: links, weak: [], weakKeep: [], seeds: [name, ...references] };
}

export function threadsContract(pair: () => Pair): void {
  test("what refers to one another is one thread, and what does not is another", async () => {
    const { one, other } = pair();
    await one.accounts.create(account("thr-plain"));
    const given = await one.threads.assign("thr-plain", [wish("a"), wish("b", "a"), wish("x"), wish("c", "a", "b")]);
    assert.deepEqual(given, [1, 1, 2, 1]);
    assert.deepEqual(await other.threads.find("thr-plain", 1), { threads: [1], seeds: ["a"] });
    assert.deepEqual(await other.threads.find("thr-plain", 3), null);
  });

  test("an answer that was seen first shares its thread with what it answers", async () => {
    const { one, other } = pair();
    await one.accounts.create(account("thr-late"));
    assert.deepEqual(await one.threads.assign("thr-late", [wish("b", "a")]), [1]);
    assert.deepEqual(await other.threads.assign("thr-late", [wish("a")]), [1]);
  });

  test("a message that joins two threads changes neither's name, and both name all of it from then on", async () => {
    const { one, other } = pair();
    await one.accounts.create(account("thr-join"));
    assert.deepEqual(await one.threads.assign("thr-join", [wish("a"), wish("b"), wish("c")]), [1, 2, 3]);
    assert.deepEqual(await other.threads.assign("thr-join", [wish("d", "c", "b")]), [2]);
    assert.deepEqual(await one.threads.assign("thr-join", [wish("e", "a", "d")]), [1]);
    const names = [wish("a"), wish("b"), wish("c"), wish("d"), wish("e")];
    assert.deepEqual(await other.threads.assign("thr-join", names), [1, 2, 3, 2, 1]);
    for (const thread of [1, 2, 3]) {
      const found = await one.threads.find("thr-join", thread);
      assert.deepEqual(
        [found?.threads, found?.seeds.toSorted()],
        [
          [1, 2, 3],
          ["a", "b", "c"],
        ],
        `thread ${thread}`,
      );
    }
  });

  test("weak ties count where there are no others, and make it known how their message is found", async () => {
    const { one } = pair();
    await one.accounts.create(account("thr-weak"));
    const subject = link("subject");
    const original = { ...wish("a"), weakKeep: [subject] };
    const answer = { ...wish("b"), weak: [subject] };
    const stranger = { ...wish("c", "z"), weak: [subject] };
    assert.deepEqual(await one.threads.assign("thr-weak", [original, answer]), [1, 1]);
    assert.deepEqual(await one.threads.assign("thr-weak", [wish("z"), stranger]), [2, 2]);
    assert.deepEqual((await one.threads.find("thr-weak", 1))?.seeds, ["a", "b"]);
  });

  test("only what is to be kept is", async () => {
    const { one } = pair();
    await one.accounts.create(account("thr-keep"));
    const some = { ...wish("d", "a", "b", "c"), keep: [link("a")] };
    assert.deepEqual(await one.threads.assign("thr-keep", [some, wish("a"), wish("b")]), [1, 1, 2]);
  });

  test("a message that refers to itself, to one thing many times or to very much is one message", async () => {
    const { one } = pair();
    await one.accounts.create(account("thr-odd"));
    const many = Array.from({ length: 500 }, (_, index) => `r${index}`);
    const given = await one.threads.assign("thr-odd", [wish("a", "a", "a"), wish("b", ...many), wish("b")]);
    assert.deepEqual(given, [1, 2, 2]);
  });

  test("a thread's seeds are bounded", async () => {
    const { one } = pair();
    await one.accounts.create(account("thr-seeds"));
    const ties = Array.from({ length: 60 }, (_, index) => ({ ...wish(`m${index}`, "a"), seeds: [`m${index}`] }));
    await one.threads.assign("thr-seeds", ties);
    assert.equal((await one.threads.find("thr-seeds", 1))?.seeds.length, 20);
  });

  test("however many assign at once, all are told the same", async () => {
    const { one, other } = pair();
    await one.accounts.create(account("thr-race"));
    const names = Array.from({ length: 40 }, (_, index) => wish(`m${index}`, `m${index % 4}`, `m${(index * 7) % 40}`));
    const given = await Promise.all(
      [one, other, one, other].map((store, turn) =>
        store.threads.assign("thr-race", turn % 2 === 0 ? names : names.toReversed()),
      ),
    );
    const [first = [], second = [], ...rest] = given.map((threads, turn) =>
      turn % 2 === 0 ? threads : threads.toReversed(),
    );
    assert.deepEqual(second, first);
    for (const threads of rest) assert.deepEqual(threads, first);
  });

  test("nothing is kept of an account that is not there, or no more", async () => {
    const { one, other } = pair();
    await assert.rejects(one.threads.assign("thr-nobody", [wish("a")]), (error) => isFailure(error, "not-found"));
    assert.equal(await one.threads.find("thr-nobody", 1), null);
    await one.accounts.create(account("thr-gone"));
    await one.threads.assign("thr-gone", [wish("b"), wish("a")]);
    await one.accounts.remove("thr-gone");
    assert.equal(await other.threads.find("thr-gone", 1), null);
    await one.accounts.create(account("thr-gone"));
    assert.deepEqual(await other.threads.assign("thr-gone", [wish("a")]), [1]);
  });

  test("whatever refers to whatever in whatever order: names stay, and a name finds just its conversation", async () => {
    const { one, other } = pair();
    let run = 0;
    const letters = fc.array(
      fc.tuple(fc.integer({ min: 0, max: 11 }), fc.array(fc.integer({ min: 0, max: 11 }), { maxLength: 3 })),
      { minLength: 1, maxLength: 14 },
    );
    await fc.assert(
      fc.asyncProperty(letters, async (messages) => {
        run += 1;
        const id = `thr-any-${run}`;
        await one.accounts.create(account(id));
        const groups = new Map<number, number>();
        const rootOf = (node: number): number => {
          const up = groups.get(node) ?? node;
          return up === node ? node : rootOf(up);
        };
        const named = new Map<number, number>();
        for (const [index, [name, references]] of messages.entries()) {
          // A message says the same whenever it is looked at: one that is known is not read for references again.
          const store = index % 2 === 0 ? one : other;
          const [thread = 0] = await store.threads.assign(id, [wish(`${name}`, ...references.map(String))]);
          assert.equal(thread, named.get(name) ?? thread);
          const isKnown = named.has(name) || [...groups.keys()].includes(name);
          named.set(name, thread);
          if (!isKnown) groups.set(name, name);
          if (!isKnown || index === messages.findIndex(([each]) => each === name))
            for (const reference of references) {
              if (!groups.has(reference)) groups.set(reference, reference);
              groups.set(rootOf(reference), rootOf(name));
            }
        }
        const found = new Map<number, string>();
        for (const [name, thread] of named)
          found.set(name, JSON.stringify((await one.threads.find(id, thread))?.threads));
        for (const [name, threads] of found)
          for (const [other, others] of found)
            if (rootOf(name) !== rootOf(other)) assert.notEqual(threads, others, `${name} and ${other}`);
      }),
      { numRuns: 40 },
    );
  });
}
