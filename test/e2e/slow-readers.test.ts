import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { after, before, describe, test } from "node:test";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { type Ask, askWith } from "./client.ts";
import { type House, type HouseKind, startHouse } from "./house.ts";
import { otherClient } from "./mailbox.ts";
import { all, base64, lines, MEBI, mixed, noise, open, take } from "./octets.ts";

const READERS = 40;
const STEP = MEBI / 4;
const file = noise(10 * MEBI);
const large = mixed("large", [{ headers: ["Content-Type: application/octet-stream", base64], octets: lines(file) }]);

for (const kind of ["together", "apart"] as const satisfies HouseKind[]) {
  describe(`forty slow readers of ten megabytes, services ${kind}`, () => {
    let house: House;
    let dovecot: DovecotServer;
    let ask: Ask;
    let path = "";
    const endings: (() => Promise<unknown>)[] = [];

    before(async () => {
      dovecot = await startDovecot();
      endings.unshift(dovecot.stop);
      house = await startHouse(kind);
      endings.unshift(house.stop);
      ask = askWith(house.urls, house.adminToken);
      const other = await otherClient(dovecot, "alice");
      await other.append("INBOX", large);
      await other.logout();
      const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user("alice") };
      assert.equal((await ask("/v1/accounts", { body: { id: "alice", imap } })).status, 201);
      const [id] = await ids();
      path = `/v1/accounts/alice/messages/${id}`;
    });

    after(async () => {
      for (const end of endings) await end();
    });

    async function ids(): Promise<string[]> {
      const { status, body } = await ask<{ items: { id: string }[] }>(
        "/v1/accounts/alice/messages?mailbox=inbox&fields=id",
      );
      assert.equal(status, 200, JSON.stringify(body));
      return body.items.map(({ id }) => id);
    }

    for (const [what, whole] of [
      ["raw", large],
      ["parts/1", file],
    ] as const) {
      test(`cost little, hold no session and leave nothing behind when they go: ${what}`, async () => {
        const urls = Array.from(
          { length: READERS },
          (_, index) => `${house.urls[index % house.urls.length]}${path}/${what}`,
        );
        const openOne = (url: string): Promise<IncomingMessage> => open(url, house.adminToken);
        // What is garbage of octets that have passed, and not yet collected, is there with one quick reader as well.
        for (const url of urls.slice(0, 8)) await all(await openOne(url));
        const processes = house.services.map(({ process }) => process.pid ?? 0);
        const before = processes.map((pid) => memory(pid, "VmRSS"));
        for (const pid of processes) writeFileSync(`/proc/${pid}/clear_refs`, "5");

        const readers = await Promise.all(urls.map(openOne));
        for (let at = 0; at < 4 * MEBI; at += STEP) {
          for (const reader of readers) await take(reader, STEP);
          assert.equal((await ids()).length, 1, "somebody else reads meanwhile");
        }
        const more = processes.map((pid, index) => Math.ceil((memory(pid, "VmHWM") - (before[index] ?? 0)) / MEBI));
        for (const mebi of more) assert.ok(mebi <= 64, `${more.join(", ")} MiB more`);

        const [patient, ...others] = readers;
        for (const reader of others) reader.destroy();
        assert.ok(patient && (await all(patient)).equals(whole.subarray(4 * MEBI)));
        assert.ok((await ask(`${path}/${what}`)).bytes.equals(whole));
      });
    }
  });
}

/** Linux: what a process has in memory, or had at most. */
function memory(pid: number, what: "VmRSS" | "VmHWM"): number {
  const [, kibi = ""] =
    new RegExp(`^${what}:\\s+(\\d+) kB$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kibi) * 1024;
}
