import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer, text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { setImmediate } from "node:timers/promises";
import { isFailure } from "@postern/protocol";
import { createImages, type Images } from "./index.ts";

const never = new AbortController().signal;
const OCTETS = 1_000;

/** What a web server has at each path. */
const site: Record<string, RequestListener> = {
  "/image?a=1": (_, response) => response.writeHead(200, { "content-type": "image/PNG; x=y" }).end("picture"),
  "/html": (_, response) => response.writeHead(200, { "content-type": "text/html" }).end("<p>"),
  "/svg": (_, response) => response.writeHead(200, { "content-type": "image/svg+xml" }).end("<svg/>"),
  "/untold": (_, response) => response.writeHead(200).end("picture"),
  "/packed": (_, response) =>
    response.writeHead(200, { "content-type": "image/png", "content-encoding": "gzip" }).end("picture"),
  "/missing": (_, response) => response.writeHead(404, { "content-type": "image/png" }).end("picture"),
  "/empty": (_, response) => response.writeHead(204, { "content-type": "image/png" }).end(),
  "/large": (_, response) =>
    response.writeHead(200, { "content-type": "image/png", "content-length": OCTETS + 1 }).end("x".repeat(OCTETS + 1)),
  "/larger": (_, response) => response.writeHead(200, { "content-type": "image/png" }).end("x".repeat(OCTETS + 1)),
  "/cut": (_, response) => {
    response.writeHead(200, { "content-type": "image/png", "content-length": 100 });
    response.write("begin", () => response.destroy());
  },
  "/slow": (_, response) => response.writeHead(200, { "content-type": "image/png" }).write("begin"),
  "/silent": () => undefined,
  "/whole": (_, response) => response.writeHead(200, { "content-type": "image/png" }).end(Buffer.alloc(9 << 20)),
};

describe("images of the web", () => {
  const asked: IncomingMessage[] = [];
  let server: Server;
  let inside: Server;
  let heardInside = 0;
  let port: number;
  let images: Images;
  let hasty: Images;
  let resolved: string[] = [];

  before(async () => {
    server = createServer((request, response) => {
      asked.push(request);
      const { pathname, searchParams } = new URL(request.url ?? "", "http://x");
      const to = searchParams.get("to");
      if (to !== null) response.writeHead(302, { location: to, "set-cookie": "a=b" }).end();
      else (site[request.url ?? ""] ?? site[pathname])?.(request, response);
    });
    inside = createServer().on("connection", (socket) => {
      heardInside += 1;
      socket.destroy();
    });
    for (const each of [server, inside]) await once(each.listen(0, "127.0.0.1"), "listening");
    port = (server.address() as AddressInfo).port;
    const resolve = async (name: string): Promise<string[]> => {
      resolved.push(name);
      if (name === "gone.example") throw new Error("ENOTFOUND");
      // The second time it says something else.
      return name === "images.example" ? ["127.0.0.1"] : ["10.1.2.3"];
    };
    const vetting = { allowed: [`images.example:${port}`], resolve };
    images = createImages({ vetting, limits: { octets: OCTETS, redirects: 3 } });
    hasty = createImages({ vetting, limits: { headMs: 100, wholeMs: 100 } });
  });
  after(() => {
    for (const each of [images, hasty]) each.close();
    for (const each of [server, inside]) {
      each.closeAllConnections();
      each.close();
    }
  });

  const at = (path: string): string => `http://images.example:${port}${path}`;
  const by = (...to: string[]): string => to.reduceRight((last, each) => at(`${each}?to=${encodeURIComponent(last)}`));
  const refused = (url: string, code: "host-not-allowed" | "image-unavailable") =>
    assert.rejects(images.fetch(url, never), (error) => isFailure(error, code), url);

  it("come with their type, and nothing is told of who asks", async () => {
    resolved = [];
    const { contentType, size, body } = await images.fetch(at("/image?a=1"), never);
    assert.deepEqual([contentType, size, await text(body)], ["image/png", null, "picture"]);
    assert.deepEqual(Object.keys(asked.at(-1)?.headers ?? {}).sort(), [
      "accept",
      "accept-encoding",
      "connection",
      "host",
      "user-agent",
    ]);
    assert.deepEqual(resolved, ["images.example"], "its name is asked for once");
  });

  it("may have moved, once or a few times, and are asked for without what was given on the way", async () => {
    for (const url of [by("/a", at("/image?a=1")), by("/a", "/b", "/c", at("/image?a=1")), by("/a", "/image?a=1")])
      assert.equal(await text((await images.fetch(url, never)).body), "picture", url);
    assert.equal(asked.at(-1)?.headers.cookie, undefined);
    await refused(by("/a", "/b", "/c", "/d", at("/image?a=1")), "image-unavailable");
  });

  const elsewhere = [
    "file:///etc/passwd",
    "ftp://images.example/x",
    "data:image/png;base64,AAAA",
    "http://user:secret@images.example/x",
    "http://images.example:22/x",
    "http://images.example:25/x",
    "http:///x",
    "x",
    "//images.example/x",
  ];
  const inward = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f.1",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "localhost",
    "169.254.169.254",
    "10.0.0.1",
    "intranet.example",
  ];

  it("are fetched over http and https from public hosts alone, wherever they may have moved", async () => {
    const { port: canary } = inside.address() as AddressInfo;
    for (const url of [...elsewhere, ...inward.map((host) => `http://${host}:${canary}/x`)]) {
      await refused(url, "host-not-allowed");
      if (url !== "x" && !url.startsWith("//")) await refused(by("/a", url), "host-not-allowed");
    }
    assert.equal(heardInside, 0);
  });

  for (const path of ["/html", "/svg", "/untold", "/packed", "/missing", "/empty", "/large"])
    it(`are images and no more than an image has, not what is at ${path}`, () =>
      refused(at(path), "image-unavailable"));

  it("are not there where nobody is", () => refused(`http://gone.example:${port}/`, "image-unavailable"));

  for (const path of ["/larger", "/cut"])
    it(`that turn out not to be as they should, like ${path}, end broken`, async () => {
      const { body } = await images.fetch(at(path), never);
      await assert.rejects(text(body));
    });

  for (const path of ["/silent", "/slow"])
    it(`that do not come, or not to their end, like ${path}, are given up`, () =>
      assert.rejects(async () => text((await hasty.fetch(at(path), never)).body)));

  it("wait at their server as long as nobody takes them", async () => {
    const patient = createImages({ vetting: { allowed: ["127.0.0.1"], resolve: async () => [] } });
    const { body } = await patient.fetch(`http://127.0.0.1:${port}/whole`, never);
    await once(body, "readable");
    for (let turn = 0; turn < 200; turn += 1) await setImmediate();
    assert.ok(body.readableLength < 1 << 20, `${body.readableLength} octets are held`);
    assert.equal((await buffer(body)).length, 9 << 20);
    patient.close();
  });

  it("are left alone once nobody wants them any more", async () => {
    const left = new AbortController();
    const closed = once(server, "connection").then(([socket]) => once(socket, "close"));
    const fetching = images.fetch(at("/silent"), left.signal);
    await once(server, "request");
    left.abort();
    await assert.rejects(fetching, (error) => isFailure(error, "image-unavailable"));
    await closed;
  });
});
