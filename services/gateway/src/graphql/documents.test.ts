import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { isFailure } from "@postern/protocol";
import { ConfigurationError } from "@postern/service";
import { documentOf, readDocuments } from "./documents.ts";

function fileOf(content: string): string {
  const path = join(mkdtempSync(join(tmpdir(), "pst-documents-")), "documents.json");
  writeFileSync(path, content);
  return path;
}

const refused = (error: unknown): boolean => isFailure(error, "invalid-request");

describe("trusted documents", () => {
  const trusted = readDocuments(fileOf(JSON.stringify({ "sha256:aa": "{ a }", bb: "{ b }" })));

  it("a document runs by its id, with or without the name of the hash", () => {
    assert.equal(documentOf({ documentId: "aa" }, trusted), "{ a }");
    assert.equal(documentOf({ documentId: "sha256:aa" }, trusted), "{ a }");
    assert.equal(documentOf({ documentId: "sha256:bb" }, trusted), "{ b }");
  });

  it("a text runs only when it is one of them, to the letter", () => {
    assert.equal(documentOf({ query: "{ b }" }, trusted), "{ b }");
    assert.throws(() => documentOf({ query: "{b}" }, trusted), refused);
    assert.throws(() => documentOf({ query: "{ c }", documentId: "zz" }, trusted), refused);
  });

  it("an unknown id runs nothing, however it is called", () => {
    for (const documentId of ["zz", "", "sha256:", "__proto__", "constructor"])
      assert.throws(() => documentOf({ documentId }, trusted), refused);
  });

  it("an id runs its own document, whatever text came with it", () => {
    assert.equal(documentOf({ documentId: "aa", query: "{ anything }" }, trusted), "{ a }");
  });

  it("where none are demanded, the text runs as it is", () => {
    assert.equal(documentOf({ query: "{ c }" }, null), "{ c }");
    assert.equal(documentOf({ documentId: "aa" }, null), undefined);
  });

  for (const content of ["", "[]", "null", '"{ a }"', '{"a": 1}', '{"a": {"body": "{ a }"}}', '["{ a }"]'])
    it(`a file that is not texts by their ids is refused by the setting's name: ${content || "empty"}`, () => {
      assert.throws(
        () => readDocuments(fileOf(content)),
        (error) => error instanceof ConfigurationError && error.message.startsWith("POSTERN_GRAPHQL_DOCUMENTS"),
      );
    });

  it("a file that is not there is refused by the setting's name", () => {
    assert.throws(() => readDocuments(join(tmpdir(), crypto.randomUUID())), ConfigurationError);
  });
});
