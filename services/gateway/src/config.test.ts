import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ConfigurationError } from "@postern/service";
import { type FaceConfig, readGatewayConfig } from "./config.ts";

const needed = {
  POSTERN_REDIS_URL: "redis://127.0.0.1:6379",
  POSTERN_ADMIN_TOKEN: "a-token-of-some-length",
  POSTERN_SECRET_KEYS: `first:${Buffer.alloc(32, 7).toString("base64")}`,
};

const faceOf = (env: Record<string, string>): FaceConfig => readGatewayConfig({ ...needed, ...env }).face;

function refuses(name: string, value: string): void {
  assert.throws(
    () => faceOf({ [name]: value }),
    (error) => {
      assert.ok(error instanceof ConfigurationError, String(error));
      assert.ok(error.message.startsWith(`${name}: `), error.message);
      for (const entry of value.split(",")) assert.ok(!error.message.includes(entry), error.message);
      return true;
    },
  );
}

describe("trusted proxies", () => {
  test("are addresses, ranges and the names of ranges", () => {
    const list = ["192.0.2.1", "10.0.0.0/8", "2001:db8::/32", "::1", "loopback", "linklocal", "uniquelocal"];
    assert.deepEqual(faceOf({ POSTERN_TRUSTED_PROXIES: list.join(", ") }).trustedProxies, list);
  });

  test("are nobody where none are named", () => assert.deepEqual(faceOf({}).trustedProxies, []));

  for (const value of [
    "nonsense",
    "proxy.example.com",
    "10.0.0.0/33",
    "10.0.0.0/zz",
    "300.1.1.1",
    "2001:db8::/129",
    "0.0.0.0/0",
    "::/0",
    "loopback,nonsense",
    "toString",
  ])
    test(`are not ${value}`, () => refuses("POSTERN_TRUSTED_PROXIES", value));
});

describe("origins that browsers may call from", () => {
  test("are what browsers send as Origin", () => {
    const list = [
      "https://app.example.com",
      "http://localhost:5173",
      "https://[2001:db8::1]:8443",
      "chrome-extension://abcdefghijklmnop",
    ];
    assert.deepEqual(faceOf({ POSTERN_CORS_ORIGINS: list.join(",") }).corsOrigins, list);
  });

  test("may be all there are", () => assert.deepEqual(faceOf({ POSTERN_CORS_ORIGINS: "*" }).corsOrigins, ["*"]));

  for (const value of [
    "app.example.com",
    "localhost:5173",
    "https://app.example.com/inbox",
    "https://app.example.com/",
    "https://app.example.com?a=b",
    "https://ada@app.example.com",
    "https://app.example.com:443",
    "https://App.example.com",
    "https://*.example.com",
    "https://",
    "null",
    "https://app.example.com,nonsense",
  ])
    test(`are not ${value}`, () => refuses("POSTERN_CORS_ORIGINS", value));
});

describe("the public address", () => {
  test("may have a path, and needs no slash at its end", () => {
    const read = (value: string) => faceOf({ POSTERN_PUBLIC_URL: value }).publicUrl;
    assert.equal(read("https://mail.example.com/postern/"), "https://mail.example.com/postern");
    assert.equal(read("http://127.0.0.1:8025"), "http://127.0.0.1:8025");
  });

  for (const value of [
    "mail.example.com",
    "mailto:ada@example.com",
    "https://mail.example.com/?a=b",
    "https://mail.example.com/#top",
    "https://ada:secret@mail.example.com",
  ])
    test(`is not ${value}`, () => refuses("POSTERN_PUBLIC_URL", value));
});
