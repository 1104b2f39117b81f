import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { serverAudits } from "graphql-http";
import { type House, startHouse } from "./house.ts";

let house: House;

before(async () => {
  house = await startHouse("together");
});

after(() => house.stop());

const audits = serverAudits({
  url: () => `${house.urls[0]}/graphql`,
  fetchFn: (url: string, init: RequestInit = {}) => {
    const headers = new Headers(init.headers);
    headers.set("authorization", `Bearer ${house.adminToken}`);
    return fetch(url, { ...init, headers });
  },
});

test("there are 61 audits of GraphQL over HTTP", () => assert.equal(audits.length, 61));

for (const audit of audits) {
  test(`GraphQL over HTTP ${audit.name} (${audit.id})`, async () => {
    const result = await audit.fn();
    assert.equal(result.status, "ok", "reason" in result ? result.reason : "");
  });
}
