import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readDate } from "./date.ts";
import { readEnvelope } from "./envelope.ts";
import { parseResponse, type Value } from "./response.ts";
import type { EnvelopeAddress, Structure } from "./session.ts";
import { readStructure } from "./structure.ts";

/** From the line that a server would send, one character an octet. */
function valueOf(text: string): Value | undefined {
  const response = parseResponse({ lines: [`* X ${text}`], literals: [] });
  return response.kind === "data" ? response.values[0] : undefined;
}

function latin1(text: string): string {
  return Buffer.from(text).toString("latin1");
}

const dates: [text: string, iso: string | null][] = [
  ["Fri, 21 Nov 1997 09:55:06 -0600", "1997-11-21T15:55:06.000Z"],
  ["21 Nov 97 09:55 GMT", "1997-11-21T09:55:00.000Z"],
  ["Thu, 1 Jan 1970 00:00:00 +0000 (UTC)", "1970-01-01T00:00:00.000Z"],
  ["Wed,  4 Mar 2026 5:06:07 PST", "2026-03-04T13:06:07.000Z"],
  ["Tue, 1 Jul 2003 (a (nested) comment) 10:52:37 +0200 (CEST)", "2003-07-01T08:52:37.000Z"],
  ["Tue, 1 Jul 03 10:52:37 CEST", "2003-07-01T10:52:37.000Z"],
  ["1-Jul-2003 10:52:37 +0200", "2003-07-01T08:52:37.000Z"],
  ["Mon, 02 January 2006, 15:04:05 GMT+0100", "2006-01-02T14:04:05.000Z"],
  ["Mon Jan  2 15:04:05 2006", "2006-01-02T15:04:05.000Z"],
  ["Mon Jan 2 15:04:05 MST 2006", "2006-01-02T22:04:05.000Z"],
  ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000Z"],
  ["2026-01-02 03:04:05+05:30", "2026-01-01T21:34:05.000Z"],
  ["Sat, 31 Dec 2016 23:59:60 +0000", "2017-01-01T00:00:00.000Z"],
  ["31 Feb 2020 10:00:00 +0000", null],
  ["29 Feb 2023 10:00:00 +0000", null],
  ["1 Xyz 2020 10:00:00 +0000", null],
  ["1 Jan 2020 25:00:00 +0000", null],
  ["Mon, 1 Jan 0000 00:00:00 +0000", null],
  ["garbage 1", null],
  ["1", null],
  ["2020", null],
  ["tomorrow", null],
  ["", null],
];
for (const [text, iso] of dates) {
  test(`the date "${text}" is ${iso ?? "none"}`, () => {
    assert.equal(readDate(text)?.toISOString() ?? null, iso);
  });
}

test("a date does not depend on where this machine is", () => {
  const before = process.env.TZ;
  try {
    for (const zone of ["Pacific/Auckland", "America/Los_Angeles"]) {
      process.env.TZ = zone;
      assert.equal(readDate("2 Jan 2026 03:04:05")?.toISOString(), "2026-01-02T03:04:05.000Z");
    }
  } finally {
    if (before === undefined) delete process.env.TZ;
    else process.env.TZ = before;
  }
});

test("every time in every zone is read back from its RFC 5322 form", () => {
  const time = fc.date({
    min: new Date("0002-01-01T00:00:00Z"),
    max: new Date("9998-12-31T00:00:00Z"),
    noInvalidDate: true,
  });
  fc.assert(
    fc.property(time, fc.integer({ min: -14 * 60, max: 14 * 60 }), (date, offset) => {
      const exact = new Date(Math.floor(date.getTime() / 1000) * 1000);
      const local = new Date(exact.getTime() + offset * 60_000).toUTCString().replace("GMT", "");
      const [h, m] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60];
      const zone = `${offset < 0 ? "-" : "+"}${String(h).padStart(2, "0")}${String(m).padStart(2, "0")}`;
      assert.equal(readDate(`${local}${zone}`)?.getTime(), exact.getTime());
    }),
  );
});

test("an envelope is read, its encoded words decoded and its ids kept", () => {
  const envelope = readEnvelope(
    valueOf(
      '("Fri, 21 Nov 1997 09:55:06 -0600" "=?UTF-8?B?w4TDlsOc?= =?iso-8859-1?q?=DF?=" (("=?utf-8?Q?J=C3=BCrgen?=" NIL "j" "example.org")) ' +
        '((NIL NIL "s" "example.org")) NIL ((NIL NIL "a" "example.com")("B, C" NIL "b" "example.com")) NIL NIL "<before@x>" "<=?utf-8?Q?id?=@x>")',
    ),
  );
  assert.deepEqual(envelope, {
    date: new Date("1997-11-21T15:55:06Z"),
    subject: "ÄÖÜß",
    from: [{ name: "Jürgen", address: "j@example.org" }],
    sender: [{ name: null, address: "s@example.org" }],
    replyTo: [],
    to: [
      { name: null, address: "a@example.com" },
      { name: "B, C", address: "b@example.com" },
    ],
    cc: [],
    bcc: [],
    inReplyTo: "<before@x>",
    messageId: "<=?utf-8?Q?id?=@x>",
  });
});

test("an envelope of nothing has nothing, and one that is cut short has what is there", () => {
  const nothing = readEnvelope(valueOf("(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"));
  for (const value of [undefined, null, "text", [], [null]]) assert.deepEqual(readEnvelope(value), nothing);
  assert.deepEqual(nothing.to, []);
  assert.equal(nothing.date, null);
  assert.equal(readEnvelope(valueOf('("nonsense" "Hello")')).subject, "Hello");
});

test("an envelope that is too long is cut, and says where", () => {
  const to = '(NIL NIL "a" "example.com")'.repeat(10_001);
  const envelope = readEnvelope(valueOf(`(NIL "${"x".repeat(40_000)}" NIL NIL NIL (${to}) NIL NIL NIL "<a@x>")`));
  assert.deepEqual([envelope.cut, envelope.to.length], [["subject", "to"], 10_000]);
  assert.equal(envelope.messageId, "<a@x>");
});

test("octets beyond ASCII are read as UTF-8, or else as what Windows would have meant", () => {
  const subject = (octets: string): string | null => readEnvelope(valueOf(`(NIL "${octets}")`)).subject;
  assert.equal(subject(latin1("Größe – 日本")), "Größe – 日本");
  assert.equal(subject("Gr\xf6\xdfe \x96 \x80"), "Größe – €");
});

test("broken encoded words stay what they are", () => {
  for (const text of ["=?utf-8?Q?open", "=?x-unknown?Q?a?=", "=?utf-8?X?a?=", "=?utf-8?B?!!!?=", "=??Q?a?=", "=?="]) {
    assert.equal(typeof readEnvelope(valueOf(`(NIL "${text}")`)).subject, "string", text);
  }
});

const people: [text: string, expected: EnvelopeAddress[]][] = [
  [
    '((NIL NIL "Friends" NIL)(NIL NIL "a" "x.org")(NIL NIL NIL NIL))',
    [
      { name: "Friends", address: null },
      { name: null, address: "a@x.org" },
    ],
  ],
  ['((NIL NIL "undisclosed-recipients" NIL)(NIL NIL NIL NIL))', [{ name: "undisclosed-recipients", address: null }]],
  ['(("Only a name" NIL "MISSING_MAILBOX" "MISSING_DOMAIN"))', [{ name: "Only a name", address: null }]],
  ['((NIL NIL "root" "MISSING_DOMAIN"))', [{ name: null, address: "root" }]],
  ['((NIL NIL "root" ""))', [{ name: null, address: "root" }]],
  [
    '((NIL NIL "=?utf-8?Q?boss=40example.org?=" "evil.example"))',
    [{ name: null, address: "=?utf-8?Q?boss=40example.org?=@evil.example" }],
  ],
  [`((NIL NIL "${latin1("pelé")}" "example.org"))`, [{ name: null, address: "pelé@example.org" }]],
  ["(NIL () (NIL))", []],
];
for (const [text, expected] of people) {
  test(`addresses ${text} are read`, () => {
    assert.deepEqual(readEnvelope(valueOf(`(NIL NIL NIL NIL NIL ${text})`)).to, expected);
  });
}

function outline(structure: Structure): unknown {
  const { part, type, children } = structure;
  return children.length === 0 ? `${part} ${type}` : { [`${part} ${type}`]: children.map(outline) };
}

const TEXT = '("TEXT" "PLAIN" ("CHARSET" "utf-8") NIL NIL "7BIT" 10 1 NIL NIL NIL NIL)';
const PNG =
  '("image" "png" ("name" "a.png") "<cid@x>" "a picture" "base64" 1234 NIL ("inline" ("filename" "b.png")) NIL NIL)';
const ENVELOPE = '(NIL "inner" NIL NIL NIL NIL NIL NIL NIL NIL)';
const message = (body: string): string =>
  `("message" "rfc822" NIL NIL NIL "7bit" 500 ${ENVELOPE} ${body} 20 NIL ("attachment" ("filename" "m.eml")) NIL NIL)`;

test("a part that is alone has the number 1", () => {
  const structure = readStructure(valueOf(TEXT));
  assert.deepEqual([structure.part, structure.type, structure.size], ["1", "text/plain", 10]);
  assert.deepEqual(structure.parameters, { charset: "utf-8" });
});

test("the parts of a message are numbered as RFC 9051 section 6.4.5 has it", () => {
  const inner = `(${TEXT}${PNG} "mixed")`;
  const text = `((${TEXT}${TEXT} "alternative" ("boundary" "b"))${PNG}${message(TEXT)}${message(inner)} "mixed")`;
  assert.deepEqual(outline(readStructure(valueOf(text))), {
    " multipart/mixed": [
      { "1 multipart/alternative": ["1.1 text/plain", "1.2 text/plain"] },
      "2 image/png",
      { "3 message/rfc822": ["3.1 text/plain"] },
      { "4 message/rfc822": [{ "4 multipart/mixed": ["4.1 text/plain", "4.2 image/png"] }] },
    ],
  });
  assert.deepEqual(outline(readStructure(valueOf(message(inner)))), {
    "1 message/rfc822": [{ "1 multipart/mixed": ["1.1 text/plain", "1.2 image/png"] }],
  });
});

test("what is known of a part is there", () => {
  const picture = readStructure(valueOf(PNG));
  assert.deepEqual(picture, {
    part: "1",
    type: "image/png",
    parameters: { name: "a.png" },
    disposition: "inline",
    dispositionParameters: { filename: "b.png" },
    contentId: "<cid@x>",
    encoding: "base64",
    size: 1234,
    description: "a picture",
    children: [],
  });
  const letter = readStructure(valueOf(message(TEXT)));
  assert.deepEqual(letter.dispositionParameters, { filename: "m.eml" });
});

test("extension data may be missing, and a message that the server did not look into is a leaf", () => {
  assert.equal(readStructure(valueOf('("text" "html" NIL NIL NIL "8bit" 5 1)')).disposition, null);
  assert.equal(readStructure(valueOf('("application" "pdf" NIL NIL NIL "base64" 5)')).type, "application/pdf");
  const encoded = '("message" "rfc822" NIL NIL NIL "base64" 700 NIL ("attachment" ("filename" "x.eml")) NIL NIL)';
  const structure = readStructure(valueOf(encoded));
  assert.deepEqual([structure.children, structure.dispositionParameters.filename], [[], "x.eml"]);
  const bare = readStructure(valueOf('("text" "plain" NIL NIL NIL "7bit" 5 NIL ("attachment" NIL))'));
  assert.equal(bare.disposition, "attachment");
});

test("where a server could not make a structure, the message is plain text", () => {
  for (const value of [undefined, null, "x", []]) {
    assert.deepEqual(outline(readStructure(value)), "1 text/plain");
  }
});

const names: [parameters: string, filename: string][] = [
  ['"filename*0*" "UTF-8\'\'%E2%82%AC%20" "filename*1" "rates.pdf"', "€ rates.pdf"],
  ['"filename*" "iso-8859-1\'en\'%A3%20rates"', "£ rates"],
  ['"filename*0" "a long " "filename*1" "name.txt"', "a long name.txt"],
  ['"filename*1" "b" "filename*0" "a" "filename*2" "c"', "abc"],
  ['"filename*" "UTF-8\'\'na%22me.txt" "filename" "fallback.txt"', 'na"me.txt'],
  ['"filename*0*" "utf-8\'\'%E6" "filename*1*" "%97%A5.txt"', "日.txt"],
  ['"filename*0*" "shift_jis\'\'%93%FA" "filename*1*" "%96%7B.txt"', "日本.txt"],
  ['"filename" "=?utf-8?Q?=C3=A9t=C3=A9.pdf?="', "été.pdf"],
  [`"filename" "${latin1("déjà.txt")}"`, "déjà.txt"],
  ['"filename" "d\xe9j\xe0.txt"', "déjà.txt"],
  ['"FILENAME" "UPPER.TXT" "filename" "second.txt"', "UPPER.TXT"],
];
for (const [parameters, filename] of names) {
  test(`the file name in ${JSON.stringify(parameters)} is ${filename}`, () => {
    const text = `("image" "png" NIL NIL NIL "base64" 1 NIL ("attachment" (${parameters})) NIL NIL)`;
    assert.equal(readStructure(valueOf(text)).dispositionParameters.filename, filename);
  });
}

test("names of parameters that objects have by nature do no harm", () => {
  const { parameters } = readStructure(
    valueOf('("text" "plain" ("__proto__" "x" "constructor*" "y" "a" "b") NIL NIL "7bit" 1 1)'),
  );
  assert.equal(parameters.a, "b");
  assert.equal(Object.getPrototypeOf(parameters), Object.prototype);
});

function depthOf(structure: Structure): number {
  return 1 + Math.max(0, ...structure.children.map(depthOf));
}

test("depth and number of parts are bounded, and a hostile message is a message still", () => {
  const deep = `${"(".repeat(50_000)}${TEXT}${' "mixed")'.repeat(50_000)}`;
  assert.ok(depthOf(readStructure(valueOf(deep))) <= 102);
  let nested = TEXT;
  for (let level = 0; level < 300; level += 1) nested = message(nested);
  assert.ok(depthOf(readStructure(valueOf(nested))) <= 102);
  const wide = readStructure(valueOf(`(${TEXT.repeat(10_000)} "mixed")`));
  assert.ok(wide.children.length < 2_001);
  const square = readStructure(valueOf(`(${`(${TEXT.repeat(200)} "mixed")`.repeat(200)} "mixed")`));
  const count = (structure: Structure): number => structure.children.reduce((sum, child) => sum + count(child), 1);
  assert.ok(count(square) <= 2_001);
});

/** Anything a server might put into a list. */
const anything = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 6 },
    fc.constant(null),
    fc.constantFrom(
      "text",
      "multipart",
      "message",
      "rfc822",
      "1",
      "attachment",
      "=?utf-8?Q?a?=",
      "filename*0*",
      "utf-8''%",
    ),
    fc.string({ unit: "binary", maxLength: 20 }),
    fc.uint8Array({ maxLength: 20 }).map((octets) => Buffer.from(octets)),
    fc.array(tie("value"), { maxLength: 12 }),
  ),
})).value;

test("whatever stands in their place, envelopes and structures are made of it without an error", () => {
  fc.assert(
    fc.property(anything, (value) => {
      const envelope = readEnvelope(value);
      assert.ok(envelope.date === null || !Number.isNaN(envelope.date.getTime()));
      for (const person of [...envelope.from, ...envelope.to]) {
        assert.ok(person.name !== null || person.address !== null);
        assert.doesNotMatch(`${person.name}${person.address}`, /[\0\r\n]/);
      }
      assert.match(readStructure(value).type, /\//);
    }),
    { numRuns: 2_000 },
  );
});

test("whatever octets a subject has, it becomes one line of well-formed text", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (octets) => {
      const { subject } = readEnvelope([null, Buffer.from(octets)]);
      assert.ok(subject !== null && subject.isWellFormed() && !/[\0\r\n]/.test(subject));
    }),
  );
});
