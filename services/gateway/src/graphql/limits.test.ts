import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isFailure } from "@postern/protocol";
import { buildSchema, getOperationAST, getVariableValues, parse, validate } from "graphql";
import { limitCost } from "./cost.ts";
import { typeDefs } from "./index.ts";
import { documentLimits, LIMITS, limitTokens } from "./limits.ts";

const schema = buildSchema(typeDefs);

function complaints(source: string): string[] {
  return validate(schema, parse(source), [documentLimits]).map(({ message, extensions }) => {
    assert.equal(extensions.code, "query-too-costly");
    return message;
  });
}

function isTooCostly(source: string, variables: Record<string, unknown> = {}): boolean {
  const document = parse(source);
  const operation = getOperationAST(document);
  assert.ok(operation);
  assert.deepEqual(validate(schema, document), []);
  const { coerced } = getVariableValues(schema, operation.variableDefinitions ?? [], variables);
  assert.ok(coerced);
  try {
    limitCost({ schema, document, operation, variables: coerced });
    return false;
  } catch (error) {
    assert.ok(isFailure(error, "query-too-costly"));
    return true;
  }
}

const repeat = (count: number, make: (at: number) => string): string =>
  Array.from({ length: count }, (_, at) => make(at)).join(" ");

/** Fields in each other, `levels` of them. */
const nested = (levels: number): string => "{ a ".repeat(levels) + "}".repeat(levels);

describe("limits of a document", () => {
  it("as many tokens as are allowed pass, one more does not", () => {
    const withTokens = (count: number): string => `{ ${"id ".repeat(count - 2)}}`;
    assert.doesNotThrow(() => limitTokens(withTokens(LIMITS.tokens)));
    assert.throws(
      () => limitTokens(withTokens(LIMITS.tokens + 1)),
      (error) => isFailure(error, "query-too-costly"),
    );
  });

  it("comments, commas and blanks are no tokens, and what is no GraphQL is left to the parser", () => {
    assert.doesNotThrow(() => limitTokens(`{ a }${" ,\n#x".repeat(LIMITS.tokens)}`));
    assert.doesNotThrow(() => limitTokens('{ a "'));
  });

  it("a document as deep as is allowed passes, a deeper one does not", () => {
    assert.deepEqual(complaints(nested(LIMITS.depth)), []);
    assert.equal(complaints(nested(LIMITS.depth + 1)).length, 1);
  });

  it("fragments are as deep as what they spread", () => {
    const half = LIMITS.depth / 2;
    const document = (extra: number): string =>
      `{ ${"a { ".repeat(half)}...F${" }".repeat(half)} } fragment F on Query ${nested(half + extra)}`;
    assert.deepEqual(complaints(document(0)), []);
    assert.equal(complaints(document(1)).length, 1);
  });

  it("introspection is as deep as tools ask it", () => {
    assert.deepEqual(complaints(`{ __schema ${nested(LIMITS.depth + 5)} }`), []);
  });

  it("a fragment within itself is no deeper than it is long", () => {
    assert.deepEqual(complaints("{ ...F } fragment F on Query { a { ...F } }"), []);
  });

  it("fragments that are spread twice in each other are measured in time", () => {
    const steps = repeat(60, (at) => `fragment F${at} on Query { ...F${at + 1} ...F${at + 1} }`);
    assert.deepEqual(complaints(`{ ...F0 } ${steps} fragment F60 on Query { a }`), []);
  });

  it("as many aliases as are allowed pass, one more does not, wherever they stand", () => {
    const aliased = (count: number): string => repeat(count, (at) => `x${at}: a`);
    assert.deepEqual(complaints(`{ ${aliased(LIMITS.aliases)} }`), []);
    assert.equal(complaints(`{ ${aliased(LIMITS.aliases + 1)} }`).length, 1);
    assert.equal(complaints(`{ ...F ${aliased(LIMITS.aliases)} } fragment F on Query { y: a }`).length, 1);
  });
});

describe("what a query may cost", () => {
  const inbox = (set: string): string => `{ account(id: "a") { mailbox(role: INBOX) ${set} } }`;

  it("is plenty for what people ask", () => {
    assert.ok(
      !isTooCostly(inbox("{ messages(first: 200) { nodes { text html attachments { filename } mailbox { name } } } }")),
    );
    assert.ok(!isTooCostly("{ accounts { nodes { id mailboxes { name unseen } } } }"));
    assert.ok(
      !isTooCostly("{ accounts { nodes { mailbox(role: INBOX) { messages(first: 10) { nodes { snippet } } } } } }"),
    );
    assert.ok(!isTooCostly('{ account(id: "a") { mailboxes { messages(first: 5) { nodes { subject } } } } }'));
  });

  it("is not a call for each message that tells its mailbox: those are looked up together", () => {
    assert.ok(!isTooCostly(repeatedNodes(60)));
  });
  const repeatedNodes = (count: number): string =>
    `{ ${repeat(count, (at) => `n${at}: node(id: "x") { ... on Message { mailbox { name } } }`)} }`;

  it("counts lists within lists", () => {
    const within = "{ messages(first: 100) { nodes { mailbox { messages(first: 100) { nodes { id } } } } } }";
    assert.ok(isTooCostly(inbox(within)));
    assert.ok(isTooCostly("{ accounts(first: 200) { nodes { quota { used } mailboxes { name } } } }"));
    assert.ok(!isTooCostly("{ accounts(first: 100) { nodes { quota { used } mailboxes { name } } } }"));
  });

  it("counts pages from the end as it counts those from the beginning", () => {
    const within = (size: string): string =>
      inbox(`{ messages(${size}) { edges { node { mailbox { messages(first: 1) { totalCount } } } } } }`);
    assert.ok(
      isTooCostly(
        within("last: 200").replace("totalCount", "totalCount nodes { mailbox { messages { totalCount } } }"),
      ),
    );
    assert.ok(isTooCostly(within("last: 200, first: null").replace("first: 1)", "last: 200)")));
    assert.ok(!isTooCostly(within("last: 2")));
  });

  it("takes variables as they are given, and their defaults where they are not", () => {
    const query = (fallback: string): string =>
      `query Q($n: Int${fallback}) { accounts(first: $n) { nodes { quota { used } mailboxes { messages(first: 1) { totalCount } } } } }`;
    assert.ok(isTooCostly(query(" = 200")));
    assert.ok(isTooCostly(query(" = 1"), { n: 200 }));
    assert.ok(!isTooCostly(query(" = 200"), { n: 5 }));
  });

  it("does not count what is skipped, and counts it when it is not", () => {
    const query = `query Q($deep: Boolean!) { accounts(first: 200) { nodes { id ...F @include(if: $deep) } } }
      fragment F on Account { mailboxes { messages(first: 1) { totalCount } } }`;
    assert.ok(isTooCostly(query, { deep: true }));
    assert.ok(!isTooCostly(query, { deep: false }));
  });

  it("counts what fragments ask for, in time and however they are spread", () => {
    const steps = repeat(60, (at) => `fragment F${at} on Account { ...F${at + 1} ...F${at + 1} }`);
    const query = (last: string): string =>
      `{ accounts(first: 1) { nodes { ...F0 } } } ${steps} fragment F60 on Account { ${last} }`;
    assert.ok(isTooCostly(query("quota { used }")));
    assert.ok(!isTooCostly(query("id name")));
    assert.ok(
      isTooCostly(
        '{ node(id: "x") { ... on Mailbox { messages { nodes { ...M } } } } } fragment M on Message { mailbox { messages(first: 200) { nodes { id } } } }',
      ),
    );
  });

  it("is bounded in messages as well as in calls", () => {
    const lists = (count: number): string => repeat(count, (at) => `m${at}: messages(first: 200) { nodes { text } }`);
    const within = LIMITS.messages / 200;
    assert.ok(!isTooCostly(`{ account(id: "a") { ${lists(within)} } }`));
    assert.ok(isTooCostly(`{ account(id: "a") { ${lists(within + 1)} } }`));
  });

  it("leaves page sizes that cannot be to whoever refuses them", () => {
    for (const size of ["1000000000", "-1", "0"])
      assert.ok(!isTooCostly(inbox(`{ messages(first: ${size}) { nodes { id } } }`)));
  });

  it("is nothing for introspection", () => {
    assert.ok(!isTooCostly("{ __schema { types { fields { name } } } __typename }"));
  });
});
