import fc, { type Arbitrary } from "fast-check";

/** As much of JSON Schema as an OpenAPI document of ours has. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  format?: string;
  pattern?: string;
}

const DEEPEST = 5;

/** What callers send who do not read documents: wrong types, text in every script, controls, what means something elsewhere. */
const nonsense: Arbitrary<unknown> = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.constantFrom(
    "",
    "null",
    "../../etc/passwd",
    "%00",
    "a\r\nX: b",
    "{}",
    "[]",
    "-1",
    "1e9",
    "\\Seen",
    "*",
    "(",
    '"',
    "💌",
    "\u0000",
  ),
  fc.integer(),
  fc.double(),
  fc.constantFrom(null, true, [], {}, [[[]]], { __proto__: null }),
);

/** Text for a place in a URL: what is there can only be text. */
export const nonsenseText: Arbitrary<string> = nonsense.map((value) =>
  typeof value === "string" ? value : JSON.stringify(value),
);

/** Makes values that a schema allows, mostly, and now and then others. `known`: text that is likely to mean something. */
export class Arbitraries {
  private readonly document: unknown;
  private readonly known: (name: string) => Arbitrary<string> | null;

  constructor(document: unknown, known: (name: string) => Arbitrary<string> | null) {
    this.document = document;
    this.known = known;
  }

  /** One value in eight is nonsense, at every depth. */
  of(schema: Schema, name: string, depth = 0): Arbitrary<unknown> {
    return fc.oneof(
      { weight: 7, arbitrary: this.right(this.follow(schema), name, depth) },
      { weight: 1, arbitrary: nonsense },
    );
  }

  private right(schema: Schema, name: string, depth: number): Arbitrary<unknown> {
    if (schema.const !== undefined) return fc.constant(schema.const);
    if (schema.enum) return fc.constantFrom(...schema.enum);
    const choices = schema.anyOf ?? schema.oneOf;
    if (choices) return fc.oneof(...choices.map((each) => this.right(this.follow(each), name, depth)));
    if (schema.allOf) return this.right(this.merged(schema.allOf), name, depth);
    const types = [schema.type ?? "object"].flat();
    return fc.oneof(...types.map((type) => this.typed(type, schema, name, depth)));
  }

  private typed(type: string, schema: Schema, name: string, depth: number): Arbitrary<unknown> {
    if (type === "null") return fc.constant(null);
    if (type === "boolean") return fc.boolean();
    if (type === "integer" || type === "number") {
      const [min, max] = [Math.max(schema.minimum ?? 0, -1e9), Math.min(schema.maximum ?? 1_000, 1e9)];
      return fc.integer({ min: Math.ceil(min), max: Math.max(Math.floor(max), Math.ceil(min)) });
    }
    if (type === "array") {
      const item = depth > DEEPEST || !schema.items ? nonsense : this.of(schema.items, name, depth + 1);
      return fc.array(item, {
        minLength: Math.min(schema.minItems ?? 0, 3),
        maxLength: Math.min(schema.maxItems ?? 4, 4),
      });
    }
    return type === "object" ? this.object(schema, depth) : this.text(schema, name);
  }

  private object({ properties = {}, required = [] }: Schema, depth: number): Arbitrary<unknown> {
    const members = Object.entries(properties).filter(([key]) => depth < DEEPEST || required.includes(key));
    const shape = Object.fromEntries(members.map(([key, each]) => [key, this.of(each, key, depth + 1)]));
    return fc.record(shape, { requiredKeys: required.filter((key) => key in shape) });
  }

  private text({ format, maxLength = 30 }: Schema, name: string): Arbitrary<string> {
    const usual = fc.string({ unit: "grapheme", maxLength: Math.min(maxLength, 60) });
    if (format === "date-time") return fc.date({ noInvalidDate: true }).map((date) => date.toISOString());
    if (format === "date") return fc.date({ noInvalidDate: true }).map((date) => date.toISOString().slice(0, 10));
    const known = this.known(name);
    return known ? fc.oneof({ weight: 4, arbitrary: known }, { weight: 1, arbitrary: usual }) : usual;
  }

  private merged(schemas: Schema[]): Schema {
    const all = schemas.map((each) => this.follow(each));
    const properties = Object.assign({}, ...all.map((each) => each.properties ?? {})) as Record<string, Schema>;
    return { type: "object", properties, required: all.flatMap((each) => each.required ?? []) };
  }

  private follow(schema: Schema): Schema {
    if (schema.$ref === undefined) return schema;
    const steps = schema.$ref.split("/").slice(1);
    let found: unknown = this.document;
    for (const step of steps)
      found = (found as Record<string, unknown>)[step.replaceAll("~1", "/").replaceAll("~0", "~")];
    return this.follow(found as Schema);
  }
}
