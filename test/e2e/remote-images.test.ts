import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { type Ask, askWith } from "./client.ts";
import { type House, type HouseKind, startHouse } from "./house.ts";
import { type ImageSite, pixel, startImageSite } from "./image-site.ts";
import { otherClient } from "./mailbox.ts";

interface Shown {
  id: string;
  html: string;
}
type Remote = "block" | "keep" | "proxy";

for (const kind of ["together", "apart"] as const satisfies HouseKind[]) {
  describe(`remote images, services ${kind}`, () => {
    let house: House;
    let dovecot: DovecotServer;
    let site: ImageSite;
    let origin: string;
    let asked: ImageSite["asked"];
    let ask: Ask;
    let nobody: Ask;
    let id: string;
    const endings: (() => unknown)[] = [];

    before(async () => {
      site = await startImageSite();
      ({ origin, asked } = site);
      endings.unshift(site.stop);
      dovecot = await startDovecot();
      endings.unshift(dovecot.stop);
      house = await startHouse(kind);
      endings.unshift(house.stop);
      ask = askWith(house.urls, house.adminToken);
      nobody = askWith(house.urls, null);
      const other = await otherClient(dovecot, "alice");
      await other.append("INBOX", letter());
      await other.logout();
      const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user("alice") };
      assert.equal((await ask("/v1/accounts?verify=true", { body: { id: "alice", imap } })).status, 201);
      const { body } = await ask<{ items: Shown[] }>("/v1/accounts/alice/messages?limit=1");
      id = body.items[0]?.id ?? assert.fail();
    });
    after(async () => {
      for (const end of endings) await end();
    });

    const letter = (): string =>
      [
        "Subject: Newsletter",
        "MIME-Version: 1.0",
        "Content-Type: text/html",
        "",
        `<table background="${origin}/behind.gif"><tr><td>Look`,
        `<img src="${origin}/a.gif?x=1&amp;y='2'" alt="logo"><img src="${origin}/page" alt="page">`,
        `<img src="http://10.1.2.3/inside.gif" alt="inside"><img src="ftp://a.example/" alt="file">`,
        `</td></tr></table><video poster="${origin}/poster.gif"></video>`,
        "",
      ].join("\r\n");

    const inRest = async (remote?: Remote): Promise<string> => {
      const query = remote ? `&remoteImages=${remote}` : "";
      return (await ask<Shown>(`/v1/accounts/alice/messages/${id}?fields=html${query}`)).body.html;
    };
    const inMany = async (remote?: Remote): Promise<string> => {
      const body = { ids: [id], fields: ["html"], ...(remote && { remoteImages: remote }) };
      const many = await ask<{ items: Shown[] }>("/v1/accounts/alice/messages/get", { body });
      return many.body.items[0]?.html ?? assert.fail();
    };
    /** Everywhere else in REST where a message has its HTML. */
    const inLists = async (remote?: Remote): Promise<string[]> => {
      const query = `fields=html,threadId${remote ? `&remoteImages=${remote}` : ""}`;
      const body = { fields: ["html"], ...(remote && { remoteImages: remote }) };
      type List = { items: (Shown & { threadId: string })[] };
      const list = await ask<List>(`/v1/accounts/alice/messages?${query}`);
      const search = await ask<List>("/v1/accounts/alice/messages/search", { body });
      const thread = await ask<{ messages: Shown[] }>(
        `/v1/accounts/alice/threads/${list.body.items[0]?.threadId}?${query}`,
      );
      const cached = remote === "proxy" ? "no-store" : "private, no-cache";
      for (const { headers } of [list, search]) assert.equal(headers["cache-control"], cached);
      const shown = [...list.body.items, ...search.body.items, ...thread.body.messages];
      assert.equal(shown.length, 3);
      for (const each of shown)
        assert.deepEqual(
          Object.keys(each).filter((name) => !/^(id|html|threadId)$/.test(name)),
          [],
        );
      return shown.map(({ html }) => html);
    };
    type Graph = Record<"kept" | "proxied" | "blocked" | "plain", string>;
    const inGraphql = async (): Promise<Graph[]> => {
      const fields =
        "blocked: html(remoteImages: BLOCK) plain: html kept: html(remoteImages: KEEP) proxied: html(remoteImages: $how)";
      const query = `query Q($how: RemoteImages!) { account(id: "alice") {
        message(id: "${id}") { ${fields} } messages(first: 1) { nodes { ...F } } } } fragment F on Message { ${fields} }`;
      type Found = { account: { message: Graph; messages: { nodes: Graph[] } } };
      const { body } = await ask<{ data: Found }>("/graphql", { body: { query, variables: { how: "PROXY" } } });
      return [body.data.account.message, ...body.data.account.messages.nodes];
    };
    const addresses = (html: string): string[] =>
      [...html.matchAll(/(?: src="|url\()([^")]+)/g)].map((match) => (match[1] ?? "").replaceAll("&amp;", "&"));

    test("are left out unless asked for", async () => {
      const everywhere = [await inRest(), await inRest("block"), await inMany(), await inMany("block")];
      for (const html of [...everywhere, ...(await inLists()), ...(await inLists("block"))])
        assert.equal(
          html.trim().replace(/\s+/g, " "),
          '<table><tr><td>Look <img alt="logo" /><img alt="page" /> <img alt="inside" /><img alt="file" /> </td></tr></table>',
        );
      for (const { blocked, plain } of await inGraphql())
        assert.deepEqual([blocked, plain], [await inRest(), await inRest()]);
    });

    test("keep their addresses where that is asked for, and no referrer is sent there", async () => {
      const html = await inRest("keep");
      assert.deepEqual(addresses(html), [
        `${origin}/behind.gif`,
        `${origin}/a.gif?x=1&y=%272%27`,
        `${origin}/page`,
        "http://10.1.2.3/inside.gif",
      ]);
      assert.match(html, /<img referrerpolicy="no-referrer" src=/);
      for (const other of [await inMany("keep"), ...(await inLists("keep"))]) assert.equal(other, html);
      for (const { kept } of await inGraphql()) assert.equal(kept, html);
      assert.deepEqual(asked, []);
    });

    test("have addresses of the gateway where that is asked for, by which they load without a header", async () => {
      const { body, headers } = await ask<Shown>(`/v1/accounts/alice/messages/${id}?fields=html&remoteImages=proxy`);
      assert.equal(headers["cache-control"], "no-store");
      const paths = addresses(body.html).map((address) => {
        assert.ok(house.urls.includes(new URL(address).origin), address);
        return address.slice(new URL(address).origin.length);
      });
      assert.equal(paths.length, 4);
      const [behind = "", logo = "", page = "", inside = ""] = paths;
      for (const path of [behind, logo]) {
        const image = await nobody(path);
        assert.deepEqual([image.status, image.headers["content-type"]], [200, "image/gif"]);
        assert.ok(image.bytes.equals(pixel));
        assert.equal(image.headers["cache-control"], "private, max-age=3600");
        assert.equal(image.headers["x-content-type-options"], "nosniff");
        assert.match(String(image.headers["content-security-policy"]), /^sandbox; default-src 'none'$/);
        assert.equal(image.headers["set-cookie"], undefined);
      }
      assert.deepEqual(
        asked.map(({ url }) => url),
        ["/behind.gif", "/a.gif?x=1&y=%272%27"],
      );
      for (const { headers } of asked)
        assert.doesNotMatch(JSON.stringify(headers), /forwarded|referer|cookie|authorization|127\.0\.0\.1(?!:)/i);
      const codes = await Promise.all([nobody(page), nobody(inside)].map(async (answer) => (await answer).body.code));
      assert.deepEqual(codes, ["image-unavailable", "host-not-allowed"]);
      const head = await nobody(logo, { method: "HEAD" });
      assert.deepEqual([head.status, head.bytes.length], [200, 0]);
      // The same in all answers of an hour, which may end in between.
      const elsewhere = [
        await inMany("proxy"),
        ...(await inLists("proxy")),
        ...(await inGraphql()).map(({ proxied }) => proxied),
      ];
      for (const html of elsewhere)
        assert.deepEqual(
          addresses(html).map((address) => new URL(address).pathname),
          paths.map((path) => path.replace(/\?.*$/s, "")),
        );
    });

    test("of no message are not fetched for anybody, and an address opens nothing else", async () => {
      const [, logo = ""] = addresses(await inRest("proxy"));
      const { pathname, searchParams } = new URL(logo);
      const before = asked.length;
      const ticket = searchParams.get("ticket") ?? "";
      const other = encodeURIComponent(`${origin}/b.gif`);
      assert.equal((await nobody(`${pathname}?url=${other}&ticket=${ticket}`)).status, 404);
      assert.equal((await ask(`${pathname}?url=${other}`)).status, 404);
      assert.equal((await nobody(`${pathname}?url=${encodeURIComponent(searchParams.get("url") ?? "")}`)).status, 401);
      assert.equal((await nobody(`${pathname.slice(0, -1)}?url=${other}&ticket=${ticket}`)).status, 401);
      assert.equal((await nobody(`/v1/accounts/alice/messages/${id}?ticket=${ticket}`)).status, 401);
      assert.equal(asked.length, before);
    });

    test("are no longer loaded by addresses of a token that was deleted", async () => {
      const made = await ask<{ id: string; token: string }>("/v1/tokens", { body: { scopes: ["read"] } });
      const reader = askWith(house.urls, made.body.token);
      const { body } = await reader<Shown>(`/v1/accounts/alice/messages/${id}?fields=html&remoteImages=proxy`);
      const { pathname, search } = new URL(addresses(body.html)[1] ?? "");
      assert.equal((await nobody(pathname + search)).status, 200);
      await ask(`/v1/tokens/${made.body.id}`, { method: "DELETE" });
      for (const url of house.urls) while ((await askWith([url], null)(pathname + search)).status !== 401);
    });

    test("may not be asked for in any other way", async () => {
      assert.equal((await ask(`/v1/accounts/alice/messages/${id}?remoteImages=load`)).status, 400);
    });
  });
}
