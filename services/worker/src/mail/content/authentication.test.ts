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
  for (const value of ["nothing", "<javascript:alert(1)>", "<>", "<https://>"])
    assert.equal(listUnsubscribeOf(octets(`List-Unsubscribe: ${value}`)), null, value);
  assert.equal(listUnsubscribeOf(octets("Subject: x")), null);
});
