import assert from "node:assert/strict";
import { test } from "node:test";
import { redoclyFindings, spectralFindings } from "./openapi-lint.ts";

/** A reference that leads nowhere, an operation twice, and a path's parameter that nobody describes. */
const broken = JSON.stringify({
  openapi: "3.1.0",
  info: { title: "Broken", version: "1" },
  paths: {
    "/things/{thing}": {
      get: { operationId: "same", responses: { 200: { $ref: "#/components/responses/Nowhere" } } },
      put: { operationId: "same", responses: { 200: { description: "Done." } } },
    },
  },
});

test("Spectral finds what is wrong in a broken document", async () => {
  const found = (await spectralFindings(broken)).join("\n");
  for (const rule of ["invalid-ref", "operation-operationId-unique", "path-params"])
    assert.match(found, new RegExp(rule));
});

test("Redocly finds what is wrong in a broken document", async () => {
  const found = (await redoclyFindings(broken)).join("\n");
  for (const rule of ["no-unresolved-refs", "operation-operationId-unique", "path-parameters-defined"])
    assert.match(found, new RegExp(rule));
});
