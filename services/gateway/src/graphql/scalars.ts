import { GraphQLError, GraphQLScalarType, Kind } from "graphql";

const time = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/;

/** Checked for its form; what it means is for the core to say. */
export const scalars = {
  DateTime: textScalar("DateTime", (text) => time.test(text) && !Number.isNaN(Date.parse(text))),
  BigUint: textScalar("BigUint", (text) => /^\d{1,20}$/.test(text)),
};

function textScalar(name: string, isValid: (text: string) => boolean): GraphQLScalarType {
  const parse = (value: unknown): string => {
    if (typeof value === "string" && isValid(value)) return value;
    throw new GraphQLError(`${name} cannot be ${JSON.stringify(value)?.slice(0, 60)}`);
  };
  return new GraphQLScalarType({
    name,
    serialize: String,
    parseValue: parse,
    parseLiteral: (node) => parse(node.kind === Kind.STRING ? node.value : undefined),
  });
}
