import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { newCall, startCoreHouse } from "../testing/core-house.ts";
import { letter } from "../testing/raw-client.ts";

describe("quota", () => {
  it("is told with its limit and what is used of it", async () => {
    const house = await startCoreHouse({ quota: "10M" });
    try {
      const client = await house.otherClient("quota");
      await client.append("INBOX", [letter({ text: "x".repeat(5000) })]);
      const { items } = await house.core.getQuota({ account: "quota" }, newCall());
      const storage = items.find(({ resource }) => resource === "STORAGE");
      assert.equal(storage?.limit, 10 * 1024);
      assert.ok(storage.used >= 5);
    } finally {
      await house.stop();
    }
  });

  it("is empty where the server keeps none", async () => {
    const house = await startCoreHouse();
    try {
      assert.deepEqual(await house.core.getQuota({ account: "quota" }, newCall()), { items: [] });
    } finally {
      await house.stop();
    }
  });
});
