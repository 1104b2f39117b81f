import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import {
  accountState,
  eventType,
  filterKeys,
  mailbox,
  mailboxRole,
  messageFields,
  messageSort,
  partRole,
} from "@postern/protocol";
import { buildSchema, isEnumType, isInputObjectType, isInterfaceType, isObjectType, parse, validate } from "graphql";
import { enums } from "./enums.ts";
import { typeDefs } from "./index.ts";
import { LIMITS } from "./limits.ts";

const schema = buildSchema(typeDefs);

interface Described {
  name: string;
  description?: string | null | undefined;
}

/** Everything in the schema that a reader can look up, by where it is. Introspection's own types are GraphQL's. */
function* things(): Generator<[place: string, thing: Described]> {
  for (const type of Object.values(schema.getTypeMap()).filter(({ name }) => !name.startsWith("__"))) {
    yield [type.name, type];
    if (isEnumType(type)) for (const value of type.getValues()) yield [`${type.name}.${value.name}`, value];
    if (isInputObjectType(type))
      for (const field of Object.values(type.getFields())) yield [`${type.name}.${field.name}`, field];
    if (!isObjectType(type) && !isInterfaceType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      yield [`${type.name}.${field.name}`, field];
      for (const argument of field.args) yield [`${type.name}.${field.name}(${argument.name})`, argument];
    }
  }
  for (const directive of schema.getDirectives()) {
    yield [`@${directive.name}`, directive];
    for (const argument of directive.args) yield [`@${directive.name}(${argument.name})`, argument];
  }
}

function fieldsOf(name: string): string[] {
  const type = schema.getType(name);
  assert.ok(isObjectType(type) || isInputObjectType(type), `there is no type ${name}`);
  return Object.keys(type.getFields());
}

/** As it is asked for: `name(argument: Type, …): Type`. */
function signature(type: string, field: string): string {
  const found = schema.getType(type);
  assert.ok(isObjectType(found));
  const { args, type: result } = found.getFields()[field] ?? { args: [], type: "missing" };
  const list = args.map((argument) => `${argument.name}: ${String(argument.type)}`).join(", ");
  return `${field}${list && `(${list})`}: ${String(result)}`;
}

const includes = (all: readonly string[], some: readonly string[]): void =>
  assert.deepEqual(
    some.filter((name) => !all.includes(name)),
    [],
  );

const upperSnake = (name: string): string => name.replace(/([A-Z])/g, "_$1").toUpperCase();

describe("the GraphQL schema", () => {
  it("describes every type, field, argument, enum value and directive", () => {
    const all = [...things()];
    assert.ok(all.length > 250, String(all.length));
    const silent = all.filter(([, { description }]) => !description?.trim()).map(([place]) => place);
    assert.deepEqual(silent, []);
  });

  it("begins where clients expect it to begin", () => {
    assert.equal(signature("Query", "node"), "node(id: ID!): Node");
    assert.equal(signature("Query", "account"), "account(id: ID!): Account");
    assert.equal(signature("Query", "accounts"), "accounts(first: Int, after: String): AccountConnection!");
  });

  it("gives of an account what is promised", () => {
    assert.equal(signature("Account", "id"), "id: ID!");
    assert.equal(signature("Account", "name"), "name: String");
    assert.equal(signature("Account", "state"), "state: AccountState!");
    assert.equal(signature("Account", "mailboxes"), "mailboxes: [Mailbox!]!");
    assert.equal(signature("Account", "mailbox"), "mailbox(id: ID, role: MailboxRole, path: String): Mailbox");
    assert.equal(signature("Account", "message"), "message(id: ID!): Message");
    assert.equal(signature("Account", "quota"), "quota: [Quota!]!");
  });

  for (const type of ["Account", "Mailbox"])
    it(`pages through the messages of ${type} both ways`, () => {
      assert.equal(
        signature(type, "messages"),
        "messages(filter: MessageFilter, sort: MessageSort, first: Int, after: String, last: Int, before: String): MessageConnection!",
      );
    });

  it("gives of a mailbox and a message what REST gives", () => {
    includes(fieldsOf("Mailbox"), Object.keys(mailbox.shape));
    includes(fieldsOf("Message"), Object.keys(messageFields));
    includes(fieldsOf("Message"), ["mailbox", "rawUrl"]);
    assert.equal(signature("Message", "headers"), "headers(names: [String!]): [Header!]!");
  });

  it("has connections and a page's information as Relay specifies them", () => {
    for (const name of ["MessageConnection", "AccountConnection"]) includes(fieldsOf(name), ["edges", "pageInfo"]);
    for (const name of ["MessageEdge", "AccountEdge"]) assert.deepEqual(fieldsOf(name), ["cursor", "node"]);
    assert.deepEqual(fieldsOf("PageInfo"), ["hasNextPage", "hasPreviousPage", "startCursor", "endCursor"]);
    const node = schema.getType("Node");
    assert.ok(isInterfaceType(node));
    const kinds = schema.getPossibleTypes(node).map(({ name }) => name);
    assert.deepEqual(kinds.sort(), ["Account", "Mailbox", "Message", "Thread"]);
  });

  it("filters by all that REST filters by, and nests", () => {
    assert.deepEqual(fieldsOf("MessageFilter").sort(), [...Object.keys(filterKeys), "and", "or", "not"].sort());
  });

  it("asks for exactly one of several where only one can be meant", () => {
    const secret = schema.getType("SecretInput");
    assert.ok(isInputObjectType(secret) && secret.isOneOf);
  });

  it("spells enum values in upper case, and has one for each that there is", () => {
    const known: Record<string, readonly string[]> = {
      AccountState: accountState.options,
      MailboxRole: mailboxRole.options,
      PartRole: partRole.options,
    };
    for (const type of Object.values(schema.getTypeMap()).filter(isEnumType)) {
      const names = type.getValues().map(({ name }) => name);
      if (!type.name.startsWith("__"))
        assert.deepEqual(names.sort(), Object.keys(enums[type.name as "Security"]).sort());
      const options = known[type.name];
      if (options) assert.deepEqual(names.sort(), options.map(upperSnake).sort());
      for (const name of names) assert.match(name, /^[A-Z]+(_[A-Z]+)*$/);
    }
    assert.deepEqual(Object.values(enums.MessageSort).sort(), [...messageSort.options].sort());
    assert.deepEqual(Object.values(enums.EventType).sort(), [...eventType.options].sort());
  });

  it("changes what clients expect to be able to change", () => {
    includes(fieldsOf("Mutation"), [
      "registerAccount",
      "updateAccount",
      "deleteAccount",
      "createMailbox",
      "updateMailbox",
      "deleteMailbox",
      "appendMessage",
      "replaceMessage",
      "importMessages",
      "updateMessages",
      "moveMessages",
      "copyMessages",
      "deleteMessages",
      "batchMessages",
      "emptyMailbox",
      "cancelJob",
    ]);
  });

  it("is followed as clients expect to follow", () => {
    assert.equal(signature("Subscription", "events"), "events(account: ID!, after: ID): Event!");
    assert.equal(
      signature("Subscription", "messages"),
      "messages(account: ID!, mailbox: ID, role: MailboxRole, filter: MessageFilter, sort: MessageSort, first: Int, after: ID): MessageListChange!",
    );
  });

  it("has what its documentation asks for", () => {
    const page = readFileSync(new URL("../../../../docs/graphql.md", import.meta.url), "utf8");
    const blocks = (language: string): string[] =>
      [...page.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, "gs"))].map(([, text = ""]) => text);
    const trusted = blocks("json").flatMap((text) => Object.values(JSON.parse(text) as Record<string, string>));
    const documents = [...blocks("graphql"), ...trusted];
    assert.equal(documents.length, 3);
    for (const document of documents) assert.deepEqual(validate(schema, parse(document)), []);
  });

  it("has the limits that its documentation tells", () => {
    const page = readFileSync(new URL("../../../../docs/graphql.md", import.meta.url), "utf8");
    const told = (what: string): number =>
      Number(new RegExp(`^\\| ${what}[^|]* \\| ([\\d,]+)`, "m").exec(page)?.[1]?.replace(",", ""));
    assert.deepEqual(
      {
        tokens: told("tokens"),
        depth: told("depth"),
        aliases: told("aliases"),
        calls: told("calls"),
        messages: told("messages"),
      },
      LIMITS,
    );
  });
});
