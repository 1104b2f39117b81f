import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { type Ask, askWith } from "./client.ts";
import { type House, type HouseKind, startHouse } from "./house.ts";
import { deliver, otherClient } from "./mailbox.ts";
import { MEBI } from "./octets.ts";

const mime = "MIME-Version: 1.0\r\n";
const many = (count: number, make: (at: number) => string, between: string): string =>
  Array.from({ length: count }, (_, at) => make(at)).join(between);
const ofBase64 = (type: string, octets: Buffer): string =>
  `${mime}Content-Type: ${type}\r\nContent-Transfer-Encoding: base64\r\n\r\n${octets.toString("base64").replace(/.{76}/g, "$&\r\n")}\r\n`;

/** What follows the subject, and the fields that must be marked as cut when everything usual is asked for. */
const bombs: Record<string, { source: () => string; cut?: string[] }> = {
  "ten thousand parts": {
    source: () =>
      `${mime}Content-Type: multipart/mixed; boundary=b\r\n\r\n${"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n".repeat(10_000)}--b--\r\n`,
    cut: ["attachments"],
  },
  "multiparts within one another, five hundred deep": {
    source: () =>
      `${mime}${many(500, (at) => `Content-Type: multipart/mixed; boundary=b${at}\r\n\r\n--b${at}\r\n`, "")}\r\nx\r\n`,
    cut: ["attachments"],
  },
  "ten megabytes of header": {
    source: () => `${many(10_000, (at) => `X-${at}: ${"v".repeat(1_000)}`, "\r\n")}\r\n\r\nx\r\n`,
    cut: ["headers", "references"],
  },
  "fifty megabytes of HTML": {
    source: () => `${mime}Content-Type: text/html\r\n\r\n${"<p>hello <b>world</b></p>\r\n".repeat((50 * MEBI) / 27)}`,
    cut: ["text", "html"],
  },
  "tags of many kinds that are never closed": {
    source: () => `${mime}Content-Type: text/html\r\n\r\n${"<b><i><u><p><table><td>\r\n".repeat(40_000)}`,
    cut: ["html"],
  },
  "twenty megabytes of nothing in base64": {
    source: () => ofBase64("text/plain", Buffer.alloc(20 * MEBI)),
    cut: ["text"],
  },
  "an archive of an archive that is called HTML": {
    source: () => ofBase64("text/html; charset=gzip", Buffer.alloc(4 * MEBI, "PK\x03\x04\x14\0\x08\0")),
    cut: ["text", "html"],
  },
  "a million addresses": {
    source: () => `To: ${many(1_000_000, (at) => `a${at}@b.example`, ",\r\n ")}\r\n\r\nx\r\n`,
    cut: ["to", "headers"],
  },
  "a boundary that is the beginning of the next, ninety times": {
    source: () =>
      `${mime}${many(90, (at) => `Content-Type: multipart/mixed; boundary=${"b".repeat(at + 1)}\r\n\r\n--${"b".repeat(at + 1)}\r\n`, "")}\r\nx\r\n--b--\r\n`,
  },
  "a boundary of two hundred thousand letters": {
    source: () =>
      `${mime}Content-Type: multipart/mixed; boundary="${"b".repeat(200_000)}"\r\n\r\n--${"b".repeat(200_000)}\r\n\r\nx\r\n`,
  },
  "a name in a hundred thousand pieces": {
    source: () =>
      `${mime}Content-Type: text/plain;\r\n ${many(100_000, (at) => `name*${at}*=utf-8''%41`, ";\r\n ")}\r\n\r\nx\r\n`,
    cut: ["headers"],
  },
  "a charset that is none, of a hundred thousand letters": {
    source: () =>
      `${mime}Content-Type: text/plain; charset="${"utf-8 ".repeat(20_000)}"\r\n\r\n${"\xe9a".repeat(400_000)}\r\n`,
  },
};

interface Shown {
  id: string;
  subject: string;
  truncated?: string[];
}

for (const kind of ["together", "apart"] as const satisfies HouseKind[]) {
  describe(`messages that were made to do harm, services ${kind}`, () => {
    let house: House;
    let dovecot: DovecotServer;
    let ask: Ask;
    const ids = new Map<string, string>();
    const endings: (() => Promise<unknown>)[] = [];

    before(async () => {
      dovecot = await startDovecot();
      endings.unshift(dovecot.stop);
      house = await startHouse(kind);
      endings.unshift(house.stop);
      ask = askWith(house.urls, house.adminToken);
      const other = await otherClient(dovecot, "alice");
      await deliver(other, { subject: "Hello" });
      for (const [name, { source }] of Object.entries(bombs))
        await other.append("INBOX", Buffer.from(`Subject: ${name}\r\n${source()}`, "latin1"));
      await other.logout();
      const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user("alice") };
      assert.equal((await ask("/v1/accounts?verify=true", { body: { id: "alice", imap } })).status, 201);
    });
    after(async () => {
      for (const end of endings) await end();
    });

    const list = "/v1/accounts/alice/messages?mailbox=inbox";

    test("are listed beside all others", async () => {
      const { status, body } = await ask<{ items: Shown[] }>(`${list}&fields=subject,to,attachments,snippet`);
      assert.equal(status, 200);
      for (const { id, subject } of body.items) ids.set(subject, id);
      assert.deepEqual([...ids.keys()].reverse(), ["Hello", ...Object.keys(bombs)]);
    });

    for (const [name, { cut = [] }] of Object.entries(bombs))
      test(`${name}: shown, or cut and marked so, in REST and GraphQL`, async () => {
        const id = ids.get(name) ?? "";
        const { status, body, bytes } = await ask<Shown>(`/v1/accounts/alice/messages/${id}`);
        assert.equal(status, 200, bytes.toString().slice(0, 200));
        for (const field of cut) assert.ok(body.truncated?.includes(field), `${field} in ${body.truncated?.join()}`);
        if (cut.length === 0) assert.equal(body.truncated, undefined);
        assert.ok(bytes.length < 8 * MEBI, `${bytes.length} octets`);
        const fields = "subject text html attachments { part } to { address } references headers { name } truncated";
        const query = `{ account(id: "alice") { message(id: "${id}") { ${fields} } } }`;
        type Graph = { data: { account: { message: Shown } } };
        const { body: graph } = await ask<Graph>("/graphql", { body: { query } });
        const { subject, truncated } = graph.data.account.message;
        assert.equal(subject, name);
        for (const field of cut) assert.ok(truncated?.includes(field), field);
      });

    test("all at once keep nobody from a list of the same mailbox", async () => {
      let left = ids.size;
      const fields = "text,html,headers,replyText,calendarInvites,authentication,truncated";
      const reading = [...ids.values()].map(async (id) => {
        const { status } = await ask(`/v1/accounts/alice/messages/${id}?fields=${fields}`);
        left -= 1;
        return status;
      });
      let listed = 0;
      while (left > 0) {
        assert.equal((await ask(`${list}&fields=subject&limit=1`)).status, 200);
        if (left > 0) listed += 1;
      }
      assert.deepEqual(new Set(await Promise.all(reading)), new Set([200]));
      assert.ok(listed > 0, "no list was answered before they were all read");
    });

    test("a part of fifty megabytes is there whole for whoever wants it", async () => {
      const { bytes } = await ask(`/v1/accounts/alice/messages/${ids.get("fifty megabytes of HTML")}/parts/1`);
      assert.ok(bytes.length > 50 * MEBI - 27);
    });
  });
}
