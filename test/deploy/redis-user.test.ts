import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { askWith } from "../e2e/client.ts";
import { startHouse } from "../e2e/house.ts";
import { deliver, otherClient } from "../e2e/mailbox.ts";
import { startDovecot, startRedis } from "../servers/index.ts";
import { temporaryFolder } from "../servers/process.ts";

const page = readFileSync(new URL("../../docs/operating.md", import.meta.url), "utf8");

test("the Redis user in the documents is all that Postern needs, and may not do more", async () => {
  const user = /^user postern on .*$/m.exec(page)?.[0].replace("PASSWORD", "s3cret");
  assert.ok(user);
  const file = join(temporaryFolder("postern-acl-"), "users.acl");
  // What starts the server looks at who it is.
  writeFileSync(file, `user default on nopass -@all +config|get +info\n${user}\n`);
  const redis = await startRedis({ args: ["--aclfile", file] });
  const dovecot = await startDovecot();
  const url = `redis://postern:s3cret@127.0.0.1:${redis.port}`;
  const house = await startHouse("apart", { POSTERN_REDIS_URL: url });
  try {
    const other = await otherClient(dovecot, "ada");
    await deliver(other, { subject: "Known" });
    await other.logout();
    const admin = askWith(house.urls, house.adminToken);
    const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user("ada") };
    assert.equal((await admin("/v1/accounts?verify=true", { body: { id: "ada", imap } })).status, 201);
    const { body } = await admin<{ token: string; id: string }>("/v1/tokens", { body: { scopes: ["read"] } });
    const reader = askWith(house.urls, body.token);
    for (let times = 0; times < 4; times += 1) {
      const list = await reader<{ items: { subject: string }[] }>("/v1/accounts/ada/messages?mailbox=inbox");
      assert.deepEqual([list.status, list.body.items[0]?.subject], [200, "Known"]);
    }
    for (const each of house.urls) {
      const ready = await fetch(`${each}/readyz`, { headers: { connection: "close" } });
      assert.deepEqual(await ready.json(), { status: "ok", store: "ok" });
    }
    assert.equal((await admin(`/v1/tokens/${body.id}`, { method: "DELETE" })).status, 204);
    assert.equal((await admin("/v1/accounts/ada", { method: "DELETE" })).status, 204);
    const log = house.services.flatMap((service) => service.log).join("\n");
    assert.doesNotMatch(log, /NOPERM|s3cret/);
  } finally {
    await house.stop();
    await dovecot.stop();
    await redis.stop();
  }
});
