import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { ImapFlow } from "imapflow";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { answerFetch, type Behaviour, startScriptedImap } from "../servers/scripted.ts";
import { type Answer, type Ask, askWith } from "./client.ts";
import { type House, type HouseKind, startHouse } from "./house.ts";
import { otherClient } from "./mailbox.ts";
import { all, base64, lines, MEBI, mixed, noise, open } from "./octets.ts";

const small = mixed("small", [
  { headers: ["Content-Type: text/plain"], octets: "Hi there." },
  { headers: ["Content-Type: text/html"], octets: "<script>alert(1)</script>" },
  { headers: ["Content-Type: image/svg+xml", 'Content-Disposition: inline; filename="a.svg"'], octets: "<svg/>" },
  { headers: ["Content-Type: application/xml"], octets: "<a/>" },
  {
    headers: [
      "Content-Type: application/pdf",
      "Content-Disposition: attachment; filename*=utf-8''%E2%98%82%20%22r%C3%A9sum%C3%A9%22.pdf",
      base64,
    ],
    octets: lines(Buffer.from("%PDF-")),
  },
  { headers: ["Content-Type: application/x-broken", base64], octets: "aGV*sbG8\r\n!!=IQ" },
]);
const file = noise(10 * MEBI);
const large = mixed("large", [{ headers: ["Content-Type: application/octet-stream", base64], octets: lines(file) }]);

for (const kind of ["together", "apart"] as const satisfies HouseKind[]) {
  describe(`octets of messages over HTTP, services ${kind}`, () => {
    let house: House;
    let dovecot: DovecotServer;
    let other: ImapFlow;
    let ask: Ask;
    const paths = { small: "", large: "" };
    const endings: (() => Promise<unknown>)[] = [];

    before(async () => {
      dovecot = await startDovecot();
      endings.unshift(dovecot.stop);
      house = await startHouse(kind);
      endings.unshift(house.stop);
      ask = askWith(house.urls, house.adminToken);
      other = await otherClient(dovecot, "alice");
      endings.unshift(() => other.logout());
      for (const source of [small, large]) await other.append("INBOX", source, [], new Date("2026-02-03T04:05:06Z"));
      const { user, password } = dovecot.user("alice");
      await register("alice", { host: dovecot.host, port: dovecot.port, user, password });
      const [second, first] = await ids("alice");
      Object.assign(paths, { small: message("alice", first), large: message("alice", second) });
    });

    after(async () => {
      for (const end of endings) await end();
    });

    const message = (account: string, id = ""): string => `/v1/accounts/${account}/messages/${id}`;

    async function register(id: string, imap: Record<string, unknown>): Promise<void> {
      const created = await ask("/v1/accounts", { body: { id, imap: { security: "none", ...imap } } });
      assert.equal(created.status, 201, JSON.stringify(created.body));
    }

    async function ids(account: string): Promise<string[]> {
      const { status, body } = await ask<{ items: { id: string }[] }>(
        message(account, "?mailbox=inbox&fields=id").replace("/?", "?"),
      );
      assert.equal(status, 200, JSON.stringify(body));
      return body.items.map(({ id }) => id);
    }

    const ranged = (path: string, range: string, headers: Record<string, string> = {}): Promise<Answer> =>
      ask(path, { headers: { range, ...headers } });

    /** What an answer says of its octets; the rest is about the answer. */
    const described = ({ headers }: Answer): Record<string, unknown> =>
      Object.fromEntries(
        Object.entries(headers).filter(([name]) =>
          /^(content-|etag|last-modified|accept-ranges|cache-control|vary|x-content)/.test(name),
        ),
      );

    test("raw and parts are the octets themselves", async () => {
      for (const [path, source] of [
        [paths.small, small],
        [paths.large, large],
      ] as const) {
        const raw = await ask(`${path}/raw`);
        assert.equal(raw.status, 200);
        assert.equal(raw.headers["content-length"], String(source.length));
        assert.ok(raw.bytes.equals(source));
      }
      assert.ok((await ask(`${paths.large}/parts/1`)).bytes.equals(file));
      assert.equal((await ask(`${paths.small}/parts/1`)).bytes.toString(), "Hi there.");
      assert.equal((await ask(`${paths.small}/parts/6`)).bytes.toString(), "hello!");
    });

    test("a range is what was asked for, from either end or within", async () => {
      for (const [path, source] of [
        [`${paths.small}/raw`, small],
        [`${paths.large}/raw`, large],
        [`${paths.large}/parts/1`, file],
      ] as const) {
        const size = source.length;
        for (const [range, first, last] of [
          ["bytes=0-0", 0, 0],
          ["bytes=0-99", 0, 99],
          ["bytes=100-199", 100, 199],
          [`bytes=${size - 10}-`, size - 10, size - 1],
          ["bytes=-10", size - 10, size - 1],
          [`bytes=-${size + 10}`, 0, size - 1],
          [`bytes=50-${size + 10}`, 50, size - 1],
        ] as const) {
          const answer = await ranged(path, range);
          assert.equal(answer.status, 206, range);
          assert.equal(answer.headers["content-range"], `bytes ${first}-${last}/${size}`);
          assert.equal(answer.headers["content-length"], String(last - first + 1));
          assert.ok(answer.bytes.equals(source.subarray(first, last + 1)), range);
        }
      }
    });

    test("a range beyond the end is 416 and told the size", async () => {
      for (const [path, size] of [
        [`${paths.small}/raw`, small.length],
        [`${paths.small}/parts/1`, 9],
        [`${paths.small}/parts/5`, 5],
      ] as const) {
        const answer = await ranged(path, `bytes=${size}-`);
        assert.equal(answer.status, 416);
        assert.equal(answer.headers["content-range"], `bytes */${size}`);
        assert.match(String(answer.headers["content-type"]), /^application\/problem\+json/);
        assert.equal(answer.body.code, "range-not-satisfiable");
      }
    });

    test("several ranges, other units and nonsense are answered with the whole", async () => {
      for (const range of ["bytes=0-1,3-4", "lines=1-2", "bytes=5-2", "bytes", "bytes=a-b"]) {
        const answer = await ranged(`${paths.small}/raw`, range);
        assert.equal(answer.status, 200, range);
        assert.ok(answer.bytes.equals(small), range);
      }
    });

    test("HEAD has the headers of GET, and no octets", async () => {
      for (const path of [
        `${paths.small}/raw`,
        `${paths.large}/raw`,
        `${paths.small}/parts/1`,
        `${paths.small}/parts/2`,
      ]) {
        const head = await ask(path, { method: "HEAD" });
        assert.equal(head.status, 200);
        assert.equal(head.bytes.length, 0);
        assert.deepEqual(described(head), described(await ask(path)));
      }
    });

    test("HEADs and 304s leave room for everybody else", async () => {
      const etag = String((await ask(`${paths.large}/raw`, { method: "HEAD" })).headers.etag);
      for (let turn = 0; turn < 40; turn += 1) {
        assert.equal((await ask(`${paths.large}/raw`, { method: "HEAD" })).status, 200);
        assert.equal((await ask(`${paths.large}/raw`, { headers: { "if-none-match": etag } })).status, 304);
      }
      assert.ok((await ask(`${paths.large}/raw`)).bytes.equals(large));
    });

    test("If-Range gives the range of what is the same, and else the whole", async () => {
      const { headers } = await ask(`${paths.small}/raw`, { method: "HEAD" });
      for (const [condition, status] of [
        [String(headers.etag), 206],
        [String(headers["last-modified"]), 206],
        ['"another"', 200],
        [`W/${String(headers.etag)}`, 200],
        ["Thu, 01 Jan 1970 00:00:00 GMT", 200],
      ] as const) {
        const answer = await ranged(`${paths.small}/raw`, "bytes=1-3", { "if-range": condition });
        assert.equal(answer.status, status, condition);
        assert.ok(answer.bytes.equals(status === 206 ? small.subarray(1, 4) : small), condition);
      }
    });

    test("names of files come in any script, and break out of nothing", async () => {
      const { headers } = await ask(`${paths.small}/parts/5`);
      const disposition = String(headers["content-disposition"]);
      assert.match(
        disposition,
        /^inline; filename="[ -~]*"; filename\*=UTF-8''%E2%98%82%20%22r%C3%A9sum%C3%A9%22\.pdf$/,
      );
      assert.match(String((await ask(`${paths.small}/raw`)).headers["content-disposition"]), /filename=message\.eml/);
    });

    test("what a browser would run is a download, and nothing runs in this origin", async () => {
      for (const [part, type, disposition] of [
        ["1", /^text\/plain/, /^inline/],
        ["2", /^text\/html/, /^attachment/],
        ["3", /^image\/svg\+xml/, /^attachment/],
        ["4", /^application\/xml/, /^attachment/],
        ["5", /^application\/pdf/, /^inline/],
      ] as const) {
        const { headers } = await ask(`${paths.small}/parts/${part}`);
        assert.match(String(headers["content-type"]), type);
        assert.match(String(headers["content-disposition"]), disposition);
        assert.equal(headers["x-content-type-options"], "nosniff");
        assert.match(String(headers["content-security-policy"]), /sandbox/);
        assert.match(String(headers["content-security-policy"]), /default-src 'none'/);
      }
    });

    test("a mail server that cuts the connection within a message is seen to have done so", async (t) => {
      const source = `Subject: cut\r\n\r\n${noise(3 * MEBI).toString("latin1")}`;
      const structure = `("application" "octet-stream" NIL NIL NIL "base64" ${source.length} NIL NIL NIL NIL)`;
      const cut: Behaviour = async (connection, command) => {
        const [, offset = "0"] = /BODY\.PEEK\[1?\]<(\d+)\./.exec(command.text) ?? [];
        if (Number(offset) < MEBI || Number(offset) > 2 * MEBI) return answerFetch(connection, command);
        await connection.write(`* 1 FETCH (UID 1 BODY[]<${offset}> {${MEBI}}\r\n${source.slice(0, 1_000)}`);
        connection.drop();
      };
      const inbox = { name: "INBOX", messages: [{ uid: 1, source, structure }] };
      const server = await startScriptedImap({ mailboxes: [inbox], on: { "UID FETCH": cut } });
      t.after(server.stop);
      await register("cut", { host: server.host, port: server.port, user: "cut", password: "secret" });
      const [id] = await ids("cut");
      await assert.rejects(ask(`${message("cut", id)}/raw`));
      await assert.rejects(ask(`${message("cut", id)}/parts/1`));
    });

    test("a message that is deleted while it is read is seen to be", async () => {
      const { uid } = (await other.append("INBOX", large)) || {};
      const [id] = await ids("alice");
      const answer = await open(`${house.urls[0]}${message("alice", id)}/raw`, house.adminToken);
      const lock = await other.getMailboxLock("INBOX");
      await other.messageDelete(String(uid), { uid: true });
      lock.release();
      await assert.rejects(all(answer));
      assert.equal((await ask(`${message("alice", id)}/raw`)).status, 410);
    });

    test("none of all this has set a flag", async () => {
      await ask(paths.small);
      await ask(message("alice", "?mailbox=inbox&fields=text,html,snippet,headers,attachments").replace("/?", "?"));
      const query =
        '{ account(id: "alice") { messages(first: 9) { edges { node { text html snippet headers { name } } } } } }';
      assert.equal((await ask("/graphql", { body: { query } })).status, 200);
      const lock = await other.getMailboxLock("INBOX");
      const flags = await other.fetchAll("1:*", { flags: true });
      lock.release();
      assert.deepEqual(
        flags.map((row) => [...(row.flags ?? [])].filter((flag) => flag !== "\\Recent")),
        [[], []],
      );
    });
  });
}
