import { Failure, type FieldError } from "@postern/protocol";
import type { FastifyInstance, FastifySchemaCompiler } from "fastify";
import * as z from "zod";

/** Sets zod to validate in this scope alone: on the root it would take hold of other plugins' JSON schemas too. */
export function useZod(scope: FastifyInstance): void {
  scope.setValidatorCompiler(validate);
  // Answers are made by typed code; walking them through a schema once more would only cost time.
  scope.setSerializerCompiler(() => JSON.stringify);
  scope.addHook("onRoute", (route) => {
    route.schema = { querystring: z.strictObject({}), ...route.schema };
  });
}

const validate: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  const look = (data: unknown): Validated => {
    const parsed = schema.safeParse(httpPart === "querystring" ? nested(data) : data);
    return parsed.success ? { value: parsed.data } : { error: malformed(parsed.error, httpPart) };
  };
  return httpPart === "querystring" ? rememberValid(look) : look;
};

type Validated = { value: unknown } | { error: Failure };

const MOST_QUERIES = 1_000;

/** The same query text comes as the same object (`parseQuery`): it is looked at once, and what was made of it is shared. */
function rememberValid(look: (data: unknown) => Validated): (data: unknown) => Validated {
  const valid = new Map<unknown, Validated>();
  return (data) => {
    const known = valid.get(data);
    if (known) return known;
    const validated = look(data);
    if ("error" in validated) return validated;
    if (valid.size >= MOST_QUERIES) valid.clear();
    valid.set(data, { value: Object.freeze(validated.value) });
    return validated;
  };
}

/** For what a request writes as text and the document calls by what it means. */
export function documentedAs(shape: Record<string, unknown>) {
  return ({ jsonSchema }: { jsonSchema: Record<string, unknown> }): void => {
    for (const keyword of Object.keys(jsonSchema)) if (keyword !== "description") delete jsonSchema[keyword];
    Object.assign(jsonSchema, shape);
  };
}

/** `header[List-Id]=x` is `{header: {"List-Id": "x"}}`. A `__proto__`, which zod would pass over, stays an unknown key. */
function nested(query: unknown): unknown {
  const flat: [string, unknown][] = [];
  const header: [string, unknown][] = [];
  for (const [key, value] of Object.entries(query as Record<string, unknown>)) {
    const name = /^header\[(?!__proto__\])([^\]]*)\]$/.exec(key)?.[1];
    if (name === undefined) flat.push([key, value]);
    else header.push([name, value]);
  }
  // Unlike an assignment, this keeps a key that is called `__proto__`.
  return Object.fromEntries(header.length > 0 ? [...flat, ["header", Object.fromEntries(header)]] : flat);
}

export function malformed(error: z.ZodError, part?: string): Failure {
  const errors = error.issues.flatMap(fieldErrors);
  const where = part === "body" ? "body" : part === "params" ? "path" : "query";
  return new Failure("invalid-request", { detail: `The request's ${where} is not as it should be.`, errors });
}

function fieldErrors(issue: z.core.$ZodIssue): FieldError[] {
  const path = issue.path.join(".");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: path === "" ? key : `${path}.${key}`, message: "is not known here" }));
  }
  return [{ path, message: issue.message }];
}
