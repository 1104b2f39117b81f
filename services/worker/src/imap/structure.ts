import { MAX_DEPTH, MAX_PARTS } from "../mail/content/index.ts";
import { plainText, decodedText } from "./field.ts";
import { listOf, numberOf, octetsOf, type Value } from "./response.ts";
import type { Structure } from "./session.ts";
import { readParameters } from "./parameters.ts";

/**
 * BODYSTRUCTURE (RFC 9051 section 7.5.2) with part numbers (section 6.4.5). Where a server could not make one (NIL), the
 * message is taken for what it is without MIME: plain text (RFC 2045 section 5.2).
 */
export function readStructure(value: Value | undefined): Structure {
  return new Walk().message(listOf(value), "", 0);
}

class Walk {
  private parts = 0;

  /** A message's own structure: a multipart has no number of its own, a single part has `1`. */
  message(fields: Value[], prefix: string, depth: number): Structure {
    const isMultipart = Array.isArray(fields[0]);
    return this.part(fields, isMultipart ? prefix : inside(prefix, 1), depth);
  }

  private part(fields: Value[], number: string, depth: number): Structure {
    this.parts += 1;
    return Array.isArray(fields[0]) ? this.multipart(fields, number, depth) : this.leaf(fields, number, depth);
  }

  private multipart(fields: Value[], number: string, depth: number): Structure {
    const end = fields.findIndex((field) => !Array.isArray(field));
    const bodies = end < 0 ? fields : fields.slice(0, end);
    const [subtype, parameters, disposition] = fields.slice(bodies.length);
    const children: Structure[] = [];
    for (const [index, body] of bodies.entries()) {
      if (!this.hasRoom(depth)) break;
      children.push(this.part(listOf(body), inside(number, index + 1), depth + 1));
    }
    return {
      ...empty(number),
      type: `multipart/${lower(subtype) || "mixed"}`,
      parameters: readParameters(parameters),
      ...readDisposition(disposition),
      children,
    };
  }

  private leaf(fields: Value[], number: string, depth: number): Structure {
    const type = `${lower(fields[0]) || "text"}/${lower(fields[1]) || "plain"}`;
    const nested = isMessage(type, fields) ? listOf(fields[8]) : null;
    return {
      ...empty(number),
      type,
      parameters: readParameters(fields[2]),
      contentId: plainText(fields[3])?.trim() || null,
      description: decodedText(fields[4]),
      encoding: lower(fields[5]) || "7bit",
      size: numberOf(fields[6]) ?? 0,
      ...readDisposition(fields[extensionAt(type, fields) + 1]),
      children: nested && this.hasRoom(depth) ? [this.message(nested, number, depth + 1)] : [],
    };
  }

  private hasRoom(depth: number): boolean {
    return this.parts < MAX_PARTS && depth < MAX_DEPTH;
  }
}

function inside(number: string, index: number): string {
  return number === "" ? `${index}` : `${number}.${index}`;
}

/** With an envelope and a body: a server may see no message in what calls itself one, such as an encoded one. */
function isMessage(type: string, fields: Value[]): boolean {
  return /^message\/(rfc822|global)$/.test(type) && Array.isArray(fields[7]) && Array.isArray(fields[8]);
}

/** Where MD5 is, the first of the extension data; the disposition follows it. */
function extensionAt(type: string, fields: Value[]): number {
  if (isMessage(type, fields)) return 10;
  return type.startsWith("text/") && numberOf(fields[7]) !== null ? 8 : 7;
}

function empty(part: string): Structure {
  return {
    part,
    type: "",
    parameters: {},
    disposition: null,
    dispositionParameters: {},
    contentId: null,
    encoding: "7bit",
    size: 0,
    description: null,
    children: [],
  };
}

function readDisposition(value: Value | undefined): Pick<Structure, "disposition" | "dispositionParameters"> {
  const [kind, parameters] = Array.isArray(value) ? value : [value];
  return { disposition: lower(kind) || null, dispositionParameters: readParameters(parameters) };
}

function lower(value: Value | undefined): string {
  return octetsOf(value)?.slice(0, 200).trim().toLowerCase() ?? "";
}
