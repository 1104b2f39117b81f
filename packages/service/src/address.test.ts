import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isAllowance, isPublic, isWithin } from "./address.ts";

const octet = fc.nat(255);
const v4 = fc.tuple(octet, octet, octet, octet);
const hex = ([a, b, c, d]: number[]): string =>
  `${(((a ?? 0) << 8) | (b ?? 0)).toString(16)}:${(((c ?? 0) << 8) | (d ?? 0)).toString(16)}`;

/** First and last of every range that is nobody's on the public internet (IANA's special-purpose registries). */
const special: [string, string][] = [
  ["0.0.0.0", "0.255.255.255"],
  ["10.0.0.0", "10.255.255.255"],
  ["100.64.0.0", "100.127.255.255"],
  ["127.0.0.0", "127.255.255.255"],
  ["169.254.0.0", "169.254.255.255"],
  ["172.16.0.0", "172.31.255.255"],
  ["192.0.0.0", "192.0.0.255"],
  ["192.0.2.0", "192.0.2.255"],
  ["192.168.0.0", "192.168.255.255"],
  ["198.18.0.0", "198.19.255.255"],
  ["198.51.100.0", "198.51.100.255"],
  ["203.0.113.0", "203.0.113.255"],
  ["224.0.0.0", "239.255.255.255"],
  ["240.0.0.0", "255.255.255.255"],
  ["::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff"],
  ["2001:10::", "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["4000::", "5fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
];

test("no special range is public, from its first address to its last", () => {
  for (const address of special.flat()) assert.equal(isPublic(address), false, address);
});

test("what lies right beside the special ranges is public", () => {
  const beside = ["9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0"];
  const others = ["169.253.255.255", "172.15.255.255", "172.32.0.0", "192.0.1.0", "198.17.255.255", "198.20.0.0"];
  const six = ["2001:db7:ffff::1", "2001:db9::", "2003::", "2606:4700:4700::1111", "2a00:1450:4001::6d"];
  for (const address of [...beside, ...others, ...six, "223.255.255.255", "8.8.8.8"])
    assert.equal(isPublic(address), true, address);
});

test("an IPv4 address is as public when it is mapped into IPv6 or goes through NAT64", () => {
  fc.assert(
    fc.property(v4, (bytes) => {
      const plain = isPublic(bytes.join("."));
      for (const text of [`::ffff:${bytes.join(".")}`, `::ffff:${hex(bytes)}`, `64:ff9b::${hex(bytes)}`])
        assert.equal(isPublic(text), plain, text);
    }),
  );
});

test("no other way of hiding an IPv4 address in IPv6 makes it public", () => {
  fc.assert(
    fc.property(v4, (bytes) => {
      const inner = hex(bytes);
      const hidden = [
        `::${inner}`,
        `::ffff:0:${inner}`,
        `64:ff9b:1::${inner}`,
        `2002:${inner}::`,
        `2001:0:1::${inner}`,
      ];
      for (const text of hidden) assert.equal(isPublic(text), false, text);
    }),
  );
});

test("what is no address is not public and lies within nothing", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      fc.pre(!/^[0-9a-f:.[\]%]*$/i.test(text));
      return !isPublic(text) && !isWithin(text, "0.0.0.0/0") && !isWithin(text, "::/0");
    }),
  );
});

test("a range takes what lies in it, in either spelling, and nothing else", () => {
  assert.ok(isWithin("10.1.2.3", "10.0.0.0/8"));
  assert.ok(isWithin("::ffff:10.1.2.3", "10.0.0.0/8"));
  assert.ok(isWithin("fd12::1", "fd00::/8"));
  assert.ok(isWithin("::1", "0:0:0:0:0:0:0:1"));
  assert.ok(isWithin("127.0.0.1", "127.0.0.1"));
  assert.ok(!isWithin("11.0.0.1", "10.0.0.0/8"));
  assert.ok(!isWithin("127.0.0.2", "127.0.0.1"));
  assert.ok(!isWithin("10.0.0.1", "::/0"));
  assert.ok(!isWithin("fd12::1", "0.0.0.0/0"));
});

for (const range of [
  "10.0.0.0/",
  "10.0.0.0/x",
  "10.0.0.0/-1",
  "10.0.0.0/33",
  "10.0.0.0/8/8",
  "::1/129",
  "/8",
  "",
  "/",
]) {
  test(`a range written ${JSON.stringify(range)} takes nothing in, and is no allowance`, () => {
    for (const address of ["10.0.0.1", "127.0.0.1", "::1"]) assert.equal(isWithin(address, range), false);
    assert.equal(isAllowance(range), false);
  });
}

test("names, names with a port, addresses and ranges are allowances", () => {
  const good = ["mail", "mail.example.org", "mail.example.org:1143", "10.0.0.1", "10.0.0.1:143", "10.0.0.0/8"];
  for (const entry of [...good, "::1", "[::1]", "[::1]:143", "fd00::/8"]) assert.ok(isAllowance(entry), entry);
  for (const entry of ["mail:imap", "mail:", "[::1", "a b", "https://mail.example.org", "mail:70000"])
    assert.ok(!isAllowance(entry), entry);
});
