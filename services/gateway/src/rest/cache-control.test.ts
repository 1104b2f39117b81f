import assert from "node:assert/strict";
import { test } from "node:test";
import { maxStaleIn } from "./cache-control.ts";

const headers: [header: string | undefined, milliseconds: number | undefined][] = [
  [undefined, undefined],
  ["", undefined],
  ["no-cache", undefined],
  ["max-stale=10", 10_000],
  ["max-stale=0", 0],
  ["no-transform, Max-Stale = 5", 5_000],
  ['max-stale="7", no-transform', 7_000],
  ["max-stale", Number.MAX_SAFE_INTEGER],
  ["max-stale-not=1", undefined],
  ["x-max-stale=1", undefined],
  ["max-stale=soon", undefined],
  ["max-stale=-1", undefined],
];

for (const [header, milliseconds] of headers)
  test(`${JSON.stringify(header ?? null)} allows ${milliseconds ?? "no"} milliseconds`, () => {
    assert.equal(maxStaleIn(header), milliseconds);
  });
