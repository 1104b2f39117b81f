import assert from "node:assert/strict";
import { test } from "node:test";
import { isFailure } from "@postern/protocol";
import type { WebhookCursor, WebhookDelivery, WebhookRecord } from "../store.ts";
import type { Pair } from "./index.ts";
import { account } from "./samples.ts";

function webhook(id: string, of: string | null, changes: Partial<WebhookRecord> = {}): WebhookRecord {
  return {
    id,
    account: of,
    version: 1,
    name: "Ticketing é",
    url: "https://hooks.example.org/in",
    types: ["message.created"],
    mailboxes: null,
    payload: "full",
    disabled: null,
    sealed: "v1.k1.c2VhbGVk",
    previous: { sealed: "v1.k1.b2xk", until: 5 },
    createdAt: 1,
    updatedAt: 2,
    ...changes,
  };
}

function cursor(id: string, changes: Partial<WebhookCursor> = {}): WebhookCursor {
  return {
    webhook: id,
    version: 0,
    after: "1-1",
    failures: 0,
    failingSince: null,
    nextAt: 0,
    owner: null,
    leaseUntil: 0,
    ...changes,
  };
}

function delivery(event: string, changes: Partial<WebhookDelivery> = {}): WebhookDelivery {
  return {
    id: `dlv_a.${event}`,
    event,
    type: "message.created",
    state: "delivered",
    attempts: 1,
    status: 204,
    error: null,
    at: 7,
    nextAt: null,
    ...changes,
  };
}

export function webhooksContract(pair: () => Pair): void {
  test("a webhook is its account's, or everybody's, and is found under that alone", async () => {
    const { one, other } = pair();
    await one.accounts.create(account("hooks"));
    const [own, all] = [webhook("whk_b", "hooks"), webhook("whk_a", null, { previous: null })];
    await one.webhooks.create(own);
    await one.webhooks.create(webhook("whk_a2", "hooks"));
    await one.webhooks.create(all);
    assert.deepEqual(await other.webhooks.get("hooks", "whk_b"), own);
    assert.deepEqual(await other.webhooks.get(null, "whk_a"), all);
    assert.equal(await other.webhooks.get("hooks", "whk_a"), null);
    assert.equal(await other.webhooks.get(null, "whk_b"), null);
    const ids = async (of: string | null) => (await other.webhooks.list(of)).map(({ id }) => id);
    assert.deepEqual(await ids("hooks"), ["whk_a2", "whk_b"]);
    assert.ok((await ids(null)).includes("whk_a"));
    assert.ok((await other.webhooks.accounts()).includes("hooks"));
    assert.equal(await one.webhooks.remove("hooks", "whk_b"), true);
    assert.equal(await other.webhooks.remove("hooks", "whk_b"), false);
    assert.equal(await other.webhooks.remove(null, "whk_a"), true);
  });

  test("who decided on an older version of a webhook changes nothing of it", async () => {
    const { one, other } = pair();
    await one.accounts.create(account("hooks-cas"));
    const made = webhook("whk_cas", "hooks-cas");
    await one.webhooks.create(made);
    const changes = await Promise.all(
      [one, other, one].map((store, at) => store.webhooks.update({ ...made, name: `${at}` })),
    );
    assert.equal(changes.filter(Boolean).length, 1);
    const present = await one.webhooks.get("hooks-cas", "whk_cas");
    assert.deepEqual([present?.name, present?.version], [`${changes.indexOf(true)}`, 2]);
  });

  test("of those who move a cursor at once one does, and what it tells of a delivery is kept with it", async () => {
    const { one, other } = pair();
    await one.accounts.create(account("hooks-cursor"));
    await one.webhooks.create(webhook("whk_c", "hooks-cursor"));
    assert.equal(await one.webhooks.cursor("hooks-cursor", "whk_c"), null);
    const taken = await Promise.all(
      [one, other, one].map((store, at) =>
        store.webhooks.putCursor("hooks-cursor", cursor("whk_c", { owner: `g${at}` }), delivery(`1-${at}`)),
      ),
    );
    assert.equal(taken.filter(Boolean).length, 1);
    const winner = taken.indexOf(true);
    const present = await other.webhooks.cursor("hooks-cursor", "whk_c");
    assert.deepEqual(present, cursor("whk_c", { owner: `g${winner}`, version: 1 }));
    assert.deepEqual(await one.webhooks.deliveries("hooks-cursor", "whk_c"), [delivery(`1-${winner}`)]);
    assert.equal(await one.webhooks.putCursor("hooks-cursor", cursor("whk_c", { version: 2 })), false);
    assert.equal(await one.webhooks.putCursor("hooks-cursor", cursor("whk_c", { version: 1, after: "1-2" })), true);
  });

  test("an event has one entry among the deliveries, and the newest hundred are kept", async () => {
    const { one, other } = pair();
    await one.accounts.create(account("hooks-many"));
    await one.webhooks.create(webhook("whk_m", "hooks-many"));
    await one.webhooks.noteDelivery("hooks-many", "whk_m", delivery("1-1"));
    assert.deepEqual(await one.webhooks.deliveries("hooks-many", "whk_m"), []);
    await one.webhooks.putCursor("hooks-many", cursor("whk_m"));
    for (let at = 1; at <= 101; at += 1) await one.webhooks.noteDelivery("hooks-many", "whk_m", delivery(`1-${at}`));
    const again = delivery("1-50", { attempts: 2, status: null, error: "no answer é", state: "failed" });
    await other.webhooks.noteDelivery("hooks-many", "whk_m", again);
    const kept = await one.webhooks.deliveries("hooks-many", "whk_m");
    assert.equal(kept.length, 100);
    assert.deepEqual(kept[0], again);
    assert.equal(kept.filter(({ event }) => event === "1-50").length, 1);
    assert.equal(kept.at(-1)?.event, "1-2");
  });

  test("nothing of a webhook outlives its account, nor a cursor its webhook", async () => {
    const { one, other } = pair();
    for (const id of ["hooks-gone", "hooks-stay"]) await one.accounts.create(account(id));
    await one.webhooks.create(webhook("whk_g", "hooks-gone"));
    await one.webhooks.create(webhook("whk_all", null));
    for (const [of, id] of [
      ["hooks-gone", "whk_g"],
      ["hooks-gone", "whk_all"],
      ["hooks-stay", "whk_all"],
    ] as const)
      assert.equal(await one.webhooks.putCursor(of, cursor(id), delivery("1-1")), true);
    await one.accounts.remove("hooks-gone");
    await one.accounts.create(account("hooks-gone"));
    assert.deepEqual(await other.webhooks.list("hooks-gone"), []);
    for (const id of ["whk_g", "whk_all"]) {
      assert.equal(await other.webhooks.cursor("hooks-gone", id), null);
      assert.deepEqual(await other.webhooks.deliveries("hooks-gone", id), []);
    }
    await one.webhooks.remove(null, "whk_all");
    assert.equal(await other.webhooks.cursor("hooks-stay", "whk_all"), null);
    assert.deepEqual(await other.webhooks.deliveries("hooks-stay", "whk_all"), []);
    await one.accounts.remove("hooks-gone");
    await assert.rejects(one.webhooks.create(webhook("whk_h", "hooks-gone")), (error) => isFailure(error, "not-found"));
    assert.equal(await one.webhooks.putCursor("hooks-gone", cursor("whk_x")), false);
  });
}
