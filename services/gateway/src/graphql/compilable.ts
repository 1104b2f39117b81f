import {
  type DocumentNode,
  getNamedType,
  type GraphQLInputObjectType,
  type GraphQLSchema,
  isInputObjectType,
  Kind,
  type TypeNode,
} from "graphql";

/** By type, whether it holds itself. */
const known = new WeakMap<GraphQLInputObjectType, boolean>();

/**
 * Whether a document may be compiled. Compiled code is kept for a document's text, whichever of its operations was asked
 * for. And the compiler writes out the reading of a variable in full: where its type holds itself, as a filter does, it
 * would never come to an end.
 */
export function isCompilable(schema: GraphQLSchema, { definitions }: DocumentNode): boolean {
  const operations = definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION);
  const types = operations.flatMap(({ variableDefinitions = [] }) => variableDefinitions.map(({ type }) => type));
  return operations.length === 1 && !types.some((type) => isEndless(schema, type));
}

function isEndless(schema: GraphQLSchema, node: TypeNode): boolean {
  const type = schema.getType(nameOf(node));
  return isInputObjectType(type) && holdsItself(type);
}

function nameOf(node: TypeNode): string {
  return node.kind === Kind.NAMED_TYPE ? node.name.value : nameOf(node.type);
}

/** It, or anything that it holds. */
function holdsItself(type: GraphQLInputObjectType): boolean {
  const found = known.get(type) ?? isWithin(type, []);
  known.set(type, found);
  return found;
}

function isWithin(type: GraphQLInputObjectType, above: readonly GraphQLInputObjectType[]): boolean {
  if (above.includes(type)) return true;
  return Object.values(type.getFields()).some((field) => {
    const inner = getNamedType(field.type);
    return isInputObjectType(inner) && isWithin(inner, [...above, type]);
  });
}
