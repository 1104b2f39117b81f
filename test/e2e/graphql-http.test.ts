import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { serverAudits } from "graphql-http";
import { type House, type HouseKind, startHouse } from "./house.ts";

for (const kind of ["together", "apart"] as const satisfies HouseKind[]) {
  describe(`GraphQL over HTTP, services ${kind}`, () => {
    let house: House;
    let asked = 0;

    before(async () => {
      house = await startHouse(kind);
    });

    after(() => house.stop());

    const audits = serverAudits({
      url: () => `${house.urls[asked++ % house.urls.length]}/graphql`,
      fetchFn: (url: string, init: RequestInit = {}) => {
        const headers = new Headers(init.headers);
        headers.set("authorization", `Bearer ${house.adminToken}`);
        return fetch(url, { ...init, headers });
      },
    });

    test("there are 61 audits", () => assert.equal(audits.length, 61));

    for (const audit of audits) {
      test(`${audit.name} (${audit.id})`, async () => {
        const result = await audit.fn();
        assert.equal(result.status, "ok", "reason" in result ? result.reason : "");
      });
    }
  });
}
