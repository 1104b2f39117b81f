import assert from "node:assert/strict";
import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Failure } from "@postern/protocol";
import fc from "fast-check";
import { createSpool } from "./spool.ts";

const newFolder = (): string => mkdtempSync(join(tmpdir(), "pst-spool-"));

async function* from(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

async function all(octets: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of octets) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function isFailure(code: string) {
  return (error: unknown): boolean => error instanceof Failure && error.code === code && error.outcome === "none";
}

test("what was put in comes out, as often as it is asked for, whether it fits in memory or not", async () => {
  const spool = createSpool({ most: 1 << 20, folder: newFolder() });
  const chunk = fc.tuple(fc.nat(200_000), fc.nat(255)).map(([size, octet]) => Buffer.alloc(size, octet));
  await fc.assert(
    fc.asyncProperty(fc.array(chunk, { maxLength: 5 }), async (chunks) => {
      const whole = Buffer.concat(chunks);
      const kept = await spool.take(from(chunks));
      assert.equal(kept.size, whole.length);
      assert.ok((await all(kept.octets())).equals(whole));
      assert.ok((await all(kept.octets())).equals(whole));
      await kept.release();
    }),
    { numRuns: 30 },
  );
});

test("nothing of it can be found on the disk by its name", async () => {
  const folder = newFolder();
  const kept = await createSpool({ most: 1 << 20, folder }).take(from([Buffer.alloc(900_000)]));
  assert.deepEqual(readdirSync(folder), []);
  await kept.release();
});

test("more than may be is refused while it comes", async () => {
  const spool = createSpool({ most: 1_000, folder: newFolder() });
  let taken = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      taken += 1;
      yield Buffer.alloc(100);
    }
  }
  await assert.rejects(spool.take(endless()), isFailure("payload-too-large"));
  assert.equal(taken, 11);
});

test("all that is held has a bound, and what is released makes room", async () => {
  const spool = createSpool({ most: 1_000, mostInAll: 1_500, folder: newFolder() });
  const first = await spool.take(from([Buffer.alloc(1_000)]));
  await assert.rejects(spool.take(from([Buffer.alloc(1_000)])), isFailure("unavailable"));
  await first.release();
  const second = await spool.take(from([Buffer.alloc(1_000)]));
  await second.release();
});

test("a source that breaks off leaves nothing behind", async () => {
  const spool = createSpool({ most: 1_000_000, mostInAll: 1_000_000, folder: newFolder() });
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield Buffer.alloc(900_000);
    throw new Error("hung up");
  }
  await assert.rejects(spool.take(broken()), /hung up/);
  const next = await spool.take(from([Buffer.alloc(900_000)]));
  await next.release();
});
