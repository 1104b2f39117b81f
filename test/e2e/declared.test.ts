import assert from "node:assert/strict";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { temporaryFolder } from "../servers/process.ts";
import { type Ask, askWith } from "./client.ts";
import { type House, type HouseKind, startHouse } from "./house.ts";

interface Account {
  id: string;
  declared: boolean;
  imap: { user: string };
}

for (const kind of ["together", "apart"] as const satisfies HouseKind[]) {
  describe(`accounts in a file, services ${kind}`, () => {
    let house: House;
    let dovecot: DovecotServer;
    let ask: Ask;
    const folder = temporaryFolder("pst-declared-");
    const file = join(folder, "accounts.json");
    const endings: (() => Promise<unknown>)[] = [];

    before(async () => {
      dovecot = await startDovecot();
      endings.unshift(dovecot.stop);
      writeFileSync(join(folder, "ann.password"), `${dovecot.user("ann").password}\n`);
      declare([declared("ann"), declared("ben")]);
      house = await startHouse(kind, { POSTERN_ACCOUNTS_FILE: file });
      endings.unshift(house.stop);
      ask = askWith(house.urls, house.adminToken);
    });

    after(async () => {
      for (const end of endings) await end();
    });

    const declared = (id: string, user = id): object => {
      const { host, port } = dovecot;
      return { id, imap: { host, port, security: "none", user, passwordFile: "ann.password" } };
    };
    /** As Kubernetes does it: the new content is there whole or not at all. */
    const declare = (content: unknown): void => {
      writeFileSync(`${file}.new`, typeof content === "string" ? content : JSON.stringify({ accounts: content }));
      renameSync(`${file}.new`, file);
    };

    test("they are there from the start, work, and are shown as declared", async () => {
      const { items } = (await ask<{ items: Account[] }>("/v1/accounts")).body;
      assert.deepEqual(
        items.map(({ id, declared: isDeclared }) => [id, isDeclared]),
        [
          ["ann", true],
          ["ben", true],
        ],
      );
      assert.equal((await ask("/v1/accounts/ann/mailboxes")).status, 200);
    });

    test("they are changed in the file alone", async () => {
      const changes = [{ method: "PATCH", body: { name: "x" } }, { method: "DELETE" }];
      for (const change of changes) {
        const { status, body } = await ask("/v1/accounts/ann", change);
        assert.deepEqual([status, body.code], [409, "account-declared"]);
      }
    });

    test("a file that is not as it should be changes nothing and is told in the log, without what it holds", async () => {
      declare('{"accounts": [{"id": "ann", "imap": {"password": hunter-two}}]}');
      const log = (): string => house.services.flatMap((service) => service.log).join("\n");
      while (!log().includes("the accounts file was not taken over")) await ask("/v1/accounts");
      assert.doesNotMatch(log(), /hunter/);
      assert.equal((await ask("/v1/accounts/ann/mailboxes")).status, 200);
      assert.equal((await ask("/v1/accounts/ben")).status, 200);
    });

    test("what is changed, new or no longer in the file is changed, registered or erased while all runs", async () => {
      declare([declared("ann", "ann-now"), declared("cleo")]);
      while ((await ask("/v1/accounts/ben")).status !== 404);
      const { items } = (await ask<{ items: Account[] }>("/v1/accounts")).body;
      assert.deepEqual(
        items.map(({ id, imap }) => [id, imap.user]),
        [
          ["ann", "ann-now"],
          ["cleo", "cleo"],
        ],
      );
      for (const id of ["ann", "cleo"]) assert.equal((await ask(`/v1/accounts/${id}/mailboxes`)).status, 200);
    });
  });
}

test("a service does not start with an accounts file that is not as it should be, and says what is wrong", async () => {
  const file = join(temporaryFolder("pst-declared-"), "accounts.json");
  writeFileSync(file, JSON.stringify([{ id: "ann", imap: { host: "mail.example.org", password: "hunter-two" } }]));
  await assert.rejects(startHouse("together", { POSTERN_ACCOUNTS_FILE: file }), (error) => {
    assert.ok(error instanceof Error);
    assert.match(error.message, /ended with 1/);
    assert.match(error.message, /account ann in the accounts file/);
    assert.doesNotMatch(error.message, /hunter/);
    return true;
  });
});
