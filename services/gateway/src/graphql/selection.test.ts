import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  buildSchema,
  execute,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLResolveInfo,
  Kind,
  parse,
} from "graphql";
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

const scalars: Readonly<Record<string, unknown>> = {
  id: "x",
  subject: "s",
  text: "t",
  html: "h",
  size: 1,
  flags: [],
  etag: "e",
};

type Condition = "Node" | "Message" | "Mailbox";
const fieldsOf: Record<Condition, string[]> = {
  Node: ["id"],
  Message: Object.keys(scalars),
  Mailbox: ["id", "path", "name"],
};
const directive: fc.Arbitrary<string> = fc.constantFrom(
  "",
  "@include(if: $yes)",
  "@skip(if: $yes)",
  "@skip(if: $no) @include(if: true)",
);

function setOf(type: Condition, depth = 0): fc.Arbitrary<string> {
  const name = fc.constantFrom(...fieldsOf[type]);
  const field = fc.tuple(name, fc.boolean()).map(([of, aliased]) => (aliased ? `other_${of}: ${of}` : of));
  const selections = [fc.tuple(field, directive), fc.tuple(fc.constantFrom("...OnMessage", "...OnMailbox"), directive)];
  const inner = fc.constantFrom<Condition[]>("Node", "Message", "Mailbox");
  if (depth < 3) {
    selections.push(
      fc.tuple(
        directive.map((when) => `... ${when}`),
        setOf(type, depth + 1),
      ),
    );
    selections.push(
      inner.chain((on) =>
        fc.tuple(
          directive.map((when) => `... on ${on} ${when}`),
          setOf(on, depth + 1),
        ),
      ),
    );
  }
  const selection = fc.oneof(...selections).map((words) => words.join(" "));
  return fc.array(selection, { minLength: 1, maxLength: 4 }).map((all) => `{ ${all.join(" ")} }`);
}

/** A document that asks for a node, by fields, aliases, fragments of each kind and directives, in any mixture. */
const document: fc.Arbitrary<string> = fc
  .tuple(
    setOf("Node"),
    setOf("Message"),
    setOf("Mailbox"),
    fc.constantFrom("", 'again: node(id: "y") { ...OnMessage }'),
  )
  .map(
    ([set, onMessage, onMailbox, more]) => `query Q($yes: Boolean!, $no: Boolean!) { node(id: "x") ${set} ${more} }
      fragment OnMessage on Message ${onMessage} fragment OnMailbox on Mailbox ${onMailbox}`,
  );

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

  it("is just what execution then takes of the message, for any selection", async () => {
    await fc.assert(
      fc.asyncProperty(document, fc.boolean(), fc.boolean(), async (text, yes, no) => {
        const taken = new Set<string>();
        let foretold = new Set<string>();
        const fieldResolver = (_: unknown, __: unknown, ___: unknown, info: GraphQLResolveInfo): unknown => {
          if (info.fieldName !== "node") return taken.add(info.fieldName) && scalars[info.fieldName];
          foretold = foretold.union(selectedAt(info, "Message", []));
          return { __typename: "Message" };
        };
        await execute({ schema, document: parse(text), fieldResolver, variableValues: { yes, no } });
        assert.deepEqual([...foretold].sort(), [...taken].sort());
      }),
    );
  });
});
