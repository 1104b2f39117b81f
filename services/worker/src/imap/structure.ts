import libmime from "libmime";
import { listOf, numberOf, octetsOf, type Value } from "./response.ts";
import type { Structure } from "./session.ts";
import { decodeWords } from "../mail/content/index.ts";

/** Parts beyond this many are left out: nobody made such a message to be read. */
const MAX_PARTS = 2_000;

/**
 * BODYSTRUCTURE (RFC 9051 section 7.5.2) with part numbers (section 6.4.5). Where a server could not make one (NIL), the
 * message is taken for what it is without MIME: plain text (RFC 2045 section 5.2).
 */
export function readStructure(value: Value | undefined): Structure {
  return new Walk().root(listOf(value), "");
}

class Walk {
  private parts = 0;

  /** A message's own structure: a multipart has no number of its own, a single part has `1`. */
  root(fields: Value[], prefix: string): Structure {
    const isMultipart = Array.isArray(fields[0]);
    return isMultipart ? this.multipart(fields, prefix) : this.leaf(fields, prefix === "" ? "1" : `${prefix}.1`);
  }

  private part(fields: Value[], number: string): Structure {
    return Array.isArray(fields[0]) ? this.multipart(fields, number) : this.leaf(fields, number);
  }

  private multipart(fields: Value[], number: string): Structure {
    const count = fields.findIndex((field) => !Array.isArray(field));
    const bodies = fields.slice(0, count < 0 ? fields.length : count);
    const rest = fields.slice(bodies.length);
    const children: Structure[] = [];
    for (const [index, body] of bodies.entries()) {
      this.parts += 1;
      if (this.parts > MAX_PARTS) break;
      children.push(this.part(listOf(body), number === "" ? `${index + 1}` : `${number}.${index + 1}`));
    }
    return {
      ...empty(number),
      type: `multipart/${lower(rest[0]) || "mixed"}`,
      parameters: readParameters(rest[1]),
      ...readDisposition(rest[2]),
      children,
    };
  }

  private leaf(fields: Value[], number: string): Structure {
    const type = `${lower(fields[0]) || "text"}/${lower(fields[1]) || "plain"}`;
    const extensionAt = type === "message/rfc822" || type === "message/global" ? 10 : type.startsWith("text/") ? 8 : 7;
    const nested = extensionAt === 10 ? fields[8] : undefined;
    return {
      ...empty(number),
      type,
      parameters: readParameters(fields[2]),
      contentId: octetsOf(fields[3]),
      description: textOf(fields[4]),
      encoding: lower(fields[5]) || "7bit",
      size: numberOf(fields[6]) ?? 0,
      ...readDisposition(fields[extensionAt + 1]),
      children: Array.isArray(nested) && this.parts < MAX_PARTS ? [this.root(nested, number)] : [],
    };
  }
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
  const [kind, parameters] = listOf(value);
  return { disposition: lower(kind) || null, dispositionParameters: readParameters(parameters) };
}

/** Parameters in continuations and with charsets (RFC 2231) are put together; encoded words, which do not belong here, too. */
function readParameters(value: Value | undefined): Record<string, string> {
  const list = listOf(value);
  const raw: Record<string, string> = Object.create(null);
  for (let at = 0; at + 1 < list.length; at += 2) {
    const name = lower(list[at]);
    if (name !== "") raw[name] = octetsOf(list[at + 1]) ?? "";
  }
  return Object.keys(raw).some((name) => name.includes("*")) ? joined(raw) : decoded(raw);
}

function decoded(raw: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(raw).map(([name, value]) => [name, decodeWords(value)]));
}

function joined(raw: Record<string, string>): Record<string, string> {
  const header = Object.entries(raw)
    .map(([name, value]) => `; ${name}=${name.endsWith("*") ? value : `"${value.replace(/["\\]/g, "\\$&")}"`}`)
    .join("");
  try {
    return decoded(libmime.parseHeaderValue(`x${header}`).params);
  } catch {
    return decoded(raw);
  }
}

function lower(value: Value | undefined): string {
  return octetsOf(value)?.trim().toLowerCase() ?? "";
}

function textOf(value: Value | undefined): string | null {
  const octets = octetsOf(value);
  return octets === null ? null : decodeWords(octets);
}
