import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { describeTarget, parseRedisUrl } from "./url.ts";

const plain = { kind: "single", tls: false, username: undefined, password: undefined, database: 0, master: undefined };

test("a URL says where Redis is and how to log in", () => {
  const host = { host: "redis.example.org", port: 6379 };
  assert.deepEqual(parseRedisUrl("redis://redis.example.org"), { ...plain, hosts: [host] });
  assert.deepEqual(parseRedisUrl("rediss://ada:p%40ss%2F@redis.example.org:6380/3"), {
    ...plain,
    hosts: [{ ...host, port: 6380 }],
    tls: true,
    username: "ada",
    password: "p@ss/",
    database: 3,
  });
  assert.deepEqual(parseRedisUrl("redis://:secret@[::1]:7000/"), {
    ...plain,
    hosts: [{ host: "::1", port: 7000 }],
    password: "secret",
  });
});

test("several hosts are a cluster or sentinels", () => {
  const [a, b] = ["a.example.org", "b.example.org"];
  assert.deepEqual(parseRedisUrl(`rediss+cluster://:pw@${a}:7000,${b}`), {
    ...plain,
    kind: "cluster",
    hosts: [
      { host: a, port: 7000 },
      { host: b, port: 6379 },
    ],
    tls: true,
    password: "pw",
  });
  assert.deepEqual(parseRedisUrl(`redis+sentinel://${a},${b}:26380/mymaster/2`), {
    ...plain,
    kind: "sentinel",
    hosts: [
      { host: a, port: 26379 },
      { host: b, port: 26380 },
    ],
    database: 2,
    master: "mymaster",
  });
});

test("what cannot be meant is refused without being repeated", () => {
  const wrong = [
    "http://canary",
    "redis://",
    "redis://canary:0",
    "redis://canary:99999",
    "redis://canary/x",
    "redis://a,canary",
  ];
  wrong.push(
    "redis+sentinel://canary",
    "redis+cluster://canary/1",
    "redis://canary:%zz@a",
    "redis://a b/canary",
    "redis+x://canary",
  );
  wrong.push("redis+sentinel://canary/%zz", "redis://a/1/canary", "redis://canary/-1", "redis://canary?x=1");
  for (const url of wrong)
    assert.throws(
      () => parseRedisUrl(url),
      (error) => error instanceof TypeError && !error.message.includes("canary"),
      url,
    );
});

test("every password survives its way through a URL, and none is in the description", () => {
  const password = fc.string({ unit: "grapheme", minLength: 1 });
  fc.assert(
    fc.property(password, fc.integer({ min: 1, max: 65535 }), (secret, port) => {
      const target = parseRedisUrl(`redis://user:${encodeURIComponent(secret)}@redis.example.org:${port}`);
      assert.equal(target.password, secret);
      assert.equal(describeTarget(target), `redis://redis.example.org:${port}`);
    }),
  );
});

test("a description is itself a URL of the same place", () => {
  for (const url of ["rediss+cluster://a:1,b:2", "redis+sentinel://a:1/m/2", "redis://[::1]:5/3", "redis://a:6379"]) {
    assert.equal(describeTarget(parseRedisUrl(url)), url);
  }
});
