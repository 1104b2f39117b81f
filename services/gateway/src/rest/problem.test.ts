import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Failure, type FailureCode, failureTable } from "@postern/protocol";
import { problemOf, statusOf } from "./problem.ts";

const codes = Object.keys(failureTable) as FailureCode[];

/** The cells of a page's table whose first cell is a code. */
function rowsIn(page: string): string[][] {
  const lines = page.split("\n").filter((line) => line.startsWith("| `"));
  return lines.map((line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );
}

const rows = rowsIn(readFileSync(new URL("../../../../docs/failures.md", import.meta.url), "utf8"));

test("the failures page has every code, with the status and the retryability that answers have, and nothing else", () => {
  const documented = rows.map(([code, status, retryable]) => [code?.replaceAll("`", ""), Number(status), retryable]);
  const real = codes.map((code) => [code, statusOf[code], failureTable[code].retryable ? "yes" : "no"]);
  const byCode = (a: unknown[], b: unknown[]): number => String(a[0]).localeCompare(String(b[0]));
  assert.deepEqual(documented.toSorted(byCode), real.toSorted(byCode));
});

test("the failures page says of every code when it comes and what to do", () => {
  for (const row of rows) {
    assert.equal(row.length, 5, row.join());
    for (const cell of row.slice(3)) assert.match(cell, /^[A-Z].*\.$/, row.join());
  }
});

test("every failure has a status of an error and a title", () => {
  for (const code of codes) {
    assert.ok(statusOf[code] >= 400 && statusOf[code] < 600, code);
    assert.match(failureTable[code].title, /^[A-Z]/, code);
  }
});

test("what can be tried again has another status than what is wrong with the request", () => {
  const wrong = new Set([400, 401, 403, 404, 405, 406, 409, 410, 412, 413, 415, 416, 422]);
  for (const code of codes) if (failureTable[code].retryable) assert.ok(!wrong.has(statusOf[code]), code);
});

test("a problem document tells what the failure tells", () => {
  const upstream = { status: "NO" as const, code: "OVERQUOTA", text: "Full" };
  const errors = [{ path: "limit", message: "is too large" }];
  const failure = new Failure("over-quota", {
    detail: "It is full.",
    upstream,
    errors,
    outcome: "none",
    current: { size: 3 },
  });
  assert.deepEqual(problemOf(failure, "/v1/accounts/ada"), {
    type: "urn:postern:problem:over-quota",
    title: "The mailbox is over quota",
    status: 507,
    detail: "It is full.",
    instance: "/v1/accounts/ada",
    code: "over-quota",
    retryable: false,
    outcome: "none",
    upstream,
    errors,
    current: { size: 3 },
  });
});

test("a problem document keeps what went wrong within to itself", () => {
  const failure = Failure.from(new Error("password=hunter2"));
  const told = JSON.stringify(problemOf(failure, "/v1/accounts"));
  assert.doesNotMatch(told, /hunter2|stack|cause/);
  assert.deepEqual(Object.keys(JSON.parse(told) as object).sort(), [
    "code",
    "instance",
    "retryable",
    "status",
    "title",
    "type",
  ]);
});
