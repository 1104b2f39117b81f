import { after, before, describe, test } from "node:test";
import { type CoreHouse, startCoreHouse } from "../testing/core-house.ts";
import { Watcher } from "./watcher.ts";

describe("a watcher", { timeout: 15_000 }, () => {
  let house: CoreHouse;
  before(async () => {
    house = await startCoreHouse();
  });
  after(() => house.stop());

  test("that is stopped while it gives up its connection has stopped", async () => {
    const asked = Promise.withResolvers<Promise<void>>();
    const watcher = new Watcher({
      account: "yielding",
      sessions: house.parts.sessions,
      onNews: () => undefined,
      isWanted: () => {
        asked.resolve(watcher.stop());
        return true;
      },
    });
    await asked.promise;
  });
});
