import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { listOf, parseResponse, ProtocolError, type RawResponse, uidOf, type Value } from "./response.ts";
import { ResponseReader } from "./response-reader.ts";

const LIMITS = { line: 10_000, literal: 10_000, response: 20_000 };

/** What a reader makes of octets that come in these pieces. */
function cut(pieces: Buffer[], limits = LIMITS): RawResponse[] {
  const found: RawResponse[] = [];
  const reader = new ResponseReader(limits, (raw) => found.push(raw));
  for (const piece of pieces) reader.push(piece);
  return found;
}

function read(text: string): ReturnType<typeof parseResponse>[] {
  return cut([Buffer.from(text, "latin1")]).map(parseResponse);
}

/** The values of `* NAME …`. */
function values(text: string): Value[] {
  const [response] = read(`* NAME ${text}\r\n`);
  assert.ok(response?.kind === "data");
  return response.values;
}

test("atoms, strings, lists, NIL and literals are told apart", () => {
  assert.deepEqual(values('atom "a \\"b\\" \\\\" NIL "NIL" (1 (2) ()) {3}\r\n\0\r\xff nil'), [
    "atom",
    'a "b" \\',
    null,
    "NIL",
    ["1", ["2"], []],
    Buffer.from("\0\r\xff", "latin1"),
    null,
  ]);
  assert.deepEqual(values("~{2}\r\nab {1+}\r\nc"), [Buffer.from("ab"), Buffer.from("c")]);
  assert.deepEqual(values("({0}\r\n {2}\r\n{} x)"), [[Buffer.alloc(0), Buffer.from("{}"), "x"]]);
});

test("a FETCH of sections keeps their names whole", () => {
  const [response] = read("* 7 FETCH (BODY[HEADER.FIELDS (To Cc)]<0> {2}\r\nhi UID 9)\r\n");
  assert.deepEqual(response, {
    kind: "data",
    number: 7,
    name: "FETCH",
    values: [["BODY[HEADER.FIELDS (To Cc)]<0>", Buffer.from("hi"), "UID", "9"]],
  });
});

test("status responses have a code, its values and a text", () => {
  const at = (line: string): unknown => read(`${line}\r\n`)[0];
  const base = { kind: "status", tag: "*", status: "OK" };
  const badCharset = { tag: "A1", status: "NO", code: "BADCHARSET", codeValues: [["US-ASCII"]], text: "no" };
  assert.deepEqual(at("* OK [UIDVALIDITY 3857529045] UIDs valid"), {
    ...base,
    code: "UIDVALIDITY",
    codeValues: ["3857529045"],
    text: "UIDs valid",
  });
  assert.deepEqual(at("A1 no [badcharset (US-ASCII)] no"), { ...base, ...badCharset });
  assert.deepEqual(at("* OK"), { ...base, code: null, codeValues: [], text: "" });
  assert.deepEqual(at("* OK [never closed"), { ...base, code: null, codeValues: [], text: "[never closed" });
});

test("a MODSEQ of 63 bits and a UID of 32 stay exact, larger UIDs are none", () => {
  assert.equal(uidOf("4294967295"), 4294967295);
  for (const no of ["4294967296", "0", "-1", "1.5", "", "x", "99999999999999999999"]) assert.equal(uidOf(no), null, no);
});

test("depth costs nothing: a list of a hundred thousand levels is read", () => {
  const depth = 100_000;
  const raw = { lines: [`* X ${"(".repeat(depth)}${")".repeat(depth)}`], literals: [] };
  const response = parseResponse(raw);
  assert.ok(response.kind === "data");
  let levels = 0;
  for (let list = response.values; list.length > 0; list = listOf(list[0])) levels += 1;
  assert.equal(levels, depth);
});

test("more values than any answer has are refused", () => {
  const raw = { lines: [`* SEARCH ${"1 ".repeat(4_000_001)}`], literals: [] };
  assert.throws(() => parseResponse(raw), ProtocolError);
});

test("limits are kept: of a line, a literal, a response", () => {
  const limits = { line: 100, literal: 100, response: 150 };
  const within = ["* X {100}\r\n", "x".repeat(100), "\r\n"].map((piece) => Buffer.from(piece));
  assert.equal(cut(within, limits).length, 1);
  const beyond = [
    "x".repeat(101),
    "* X {101}\r\n",
    "* X {999999999999999}\r\n",
    `* X {99999999999999999999999}\r\n${"x".repeat(101)}`,
    `* X {90}\r\n${"x".repeat(90)} {90}\r\n`,
    "* X {0}\r\n ".repeat(30),
  ];
  for (const text of beyond) assert.throws(() => cut([Buffer.from(text)], limits), ProtocolError, text.slice(0, 40));
});

test("what is sent after a whole response counts anew", () => {
  const limits = { line: 20, literal: 20, response: 30 };
  assert.equal(cut([Buffer.from("* OK 1234567890\r\n".repeat(100))], limits).length, 100);
});

/** A value, and how a server may write it. */
const written: fc.Arbitrary<{ value: Value; text: string }> = fc.letrec<{
  one: { value: Value; text: string };
  atom: { value: Value; text: string };
  quoted: { value: Value; text: string };
  literal: { value: Value; text: string };
  list: { value: Value; text: string };
}>((tie) => ({
  atom: fc
    .stringMatching(/^[A-Za-z0-9.\\$:*_-]{1,12}$/)
    .map((text) => ({ value: text.toUpperCase() === "NIL" ? null : text, text })),
  quoted: fc
    .string({ unit: fc.integer({ min: 0, max: 255 }).map((octet) => String.fromCharCode(octet)), maxLength: 20 })
    .map((text) => text.replace(/[\r\n]/g, ""))
    .map((text) => ({ value: text, text: `"${text.replace(/["\\]/g, "\\$&")}"` })),
  literal: fc.uint8Array({ maxLength: 40 }).map((octets) => {
    const value = Buffer.from(octets);
    return { value, text: `{${value.length}}\r\n${value.toString("latin1")}` };
  }),
  list: fc.array(tie("one"), { maxLength: 5 }).map((inner) => ({
    value: inner.map(({ value }) => value),
    text: `(${inner.map(({ text }) => text).join(" ")})`,
  })),
  one: fc.oneof({ maxDepth: 5 }, tie("atom"), tie("quoted"), tie("literal"), tie("list")),
})).one;

test("what a server writes is read as it was meant", () => {
  fc.assert(
    fc.property(fc.array(written, { maxLength: 8 }), (all) => {
      const expected = all.map(({ value }) => value);
      assert.deepEqual(values(all.map(({ text }) => text).join(" ")), expected);
    }),
  );
});

test("how the octets are cut into pieces makes no difference", () => {
  const stream = fc.array(fc.array(written, { maxLength: 4 }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(stream, fc.array(fc.nat(2_000)), (responses, cuts) => {
      const lines = responses.map((all) => `* X ${all.map(({ text }) => text).join(" ")}\r\n`).join("");
      const whole = Buffer.from(lines, "latin1");
      const places = [...new Set([0, ...cuts.map((at) => at % whole.length), whole.length])].sort((a, b) => a - b);
      const pieces = places.slice(1).map((end, index) => whole.subarray(places[index], end));
      assert.deepEqual(cut(pieces), cut([whole]));
      assert.deepEqual(cut(Array.from(whole, (octet) => Buffer.from([octet]))), cut([whole]));
    }),
  );
});

test("whatever comes is a response or a ProtocolError", () => {
  const hostile = fc.oneof(
    fc.string({
      unit: fc.constantFrom(...'*()[]{}"\\ \r\n+~1A<>%\0\xff', "OK", "NIL", "FETCH", "{3}\r\n"),
      maxLength: 80,
    }),
    fc.uint8Array({ maxLength: 200 }).map((octets) => Buffer.from(octets).toString("latin1")),
  );
  fc.assert(
    fc.property(hostile, (text) => {
      try {
        for (const response of read(`* ${text}\r\n`)) assert.ok(response.kind);
      } catch (error) {
        assert.ok(error instanceof ProtocolError, String(error));
      }
    }),
    { numRuns: 3_000 },
  );
});

test("a long line of many strings is read in one pass", () => {
  // A string that looked to the end of the line for something would make this a matter of minutes.
  const raw = { lines: [`* X ${'"ab" "c\\"d" '.repeat(400_000)}`], literals: [] };
  const response = parseResponse(raw);
  assert.ok(response.kind === "data");
  assert.equal(response.values.length, 800_000);
});
