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
  const isOurs = new Set(trusted.map((server) => server.toLowerCase()));
  const all = hopsOf(fields).map((hop) => hop.flatMap((field) => resultsIn(field) ?? []));
  const received = all.length > 1 ? all[0] : [];
  const found = received?.length
    ? received
    : all.map((hop) => hop.filter(({ server }) => isOurs.has(server))).find(isAny);
  const top = found?.[0];
  if (!top) return null;
  // One server may write a field for each of its filters, all of them while it has the message.
  const methods = found.filter(({ server }) => server === top.server).flatMap((each) => each.methods);
  const first = (name: string): AuthenticationVerdict | null =>
    verdictOf(methods.find(({ method }) => method === name));
  return {
    server: top.server,
    spf: first("spf"),
    dkim: methods.filter(({ method }) => method === "dkim").flatMap((each) => verdictOf(each) ?? []),
    dmarc: first("dmarc"),
  };
}

const isAny = (list: readonly unknown[]): boolean => list.length > 0;

/** What each server wrote while it had the message, the last one first: each begins what is below with its Received. */
function hopsOf(fields: readonly Field[]): Field[][] {
  const hops: Field[][] = [[]];
  for (const field of fields)
    if (field.name.toLowerCase() === "received") hops.push([]);
    else hops.at(-1)?.push(field);
  return hops;
}

/** Whom each method is about; what else is told beside it is not what it looked at. */
const subjects: Record<string, string[]> = {
  spf: ["smtp.mailfrom", "smtp.helo"],
  dkim: ["header.d", "header.i"],
  dmarc: ["header.from"],
};

function verdictOf(found: Results["methods"][number] | undefined): AuthenticationVerdict | null {
  if (!found) return null;
  const { method, result, properties } = found;
  const told = subjects[method]?.map((name) => properties.get(name)).find((each) => each !== undefined);
  const domain = told?.replace(/^.*@/s, "").toLowerCase() ?? "";
  return { result, domain: /^[^\s\p{Cc}@]{1,255}$/u.test(domain) ? domain : null };
}

function resultsIn({ name, value }: Field): Results | null {
  if (name.toLowerCase() !== "authentication-results") return null;
  const [head = "", ...rest] = split(withoutComments(value.slice(0, 16_000)));
  const [id = "", version = "1", ...more] = head.trim().split(/\s+/);
  const server = unquoted(id).toLowerCase();
  // RFC 8601 section 2.2: what is of another version cannot be understood.
  if (server === "" || server.includes("=") || version !== "1" || more.length > 0) return null;
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

/** Up to a quotation that does not end: what stands there may be the sender's words. */
function split(text: string): string[] {
  const whole = /^(?:"(?:[^"\\]|\\.)*"|[^"])*/.exec(text)?.[0] ?? "";
  const all = whole.match(/(?:"(?:[^"\\]|\\.)*"|[^;"])+/g) ?? [];
  return whole.length < text.length ? all.slice(0, -1) : all;
}
