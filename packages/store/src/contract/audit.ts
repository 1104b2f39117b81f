import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pair } from "./index.ts";
import { account, auditEntry } from "./samples.ts";

export function auditContract(pair: () => Pair): void {
  test("the audit log gives the newest first, of all or of one", async () => {
    const { one, other } = pair();
    const entries = [
      auditEntry("audited"),
      auditEntry("other", { requestId: null, detail: "name, imap.host" }),
      auditEntry("audited", { actor: "tok_ü" }),
    ];
    for (const entry of entries) await one.audit.append(entry);
    assert.deepEqual(await other.audit.list({ limit: 3 }), entries.toReversed());
    assert.deepEqual(await other.audit.list({ limit: 2 }), entries.toReversed().slice(0, 2));
    assert.deepEqual(await other.audit.list({ limit: 9, subject: "audited" }), [entries[2], entries[0]]);
    assert.deepEqual(await other.audit.list({ limit: 1, subject: "audited" }), [entries[2]]);
    assert.deepEqual(await other.audit.list({ limit: 9, subject: "nobody" }), []);
  });

  test("what was done to an account is still told when it is gone", async () => {
    const { one } = pair();
    await one.accounts.create(account("audit-gone"));
    const entry = auditEntry("audit-gone");
    await one.audit.append(entry);
    await one.accounts.remove("audit-gone");
    assert.deepEqual(await one.audit.list({ limit: 9, subject: "audit-gone" }), [entry]);
  });

  test("an old entry is found behind many of others", async () => {
    const { one, other } = pair();
    const entry = auditEntry("audit-old");
    await one.audit.append(entry);
    await Promise.all(Array.from({ length: 1_500 }, () => one.audit.append(auditEntry("noise"))));
    assert.deepEqual(await other.audit.list({ limit: 1, subject: "audit-old" }), [entry]);
    assert.equal((await other.audit.list({ limit: 1_200 })).length, 1_200);
  });
}
