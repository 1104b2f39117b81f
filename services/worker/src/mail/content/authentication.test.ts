import assert from "node:assert/strict";
import { test } from "node:test";
import { authenticationOf } from "./authentication.ts";
import { listUnsubscribeOf } from "./unsubscribe.ts";

const octets = (...lines: string[]): Uint8Array => Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
const received = "Received: from mx.example.com by mail.example.org; Mon, 5 Jan 2026 10:00:00 +0000";
const honest =
  "Authentication-Results: mail.example.org; spf=pass (sender ok; really) smtp.mailfrom=news@example.com;\r\n\tdkim=pass header.d=example.com header.s=k1; dkim=fail (bad) header.d=list.example;\r\n dmarc=pass policy.dmarc=none header.from=example.com";
const forged =
  "Authentication-Results: mail.example.org; spf=pass smtp.mailfrom=bank.example; dmarc=pass header.from=bank.example";

test("what the receiving server wrote above its Received is told", () => {
  assert.deepEqual(authenticationOf(octets(honest, received, "From: x@example.com"), []), {
    server: "mail.example.org",
    spf: { result: "pass", domain: "example.com" },
    dkim: [
      { result: "pass", domain: "example.com" },
      { result: "fail", domain: "list.example" },
    ],
    dmarc: { result: "pass", domain: "example.com" },
  });
});

test("what stands below is anybody's, and counts only in a trusted name", () => {
  assert.equal(authenticationOf(octets(received, forged), []), null);
  assert.equal(authenticationOf(octets(forged), []), null, "without a Received nothing tells who wrote it");
  assert.equal(authenticationOf(octets(received, forged), ["mail.example.net"]), null);
  assert.equal(authenticationOf(octets(received, forged), ["mail.example.org"])?.spf?.domain, "bank.example");
  const both = authenticationOf(octets(honest, received, forged), []);
  assert.equal(both?.dmarc?.domain, "example.com");
});

test("several fields of one server are one, and those of another beside it are not", () => {
  const found = authenticationOf(
    octets(
      "Authentication-Results: a.example; spf=fail",
      "Authentication-Results: a.example 1; dkim=pass header.i=@x.example",
      "Authentication-Results: b.example; dmarc=pass",
      received,
    ),
    [],
  );
  assert.deepEqual(found, {
    server: "a.example",
    spf: { result: "fail", domain: null },
    dkim: [{ result: "pass", domain: "x.example" }],
    dmarc: null,
  });
});

/** Each by a sender who wants to pass for bank.example, to a server that found out nothing good of them. */
const hostile: [what: string, ...lines: string[]][] = [
  ["a field of the same name below", "Authentication-Results: mail.example.org; spf=fail", received, forged],
  ["one between two Received", "Authentication-Results: mail.example.org; none", received, forged, received],
  ["a name with a blank behind it", received, forged.replace(":", " :")],
  ["a Received that is folded into another field", `Subject: a\r\n ${received}`, forged],
  [
    "an address with a quote in it",
    'Authentication-Results: mail.example.org; spf=fail smtp.mailfrom=a"b; dmarc=pass header.from=bank.example',
    received,
  ],
  [
    "an address in quotes",
    'Authentication-Results: mail.example.org; spf=fail smtp.mailfrom="a; dmarc=pass header.from=bank.example"@x',
    received,
  ],
  [
    "a comment",
    "Authentication-Results: mail.example.org; spf=fail (x; dmarc=pass header.from=bank.example)",
    received,
  ],
  [
    "a comment in a comment",
    "Authentication-Results: mail.example.org; spf=fail (x (y); dmarc=pass header.from=bank.example)",
    received,
  ],
  [
    "a reason",
    'Authentication-Results: mail.example.org; spf=fail reason="; dmarc=pass header.from=bank.example"',
    received,
  ],
  [
    "a method of another name",
    "Authentication-Results: mail.example.org; x-dmarc=pass header.from=bank.example; dmarcx=pass",
    received,
  ],
  [
    "a version that is none",
    "Authentication-Results: mail.example.org 2; dmarc=pass header.from=bank.example",
    received,
  ],
  [
    "another domain beside",
    "Authentication-Results: mail.example.org; spf=fail header.from=bank.example smtp.mailfrom=x@evil.example",
    received,
  ],
];

for (const [what, ...lines] of hostile)
  test(`nobody passes for somebody else by ${what}`, () => {
    for (const trusted of [[], ["mx.example.net"]]) {
      const found = authenticationOf(octets(...lines), trusted);
      assert.equal(found?.dmarc ?? null, null);
      assert.notEqual(found?.spf?.result, "pass");
      assert.notEqual(found?.spf?.domain, "bank.example");
    }
  });

test("in a trusted name too, only what was written in one place counts", () => {
  const real = "Authentication-Results: mail.example.org; spf=fail smtp.mailfrom=x@evil.example";
  const found = authenticationOf(octets(received, real, received, forged), ["mail.example.org"]);
  assert.deepEqual([found?.spf?.result, found?.dmarc], ["fail", null]);
});

test("what is no such field is passed over", () => {
  for (const value of [
    "",
    ";;;",
    "spf=pass",
    "a.example; none",
    "a.example; =pass; spf=; (((",
    `a.example; spf="${"x".repeat(9_999)}`,
  ]) {
    const found = authenticationOf(octets(`Authentication-Results: ${value}`, received), []);
    assert.equal(found?.spf ?? null, null, value.slice(0, 20));
  }
});

test("the ways to leave a list are told, and one click where it is offered for https", () => {
  const post = "List-Unsubscribe-Post: List-Unsubscribe=One-Click";
  const both = "List-Unsubscribe: <https://example.com/u?x=1>,\r\n <mailto:leave@example.com?subject=leave>";
  assert.deepEqual(listUnsubscribeOf(octets(both, post)), {
    urls: ["https://example.com/u?x=1"],
    mailto: ["mailto:leave@example.com?subject=leave"],
    oneClick: true,
  });
  assert.equal(listUnsubscribeOf(octets(both))?.oneClick, false);
  assert.equal(listUnsubscribeOf(octets("List-Unsubscribe: <http://example.com/u>", post))?.oneClick, false);
  for (const value of [
    "nothing",
    "https://example.com/u",
    "<data:text/html,x>",
    "<//example.com>",
    "<https:example.com>",
    "<https://user:secret@example.com/>",
    "<mailto:a@example.com?subject=x%0D%0ABcc:b@example.com>",
    "<ftp://example.com/>",
    "<https://[>",
    "<\0https://example.com>",
    "<javascript:alert(1)>",
    "<>",
    "<https://>",
  ])
    assert.equal(listUnsubscribeOf(octets(`List-Unsubscribe: ${value}`)), null, value);
  assert.equal(listUnsubscribeOf(octets("Subject: x")), null);
  const many = Array.from({ length: 500 }, (_, at) => `<https://example.com/${at % 50}>`).join(", ");
  assert.equal(listUnsubscribeOf(octets(`List-Unsubscribe: ${many}`))?.urls.length, 10);
  const odd = listUnsubscribeOf(
    octets('List-Unsubscribe: <https://example.com/"><b>\x01?x=<c>>, <https://example.com/a\x02b>', post),
  );
  assert.deepEqual(odd, { urls: ["https://example.com/%22", "https://example.com/a%02b"], mailto: [], oneClick: true });
});
