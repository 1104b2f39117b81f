import addFormats from "ajv-formats";
import { Ajv2020 } from "ajv/dist/2020.js";

/** What went over the wire, as far as a description has a say in it. */
export interface Exchange {
  method: string;
  /** With its query. */
  path: string;
  status: number;
  headers: Record<string, string | string[] | undefined>;
  bytes: Buffer;
}

interface Reference {
  $ref?: string;
}
interface Field extends Reference {
  required?: boolean;
}
interface Response extends Reference {
  headers?: Record<string, Field>;
  content?: Record<string, unknown>;
}
interface Operation {
  security?: Record<string, string[]>[];
  parameters?: { name: string; in: string }[];
  responses: Record<string, Response>;
}
interface OpenApi {
  paths: Record<string, Record<string, Operation>>;
}

/** A thing of the document and where it is. */
interface Found<T> {
  at: string;
  thing: T;
}

/** Fields that belong to connections, to representations whatever they are, and to browsers' rules. */
const general =
  /^(connection|keep-alive|transfer-encoding|date|content-type|content-length|vary|allow|access-control-.*)$/;

/** Holds answers to what an OpenAPI document says of them: whatever it does not say is a violation. */
export class Description {
  private readonly document: OpenApi;
  private readonly ajv = addFormats.default(new Ajv2020({ strict: false, allErrors: true }));
  private readonly paths: { template: string; pattern: RegExp }[];

  constructor(text: string) {
    this.document = JSON.parse(text) as OpenApi;
    this.ajv.addSchema(this.document, "openapi");
    const byPreference = Object.keys(this.document.paths).sort((a, b) => variables(a) - variables(b));
    this.paths = byPreference.map((template) => ({
      template,
      pattern: new RegExp(`^${template.replace(/[.+*?^$()|[\]\\]/g, "\\$&").replace(/\{\w+\}/g, "[^/]+")}/?$`),
    }));
  }

  /** What is not as the document says. */
  violations(exchange: Exchange): string[] {
    const operation = this.operation(exchange);
    if (!operation) return this.nowhere(exchange);
    const response = operation.thing.responses[exchange.status];
    if (!response) return [`status ${exchange.status} is not documented`];
    const found = this.follow(response, `${operation.at}/responses/${exchange.status}`);
    return [
      ...undocumentedQuery(operation.thing, exchange),
      ...this.wrongFields(found, exchange),
      ...this.wrongContent(found, exchange),
    ];
  }

  /** OpenAPI 3.1 has no QUERY: it is described in the prose of the search, whose body and answer it shares. */
  private operation({ method, path }: Exchange): Found<Operation> | null {
    const isQuery = method === "QUERY";
    const wanted = path.replace(/\?.*$/s, "").replace(/\/$/, "") + (isQuery ? "/search" : "");
    const verb = isQuery ? "post" : method.toLowerCase();
    for (const { template, pattern } of this.paths) {
      const thing = this.document.paths[template]?.[verb];
      if (thing && pattern.test(wanted)) return { thing, at: `/paths/${escaped(template)}/${verb}` };
    }
    return null;
  }

  /** A path or a method that the document does not have can have no other answer than that it is not there. */
  private nowhere({ status, headers, bytes, method }: Exchange): string[] {
    if (![400, 401, 404, 405].includes(status)) return [`${method} is not documented for this path`];
    if (status === 405 && headers.allow === undefined) return ["405 does not say what is allowed"];
    if (essence(headers) !== "application/problem+json") return ["the answer is no problem document"];
    return method === "HEAD" ? [] : this.wrongJson("/components/schemas/Problem", bytes);
  }

  private wrongFields({ thing, at }: Found<Response>, { headers }: Exchange): string[] {
    const documented = new Map(Object.entries(thing.headers ?? {}).map(([name, field]) => [name.toLowerCase(), field]));
    const undocumented = Object.keys(headers).filter((name) => !documented.has(name) && !general.test(name));
    const wrong = Object.keys(thing.headers ?? {}).flatMap((name) => {
      const field = this.follow(documented.get(name.toLowerCase()) ?? {}, `${at}/headers/${escaped(name)}`);
      const value = headers[name.toLowerCase()];
      if (value === undefined) return field.thing.required ? [`the field ${name} is missing`] : [];
      return this.invalid(`${field.at}/schema`, value).map((what) => `the field ${name} ${what}`);
    });
    return [...undocumented.map((name) => `the field ${name} is not documented`), ...wrong];
  }

  private wrongContent({ thing, at }: Found<Response>, { method, headers, bytes }: Exchange): string[] {
    if (method === "HEAD" || thing.content === undefined) {
      return bytes.length === 0 ? [] : ["there is content where none is documented"];
    }
    const type = essence(headers);
    const name = [type, type.replace(/\/.*$/s, "/*"), "*/*"].find((each) => thing.content?.[each] !== undefined);
    if (name === undefined) return [`content of type ${type || "none"} is not documented`];
    return /[/+]json$/.test(name) ? this.wrongJson(`${at}/content/${escaped(name)}/schema`, bytes) : [];
  }

  private wrongJson(at: string, bytes: Buffer): string[] {
    return this.invalid(at, JSON.parse(bytes.toString()));
  }

  private invalid(at: string, value: unknown): string[] {
    const validate = this.ajv.getSchema(`openapi#${at}`);
    if (!validate) throw new Error(`there is no schema at ${at}`);
    if (validate(value) === true) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath || "itself"} ${message} ${JSON.stringify(params)}`,
    );
  }

  private follow<T extends Reference>(thing: T, at: string): Found<T> {
    if (thing.$ref === undefined) return { thing, at };
    const target = thing.$ref.slice(1);
    let found: unknown = this.document;
    for (const step of target.split("/").slice(1)) found = (found as Record<string, unknown>)[step];
    return { thing: found as T, at: target };
  }
}

/** Whoever was answered had asked in documented words. */
function undocumentedQuery({ parameters = [], security = [] }: Operation, { path, status }: Exchange): string[] {
  if (status >= 400) return [];
  const known = new Set(parameters.filter((each) => each.in === "query").map(({ name }) => name));
  if (security.some((scheme) => "ticket" in scheme)) known.add("ticket");
  const asked = new URL(path, "http://unused").searchParams.keys();
  const names = [...asked].map((name) => name.replace(/\[.*\]$/s, ""));
  return names.filter((name) => !known.has(name)).map((name) => `the parameter ${name} is not documented`);
}

function essence(headers: Exchange["headers"]): string {
  return String(headers["content-type"] ?? "")
    .replace(/;.*$/s, "")
    .trim();
}

const variables = (template: string): number => template.split("{").length;
const escaped = (step: string): string => encodeURIComponent(step.replaceAll("~", "~0").replaceAll("/", "~1"));
