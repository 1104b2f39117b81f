import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { buildSchema, type FieldNode, type FragmentDefinitionNode, Kind, parse } from "graphql";
import { typeDefs } from "./index.ts";
import { selectedAt } from "./selection.ts";

const schema = buildSchema(typeDefs);

/** Names selected of the first field of a document, which gives this type. */
function selected(source: string, typeName: string, { paths = [[]] as string[][], variables = {} } = {}): string[] {
  const { definitions } = parse(source);
  const fragments: Record<string, FragmentDefinitionNode> = {};
  let field: FieldNode | undefined;
  for (const definition of definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments[definition.name.value] = definition;
    else if (definition.kind === Kind.OPERATION_DEFINITION)
      field = definition.selectionSet.selections.find((selection) => selection.kind === Kind.FIELD);
  }
  assert.ok(field);
  const info = { fieldNodes: [field], fragments, variableValues: variables, schema };
  return [...selectedAt(info, typeName, ...paths)].sort();
}

const ofMessage = (set: string, variables = {}): string[] =>
  selected(`{ node(id: "x") ${set} }`, "Message", { variables });
const page = [["edges", "node"], ["nodes"]];
const ofPage = (set: string, fragments = ""): string[] =>
  selected(`{ messages ${set} } ${fragments}`, "MessageConnection", { paths: page });

describe("what a query selects", () => {
  it("is found under its real name, whatever it is called in the answer", () => {
    assert.deepEqual(ofMessage("{ subject: text words: subject }"), ["subject", "text"]);
  });

  it("is found in fragments, spread or inline, within one another", () => {
    const set = "{ ... { id } ... on Message { text ...One } }";
    const fragments = "fragment One on Message { html ...Two } fragment Two on Node { id ... on Message { size } }";
    const found = selected(`{ node(id: "x") ${set} } ${fragments}`, "Message");
    assert.deepEqual(found, ["html", "id", "size", "text"]);
  });

  it("is not what fragments for other kinds select", () => {
    const set =
      "{ id ... on Account { name quota { used } } ... on Mailbox { path total } ... on Message { subject } }";
    assert.deepEqual(ofMessage(set), ["id", "subject"]);
    const nested = "{ nodes { ... on Node { ... on Mailbox { path } ... on Message { flags } } } }";
    assert.deepEqual(ofPage(nested), ["flags"]);
  });

  it("is not what is skipped or not included, by words or by variables", () => {
    assert.deepEqual(ofMessage("{ id text @skip(if: true) html @include(if: false) }"), ["id"]);
    const set =
      "{ id text @include(if: $yes) html @include(if: $no) ... @skip(if: $yes) { size } flags @skip(if: $no) }";
    assert.deepEqual(ofMessage(set, { yes: true, no: false }), ["flags", "id", "text"]);
    assert.deepEqual(ofMessage("{ id text @include(if: true) @skip(if: true) }"), ["id"]);
  });

  it("is put together from the edges and the nodes of a page, and from each time they are asked for", () => {
    const set =
      "{ totalCount edges { cursor node { id } } nodes { flags } more: nodes { text } edges { node { size } } }";
    assert.deepEqual(ofPage(set), ["flags", "id", "size", "text"]);
    assert.deepEqual(ofPage("{ totalCount pageInfo { endCursor } }"), []);
  });

  it("is found in time in fragments that are spread twice in each other, many levels deep", () => {
    const steps = Array.from({ length: 60 }, (_, at) => `fragment F${at} on Message { ...F${at + 1} ...F${at + 1} }`);
    const found = ofPage("{ nodes { ...F0 } }", `${steps.join(" ")} fragment F60 on Message { text }`);
    assert.deepEqual(found, ["text"]);
  });
});
