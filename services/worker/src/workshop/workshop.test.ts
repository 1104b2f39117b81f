import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { isFailure } from "@postern/protocol";
import { makeBody, type Makings, type Plan } from "../mail/rows/make-body.ts";
import { needsOf } from "../mail/rows/needs.ts";
import { partOf } from "../mail/content/testing.ts";
import { createWorkshop } from "./index.ts";

const never = new AbortController().signal;

function letter(html: string): Makings {
  const part = partOf("text/html", { size: html.length });
  const plan: Plan = {
    text: [part],
    html: [part],
    makesSnippet: true,
    snippet: part,
    isCut: { text: false, html: false, parts: false },
    calendars: [],
    sections: [],
    limit: 1 << 20,
  };
  return { plan, octets: new Map([["1", Buffer.from(html)]]), needs: needsOf(["text", "html"]), trusted: [] };
}

describe("the workshop", () => {
  const workshop = createWorkshop({ most: 2 });
  after(() => workshop.close());

  it("makes what is made here", async () => {
    const makings = letter("<p onclick=x>Hello <b>world</b><script>x</script>");
    assert.deepEqual(await workshop.make(makings, never), makeBody(makings));
    assert.equal(makings.octets.get("1")?.length, 49, "its octets are still there");
  });

  it("lets everything else go on meanwhile", async () => {
    let turns = 0;
    let isMade = false;
    const making = workshop.make(letter("<a <b".repeat(200_000)), never).finally(() => (isMade = true));
    while (!isMade) {
      await workshop.turn();
      turns += 1;
    }
    assert.ok((await making) !== null);
    assert.ok(turns > 100, `${turns} turns`);
  });

  it("makes many more than it has threads", async () => {
    const texts = Array.from({ length: 20 }, (_, index) => `<p>number ${index}`);
    const made = await Promise.all(texts.map((html) => workshop.make(letter(html), never)));
    assert.deepEqual(
      made.map((each) => each?.body.text),
      texts.map((html) => html.slice(3)),
    );
  });

  it("does not begin what nobody waits for any more", async () => {
    const gone = AbortSignal.abort();
    await assert.rejects(workshop.make(letter("<p>x"), gone), (error) => isFailure(error, "cancelled"));
    assert.equal((await workshop.make(letter("<p>y"), never))?.body.text, "y");
  });
});

/** What a thread does that reads a message as nobody foresaw: it is found by the first letter of its text. */
const unforeseen = new URL(
  `data:text/javascript,${encodeURIComponent(`
  import { parentPort } from "node:worker_threads";
  parentPort.on("message", ({ octets }) => {
    const held = [];
    const kind = String.fromCharCode(octets.get("1")[0]);
    while (kind === "t") held.length = 0;
    while (kind === "m") held.push(new Array(1000).fill(kind));
    if (kind === "e") throw new Error("unforeseen");
    parentPort.postMessage({ made: { body: kind } });
  });
  parentPort.postMessage({ ready: true });
`)}`,
);

describe("a message that is a bomb", () => {
  const workshop = createWorkshop({ most: 1, cpuMs: 1_000, memoryMb: 16, thread: unforeseen });
  after(() => workshop.close());
  const make = (text: string): Promise<unknown> => workshop.make(letter(text), never);

  for (const [kind, text] of [
    ["time", "t"],
    ["memory", "m"],
  ] as const)
    it(`is given up when it takes too much ${kind}, and the next is made`, async () => {
      const [bomb, next] = await Promise.all([make(text), make("good")]);
      assert.equal(bomb, null);
      assert.deepEqual(next, { body: "g" });
    });

  it("that breaks the reading fails alone", async () => {
    const [bomb, next] = await Promise.allSettled([make("e"), make("good")]);
    assert.ok(bomb.status === "rejected" && /unforeseen/.test(String(bomb.reason)));
    assert.ok(next.status === "fulfilled");
  });
});
