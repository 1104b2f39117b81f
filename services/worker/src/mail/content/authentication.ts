import type { Authentication, AuthenticationVerdict } from "@postern/protocol";
import { fieldsOf } from "./headers.ts";

type Field = ReturnType<typeof fieldsOf>[number];

/** What one Authentication-Results field says (RFC 8601 section 2.2). */
interface Results {
  server: string;
  methods: { method: string; result: string; properties: Map<string, string> }[];
}

const MOST_METHODS = 50;

/**
 * What the receiving server found out about who sent the message. Anybody can write such a field into a message, but nobody
 * above the Received of the server that takes it in: fields that stand there count. Further down only those count whose
 * server the operator trusts to take away what others wrote in its name (RFC 8601 section 5).
 */
export function authenticationOf(header: Uint8Array, trusted: readonly string[]): Authentication | null {
  const fields = fieldsOf(header);
  const received = fields.findIndex(({ name }) => name.toLowerCase() === "received");
  const isOurs = new Set(trusted.map((server) => server.toLowerCase()));
  const all = fields.flatMap((field, index) => {
    const results = resultsIn(field);
    if (!results) return [];
    return (received >= 0 && index < received) || isOurs.has(results.server) ? [results] : [];
  });
  const [top] = all;
  if (!top) return null;
  // One server may write a field for each of its filters.
  const methods = all.filter(({ server }) => server === top.server).flatMap((each) => each.methods);
  const first = (name: string): AuthenticationVerdict | null =>
    verdictOf(methods.find(({ method }) => method === name));
  return {
    server: top.server,
    spf: first("spf"),
    dkim: methods.filter(({ method }) => method === "dkim").flatMap((each) => verdictOf(each) ?? []),
    dmarc: first("dmarc"),
  };
}

function verdictOf(found: Results["methods"][number] | undefined): AuthenticationVerdict | null {
  if (!found) return null;
  const { result, properties } = found;
  const domain =
    properties.get("header.d") ??
    properties.get("header.i") ??
    properties.get("header.from") ??
    properties.get("smtp.mailfrom") ??
    properties.get("smtp.helo");
  return { result, domain: domain === undefined ? null : domain.replace(/^.*@/s, "").toLowerCase() || null };
}

function resultsIn({ name, value }: Field): Results | null {
  if (name.toLowerCase() !== "authentication-results") return null;
  const [head = "", ...rest] = split(withoutComments(value.slice(0, 16_000)));
  const server = unquoted(head.trim().split(/\s+/)[0] ?? "").toLowerCase();
  if (server === "" || server.includes("=")) return null;
  return { server, methods: rest.slice(0, MOST_METHODS).flatMap(methodIn) };
}

/** `spf=pass reason="…" smtp.mailfrom=example.org` */
function methodIn(text: string): Results["methods"] {
  const pairs = [...text.matchAll(/(?<![a-z0-9._/-])([a-z][a-z0-9._/-]*)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;]+)/gi)];
  const [first, ...others] = pairs;
  const method = first?.[1]?.toLowerCase().replace(/\/.*$/, "");
  const result = unquoted(first?.[2] ?? "").toLowerCase();
  if (method === undefined || !/^[a-z]{1,20}$/.test(result)) return [];
  const properties = new Map(others.map(([, name = "", value = ""]) => [name.toLowerCase(), unquoted(value)]));
  return [{ method, result, properties }];
}

function unquoted(text: string): string {
  return text.startsWith('"') ? text.slice(1, -1).replace(/\\(.)/gs, "$1") : text;
}

/** Comments nest (RFC 5322 section 3.2.2), and are not within quotes. */
function withoutComments(text: string): string {
  let depth = 0;
  let isQuoted = false;
  let plain = "";
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === "\\") {
      if (depth === 0) plain += text.slice(at, at + 2);
      at += 1;
    } else if (depth === 0 && character === '"') {
      isQuoted = !isQuoted;
      plain += character;
    } else if (!isQuoted && character === "(") depth += 1;
    else if (!isQuoted && depth > 0 && character === ")") depth -= 1;
    else if (depth === 0) plain += character;
  }
  return plain;
}

function split(text: string): string[] {
  return text.match(/(?:"(?:[^"\\]|\\.)*"|[^;"])+/g) ?? [];
}
