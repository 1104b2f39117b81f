import type { Header, Message } from "@postern/protocol";
import type { Cache } from "@postern/store";
import type { Structure } from "../../imap/session.ts";
import {
  chooseBody,
  decodeHeaders,
  decodeText,
  rawHeaders,
  referencesOf,
  sanitizeHtml,
  snippetOf,
  textOfHtml,
} from "../content/index.ts";
import type { OpenMailbox } from "../open-mailbox.ts";
import { type Facts, keep } from "./facts.ts";
import type { Needs } from "./needs.ts";
import { fetchSections, type SectionRequest, type Sections } from "./sections.ts";

/** What is made of a message's octets; empty where it was not asked for. */
export interface Body {
  text: string | null;
  html: string | null;
  headers: Header[];
  rawHeaders: string;
  references: string[];
  /** Names of fields that were cut. */
  truncated: (keyof Message)[];
}

/** Encoded octets of one part that one message gives; several messages share what a page may hold. */
const PART_LIMIT = 1 << 20;
const PAGE_LIMIT = 16 << 20;
const LEAST_LIMIT = 64 << 10;
const HEADER_LIMIT = 256 << 10;
/** Enough for a line of text, behind the quotes and mark-up that it may start with. */
const SNIPPET_TEXT_LIMIT = 4 << 10;
const SNIPPET_HTML_LIMIT = 32 << 10;

const HEADER = "HEADER";
const REFERENCES = "HEADER.FIELDS (REFERENCES)";

/** The bodies by UID, in as few FETCHes as there are shapes of messages. Adds snippets to the facts, and keeps them. */
export async function readBodies(
  cache: Cache,
  open: OpenMailbox,
  facts: Map<number, Facts>,
  needs: Needs,
): Promise<Map<number, Body>> {
  const limit = Math.max(LEAST_LIMIT, Math.min(PART_LIMIT, Math.floor(PAGE_LIMIT / Math.max(1, facts.size))));
  const plans = new Map([...facts].map(([uid, known]) => [uid, planOf(known, needs, limit)]));
  const requests = new Map([...plans].map(([uid, plan]) => [uid, plan.sections]));
  const sections = await fetchSections(open.session, requests);
  const bodies = new Map<number, Body>();
  const snippets: number[] = [];
  for (const [uid, known] of facts) {
    const plan = plans.get(uid);
    const octets = sections.get(uid);
    if (!plan || !octets) continue;
    bodies.set(uid, bodyOf(plan, octets, needs));
    if (!plan.snippet) continue;
    facts.set(uid, { ...known, snippet: snippetFrom(plan, octets) });
    snippets.push(uid);
  }
  await keep(cache, open, snippets, facts);
  return bodies;
}

/** Which parts of a message are read. */
interface Plan {
  text: Structure[];
  html: Structure[];
  snippet: boolean;
  sections: SectionRequest[];
  limit: number;
}

function planOf({ structure, snippet }: Facts, needs: Needs, limit: number): Plan {
  const body = structure ? chooseBody(structure) : { text: [], html: [] };
  const makesSnippet = needs.snippet && snippet === undefined;
  const isHtmlOnly = body.text.length === 0;
  const readsHtml = needs.html || (needs.text && isHtmlOnly);
  const plan: Plan = { ...body, snippet: makesSnippet, sections: [], limit };
  if (needs.header === "whole") plan.sections.push({ section: HEADER, limit: HEADER_LIMIT });
  if (needs.header === "references") plan.sections.push({ section: REFERENCES, limit: HEADER_LIMIT });
  const read = (parts: readonly Structure[], octets: number): void => {
    for (const { part, size } of parts) plan.sections.push({ section: part, limit: octets, size });
  };
  if (needs.text) read(body.text, limit);
  else if (makesSnippet) read(body.text.slice(0, 1), SNIPPET_TEXT_LIMIT);
  if (readsHtml) read(body.html, limit);
  else if (makesSnippet && isHtmlOnly) read(body.html.slice(0, 1), SNIPPET_HTML_LIMIT);
  return plan;
}

function bodyOf(plan: Plan, octets: Sections, needs: Needs): Body {
  const header = octets.get(HEADER) ?? octets.get(REFERENCES) ?? new Uint8Array(0);
  const cut = new Set<keyof Message>();
  const html = needs.html ? htmlOf(plan, octets, cut) : null;
  const text = needs.text ? textOf(plan, octets, cut) : null;
  if (header.length >= HEADER_LIMIT) for (const name of needs.headerFields) cut.add(name);
  return {
    text,
    html,
    headers: needs.header === "whole" ? decodeHeaders(header) : [],
    rawHeaders: needs.header === "whole" ? rawHeaders(header) : "",
    references: needs.header === "none" ? [] : referencesOf(header),
    truncated: [...cut],
  };
}

function textOf({ text, html, limit }: Plan, octets: Sections, cut: Set<keyof Message>): string | null {
  const parts = text.length > 0 ? text : html;
  if (parts.length === 0) return null;
  if (parts.some(({ size }) => size > limit)) cut.add("text");
  return parts.map((part) => decoded(part, octets)).join("\n");
}

/** HTML is shown as text where there is nothing else. */
function decoded(part: Structure, octets: Sections): string {
  const text = decodeText(octets.get(part.part) ?? new Uint8Array(0), part);
  return part.type === "text/html" ? textOfHtml(text) : text;
}

function htmlOf({ html, limit }: Plan, octets: Sections, cut: Set<keyof Message>): string | null {
  if (html.length === 0) return null;
  return html
    .map((part) => {
      const safe = sanitizeHtml(decodeText(octets.get(part.part) ?? new Uint8Array(0), part));
      if (safe.isCut || part.size > limit) cut.add("html");
      return safe.html;
    })
    .join("\n");
}

/** Of the same octets whatever else was read with them: it is kept. */
function snippetFrom({ text, html }: Plan, octets: Sections): string | null {
  const [part] = text.length > 0 ? text : html;
  if (!part) return null;
  const start = (octets.get(part.part) ?? new Uint8Array(0)).subarray(
    0,
    text.length > 0 ? SNIPPET_TEXT_LIMIT : SNIPPET_HTML_LIMIT,
  );
  return snippetOf(decoded(part, new Map([[part.part, start]])));
}
