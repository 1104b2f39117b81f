import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type ByteRange, type ByteStream, isFailure } from "@postern/protocol";
import { type CoreHouse, newCall, startCoreHouse } from "../testing/core-house.ts";
import { collect, noise, slowly } from "../testing/octets.ts";
import type { RawClient } from "../testing/raw-client.ts";

const MEBI = 1 << 20;

interface Piece {
  type?: string;
  encoding?: string;
  headers?: string[];
  octets: Uint8Array | string;
}

/** A message of parts, number 1 and on. */
function mixed(...pieces: Piece[]): Buffer {
  const parts = pieces.flatMap(({ type = "application/octet-stream", encoding, headers = [], octets }) => [
    Buffer.from(
      [
        "--cut-here",
        `Content-Type: ${type}`,
        ...(encoding === undefined ? [] : [`Content-Transfer-Encoding: ${encoding}`]),
        ...headers,
        "",
        "",
      ].join("\r\n"),
    ),
    Buffer.from(octets),
    Buffer.from("\r\n"),
  ]);
  const head = [
    "From: ada@example.org",
    "MIME-Version: 1.0",
    "Content-Type: multipart/mixed; boundary=cut-here",
    "",
    "",
  ];
  return Buffer.concat([Buffer.from(head.join("\r\n")), ...parts, Buffer.from("--cut-here--\r\n")]);
}

const base64 = (octets: Uint8Array): string =>
  Buffer.from(octets)
    .toString("base64")
    .replace(/(.{76})/g, "$1\r\n");

describe("a part's octets", () => {
  let house: CoreHouse;
  before(async () => {
    house = await startCoreHouse();
  });
  after(() => house.stop());

  const fill = async (account: string, source: Uint8Array): Promise<{ client: RawClient; message: string }> => {
    const client = await house.otherClient(account);
    await client.append("INBOX", [{ source }]);
    const page = await house.core.listMessages({ account, mailbox: "inbox", limit: 1, fields: ["id"] }, newCall());
    assert.ok(!page.notModified);
    return { client, message: page.items[0]?.id ?? "" };
  };
  const read = (account: string, message: string, part: string, range?: ByteRange): Promise<ByteStream> =>
    house.core.readPart({ account, message, part, range }, newCall());
  const octetsOf = async (...of: Parameters<typeof read>): Promise<Buffer> => collect((await read(...of)).body);

  it("have their transfer encoding undone, and nothing else", async () => {
    const binary = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet));
    const sent: [Piece, Uint8Array | string][] = [
      [{ octets: "" }, ""],
      [{ octets: "x" }, "x"],
      [{ octets: "", encoding: "base64" }, ""],
      [{ octets: base64(Buffer.from("x")), encoding: "BASE64" }, "x"],
      [{ octets: base64(binary), encoding: "base64" }, binary],
      [
        { octets: "caf=E9 =\r\nau lait", encoding: "quoted-printable", type: "text/plain; charset=iso-8859-1" },
        Buffer.from("caf\xe9 au lait", "latin1"),
      ],
      [
        { octets: Buffer.from("caf\xe9", "latin1"), encoding: "8bit", type: "text/plain; charset=iso-8859-1" },
        Buffer.from("caf\xe9", "latin1"),
      ],
      [{ octets: "=41 as it is", encoding: "x-unknown" }, "=41 as it is"],
      [{ octets: "aGVs*bG8\x01=\r\nIQ==", encoding: "base64" }, "hello!"],
      [{ octets: "aGVsbG8", encoding: "base64" }, "hello"],
      [{ octets: "=ZZ =4", encoding: "quoted-printable" }, "=ZZ =4"],
    ];
    const { client, message } = await fill("encodings", mixed(...sent.map(([piece]) => piece)));
    for (const [index, [piece, expected]] of sent.entries()) {
      const octets = await octetsOf("encodings", message, `${index + 1}`);
      assert.deepEqual(octets, Buffer.from(expected), JSON.stringify(piece));
    }
    await client.command("EXAMINE INBOX");
    assert.doesNotMatch(await client.command("FETCH 1:* FLAGS"), /Seen/);
  });

  it("are the same however many they are, in whole and in ranges", async () => {
    const large = noise(10 * MEBI);
    const { message } = await fill(
      "large",
      mixed(
        { octets: base64(large), encoding: "base64" },
        { octets: large.subarray(0, 3 * MEBI + 1), encoding: "8bit" },
      ),
    );
    const ranges: ByteRange[] = [
      { first: 0, last: 0 },
      { first: 5, last: 2 * MEBI },
      { first: 3 * MEBI },
      { suffix: 3 },
      { first: 2 * MEBI, last: 99 * MEBI },
    ];
    for (const [part, whole] of [
      ["1", large],
      ["2", large.subarray(0, 3 * MEBI + 1)],
    ] as const) {
      assert.ok((await octetsOf("large", message, part)).equals(whole));
      for (const range of ranges) {
        const { head, body } = await read("large", message, part, range);
        assert.equal(head.size, whole.length);
        const { first, last } = head.range ?? assert.fail("no range");
        assert.ok((await collect(body)).equals(whole.subarray(first, last + 1)), `${part} ${JSON.stringify(range)}`);
      }
      await assert.rejects(read("large", message, part, { first: whole.length }), (error) => {
        assert.ok(isFailure(error, "range-not-satisfiable"));
        assert.deepEqual(error.toJSON().current, { size: whole.length });
        return true;
      });
    }
  });

  it("tell their size beforehand where it is known", async () => {
    const { message } = await fill(
      "sizes",
      mixed({ octets: "12345" }, { octets: base64(noise(500)), encoding: "base64" }),
    );
    assert.equal((await read("sizes", message, "1")).head.size, 5);
    assert.equal((await read("sizes", message, "2")).head.size, null);
    await read("sizes", message, "2", { suffix: 1 });
    assert.equal((await read("sizes", message, "2")).head.size, 500);
  });

  it("tell what they are, and under which name", async () => {
    const { message } = await fill(
      "names",
      mixed(
        {
          octets: "a",
          type: "text/html; charset=koi8-r",
          headers: [
            "Content-Disposition: attachment; filename*=utf-8''%E2%98%82%20r%C3%A9sum%C3%A9.html; filename=fallback.html",
          ],
        },
        { octets: "a", type: 'application/pdf; name="=?utf-8?Q?=E2=98=82.pdf?="' },
        { octets: "a", type: "image/svg+xml", headers: ['Content-Disposition: inline; filename="../../x.svg"'] },
        { octets: "a", type: 'text/plain; charset="x y\x01"' },
        { octets: "From: a@example.org\r\nSubject: x\r\n\r\nHi", type: "message/rfc822" },
      ),
    );
    const told = async (part: string): Promise<(string | null)[]> => {
      const { head } = await read("names", message, part);
      return [head.contentType, head.filename];
    };
    assert.deepEqual(await told("1"), ["text/html; charset=koi8-r", "☂ résumé.html"]);
    assert.deepEqual(await told("2"), ["application/pdf", "☂.pdf"]);
    assert.deepEqual(await told("3"), ["image/svg+xml", "x.svg"]);
    assert.deepEqual(await told("4"), ["text/plain", null]);
    assert.deepEqual(await told("5"), ["message/rfc822", null]);
    assert.equal((await octetsOf("names", message, "5")).toString(), "From: a@example.org\r\nSubject: x\r\n\r\nHi");
  });

  it("are not found where the message has no such part", async () => {
    const { message } = await fill("missing", mixed({ octets: "a" }));
    for (const part of ["2", "1.1", "0", "", "HEADER", "1.MIME", "TEXT", "1] BODY[", "__proto__"]) {
      await assert.rejects(read("missing", message, part), (error) => isFailure(error, "not-found"), part);
    }
  });

  it("break off where the message is deleted in between", async () => {
    for (const encoding of ["base64", "8bit"]) {
      const account = `expunged-${encoding}`;
      const octets = noise(4 * MEBI);
      const { client, message } = await fill(
        account,
        mixed({ octets: encoding === "base64" ? base64(octets) : octets, encoding }),
      );
      const reader = slowly(await read(account, message, "1"));
      await reader.next();
      await client.command("SELECT INBOX");
      await client.command("STORE 1 +FLAGS.SILENT (\\Deleted)");
      await client.command("EXPUNGE");
      await assert.rejects(reader.rest(), (error) => isFailure(error, "message-gone"));
      await assert.rejects(read(account, message, "1"), (error) => isFailure(error, "message-gone"));
    }
  });
});
