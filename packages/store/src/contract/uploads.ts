import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { isFailure } from "@postern/protocol";
import type { Store, UploadRecord } from "../store.ts";
import type { Pair } from "./index.ts";
import { account, until } from "./samples.ts";

const MOST = 1_000_000;

function upload(id: string, size: number, livesMs = 60_000): UploadRecord {
  return { id, size, contentType: "image/png", filename: "Übersicht ☂.png", expiresAt: Date.now() + livesMs };
}

async function keep(store: Store, accountId: string, record: UploadRecord, pieces: Uint8Array[]): Promise<void> {
  assert.equal(await store.uploads.begin(accountId, record, MOST), true);
  for (const [number, octets] of pieces.entries()) await store.uploads.put(accountId, record, number, octets);
  assert.equal(await store.uploads.finish(accountId, record.id), true);
}

export function uploadsContract(pair: () => Pair): void {
  test("an upload is there, to the octet, once it is whole", async () => {
    const { one, other } = pair();
    await one.accounts.create(account("uploads-whole"));
    const record = upload("upl_whole", 500_000);
    const pieces = [randomBytes(300_000), randomBytes(200_000)];
    assert.equal(await one.uploads.begin("uploads-whole", record, MOST), true);
    for (const [number, octets] of pieces.entries()) await one.uploads.put("uploads-whole", record, number, octets);
    assert.equal(await other.uploads.get("uploads-whole", record.id), null);
    assert.equal(await one.uploads.finish("uploads-whole", record.id), true);
    assert.deepEqual(await other.uploads.get("uploads-whole", record.id), record);
    for (const [number, octets] of pieces.entries()) {
      assert.ok(octets.equals((await other.uploads.piece("uploads-whole", record.id, number)) ?? Buffer.alloc(0)));
    }
    assert.equal(await other.uploads.piece("uploads-whole", record.id, 2), null);
    assert.equal(await other.uploads.get("uploads-elsewhere", record.id), null);
  });

  test("an account's uploads have a bound together, and one that is removed or has expired makes room", async () => {
    const { one, other } = pair();
    await one.accounts.create(account("uploads-bound"));
    await keep(one, "uploads-bound", upload("upl_1", 600_000), []);
    assert.equal(await other.uploads.begin("uploads-bound", upload("upl_2", 400_001), MOST), false);
    assert.equal(await other.uploads.begin("uploads-bound", upload("upl_3", 400_000, 30), MOST), true);
    await until(() => other.uploads.begin("uploads-bound", upload("upl_4", 400_000), MOST));
    await one.uploads.remove("uploads-bound", "upl_1");
    assert.equal(await other.uploads.begin("uploads-bound", upload("upl_5", 600_000), MOST), true);
  });

  test("an upload that has expired, was removed, or whose account is gone, is not there", async () => {
    const { one, other } = pair();
    await one.accounts.create(account("uploads-gone"));
    await keep(one, "uploads-gone", upload("upl_short", 1, 30), [Buffer.from("a")]);
    await until(async () => (await other.uploads.get("uploads-gone", "upl_short")) === null);
    for (const id of ["upl_removed", "upl_left"]) await keep(one, "uploads-gone", upload(id, 1), [Buffer.from("b")]);
    await other.uploads.remove("uploads-gone", "upl_removed");
    await other.uploads.remove("uploads-gone", "upl_never");
    assert.equal(await one.uploads.get("uploads-gone", "upl_removed"), null);
    assert.equal(await one.uploads.piece("uploads-gone", "upl_removed", 0), null);
    assert.equal(await one.uploads.finish("uploads-gone", "upl_removed"), false);
    await one.accounts.remove("uploads-gone");
    assert.equal(await other.uploads.get("uploads-gone", "upl_left"), null);
    assert.equal(await other.uploads.piece("uploads-gone", "upl_left", 0), null);
    await assert.rejects(other.uploads.begin("uploads-gone", upload("upl_late", 1), MOST), (error) =>
      isFailure(error, "not-found"),
    );
  });
}
