import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import libqp from "libqp";
import { decodePieces, decodeTransfer } from "./transfer.ts";

const decode = (octets: string, name: string): string =>
  Buffer.from(decodeTransfer(Buffer.from(octets, "latin1"), name)).toString("latin1");

test("base64 is decoded however it was broken", () => {
  const vectors: [string, string][] = [
    ["", ""],
    ["aGVsbG8=", "hello"],
    ["aGVs\r\nbG8=\r\n", "hello"],
    ["aGVsbG8", "hello"],
    ["aG!Vs\0bG*8=", "hello"],
    ["  aGVsbG8 =", "hello"],
    ["aGVsbG8=IQ==", "hello!"],
    ["aGVsbG8=\r\nIQ==\r\n", "hello!"],
    ["aGVsbG8=\r\n--list\r\nThis list is for all", "hello"],
    ["aGVs\r\n--list--\r\nThis list is for all", "hel"],
    ["aG-Vs", "hel"],
    ["aGVsbG8====", "hello"],
    ["a", ""],
    ["====", ""],
    ["\xff\xfe", ""],
  ];
  for (const [octets, text] of vectors) assert.equal(decode(octets, "base64"), text, JSON.stringify(octets));
});

test("quoted-printable is decoded however it was broken", () => {
  const vectors: [string, string][] = [
    ["", ""],
    ["caf=E9", "caf\xe9"],
    ["caf=e9", "caf\xe9"],
    ["a=\r\nb", "ab"],
    ["a=\nb", "ab"],
    ["a=  \r\nb", "ab"],
    ["a  \r\nb", "a\r\nb"],
    ["a=20\r\nb", "a \r\nb"],
    ["=ZZ", "=ZZ"],
    ["=", ""],
    ["=4", "=4"],
    ["100% = 1", "100% = 1"],
    ["caf\xe9", "caf\xe9"],
  ];
  for (const [octets, text] of vectors) assert.equal(decode(octets, "Quoted-Printable "), text, JSON.stringify(octets));
});

test("what is not encoded, or in a way that nobody knows, stays as it is", () => {
  for (const name of ["7bit", "8bit", "binary", "x-uuencode", "utf-8", ""])
    assert.equal(decode("a=41 QQ==", name), "a=41 QQ==");
});

test("any octets come out of base64 and quoted-printable again", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
      const base64 = Buffer.from(octets)
        .toString("base64")
        .replace(/(.{76})/g, "$1\r\n");
      assert.deepEqual(Buffer.from(decodeTransfer(Buffer.from(base64), "base64")), Buffer.from(octets));
      const printable = [...octets]
        .map((octet) => `=${octet.toString(16).padStart(2, "0")}`)
        .join("")
        .replace(/(.{75})/g, "$1=\r\n");
      assert.deepEqual(Buffer.from(decodeTransfer(Buffer.from(printable), "quoted-printable")), Buffer.from(octets));
    }),
  );
});

const broken = fc
  .array(
    fc.constantFrom(
      "=",
      "=\r\n",
      "4",
      "1",
      "E9",
      " ",
      "\t",
      "\r\n",
      "\n",
      "\r",
      "a",
      "QUJD",
      "==",
      "\xff",
      "-",
      "--",
      "\u2028",
    ),
    { maxLength: 60 },
  )
  .map((parts) => Buffer.from(parts.join(""), "latin1"));

test("it makes no difference in which pieces octets come", async () => {
  await fc.assert(
    fc.asyncProperty(
      broken,
      fc.constantFrom("base64", "quoted-printable", "8bit"),
      fc.integer({ min: 1, max: 9 }),
      async (octets, name, step) => {
        const pieces = Array.from({ length: Math.ceil(octets.length / step) }, (_, at) =>
          octets.subarray(at * step, (at + 1) * step),
        );
        const decoded: Uint8Array[] = [];
        for await (const piece of decodePieces(toAsync(pieces), name)) decoded.push(piece);
        assert.deepEqual(Buffer.concat(decoded), Buffer.from(decodeTransfer(octets, name)));
      },
    ),
    { numRuns: 1_000 },
  );
});

test("quoted-printable is what the library makes of the whole", () => {
  fc.assert(
    fc.property(broken, (octets) => {
      assert.deepEqual(Buffer.from(decodeTransfer(octets, "quoted-printable")), libqp.decode(octets));
    }),
  );
});

test("a line without end is decoded as it comes", async () => {
  const line = Buffer.from("=41".repeat(100_000));
  let pieces = 0;
  for await (const piece of decodePieces(toAsync([line, line, line]), "quoted-printable")) {
    assert.equal(piece.length, 100_000);
    pieces += 1;
  }
  assert.equal(pieces, 3);
});

async function* toAsync(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}
