import type { Authentication, CalendarInvite, Header, ListUnsubscribe, Message } from "@postern/protocol";
import type { Structure } from "../../imap/session.ts";
import {
  authenticationOf,
  chooseBody,
  decodeHeaders,
  decodeText,
  htmlOfText,
  invitesOf,
  leavesOf,
  listUnsubscribeOf,
  rawHeaders,
  referencesOf,
  replyTextOf,
  sanitizeHtml,
  snippetOf,
  textOfHtml,
} from "../content/index.ts";
import type { OpenMailbox } from "../open-mailbox.ts";
import type { FactStore } from "./fact-store.ts";
import { type Facts, keep } from "./facts.ts";
import type { Known } from "./known.ts";
import type { Needs } from "./needs.ts";
import { fetchSections, type SectionRequest, type Sections } from "./sections.ts";

/** What is made of a message's octets; empty where it was not asked for. */
export interface Body {
  text: string | null;
  html: string | null;
  headers: Header[];
  rawHeaders: string;
  references: string[];
  replyText: string | null;
  authentication: Authentication | null;
  listUnsubscribe: ListUnsubscribe | null;
  calendarInvites: CalendarInvite[];
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
const TRACES = "HEADER.FIELDS (AUTHENTICATION-RESULTS RECEIVED LIST-UNSUBSCRIBE LIST-UNSUBSCRIBE-POST)";
/** Calendars of one message, and encoded octets of each. */
const MOST_CALENDARS = 4;
const CALENDAR_LIMIT = 256 << 10;

/** The bodies by UID, in as few FETCHes as there are shapes of messages. Adds snippets to the facts, and keeps them. */
export async function readBodies(
  store: FactStore,
  open: OpenMailbox,
  known: Map<number, Known>,
  needs: Needs,
  trusted: readonly string[],
): Promise<Map<number, Body>> {
  const limit = Math.max(LEAST_LIMIT, Math.min(PART_LIMIT, Math.floor(PAGE_LIMIT / Math.max(1, known.size))));
  const plans = new Map([...known].map(([uid, { facts }]) => [uid, planOf(facts, needs, limit)]));
  const requests = new Map([...plans].map(([uid, plan]) => [uid, plan.sections]));
  const sections = await fetchSections(open.session, requests);
  const bodies = new Map<number, Body>();
  const snippets: number[] = [];
  for (const [uid, each] of known) {
    const plan = plans.get(uid);
    const octets = sections.get(uid);
    if (!plan || !octets) continue;
    bodies.set(uid, bodyOf(plan, octets, needs, trusted));
    if (!plan.makesSnippet) continue;
    known.set(uid, each.with({ snippet: snippetFrom(plan, octets) }));
    snippets.push(uid);
  }
  keep(store, open, snippets, known);
  return bodies;
}

/** Which parts of a message are read. */
interface Plan {
  text: Structure[];
  /** Empty where there is no HTML. */
  html: Structure[];
  makesSnippet: boolean;
  /** What the snippet is made of, if there is anything. */
  snippet: Structure | null;
  /** Parts that are left out altogether. */
  isCut: { text: boolean; html: boolean };
  calendars: Structure[];
  sections: SectionRequest[];
  limit: number;
}

function planOf({ structure, snippet }: Facts, needs: Needs, limit: number): Plan {
  const body = structure ? chooseBody(structure) : { text: [], html: [] };
  const text = within(body.text, limit);
  const html = body.html.some(({ type }) => type === "text/html") ? within(body.html, limit) : [];
  const makesSnippet = needs.snippet && snippet === undefined;
  const isCut = { text: text.length < body.text.length, html: html.length > 0 && html.length < body.html.length };
  const plan: Plan = {
    text,
    html,
    makesSnippet,
    snippet: makesSnippet ? firstOf(text) : null,
    isCut,
    calendars: needs.calendarInvites && structure ? calendarsOf(structure) : [],
    sections: [],
    limit,
  };
  if (needs.header === "whole") plan.sections.push({ section: HEADER, limit: HEADER_LIMIT });
  if (needs.header === "references") plan.sections.push({ section: REFERENCES, limit: HEADER_LIMIT });
  if ((needs.authentication || needs.listUnsubscribe) && needs.header !== "whole")
    plan.sections.push({ section: TRACES, limit: HEADER_LIMIT });
  for (const { part, size } of plan.calendars) plan.sections.push({ section: part, limit: CALENDAR_LIMIT, size });
  const read = new Set([...(needs.text || needs.replyText ? text : []), ...(needs.html ? html : [])]);
  for (const { part, size } of read) plan.sections.push({ section: part, limit, size });
  if (plan.snippet && !read.has(plan.snippet)) {
    const { part, size } = plan.snippet;
    plan.sections.push({ section: part, limit: snippetLimit(plan.snippet), size });
  }
  return plan;
}

/** As many parts as it takes to reach what one message gives. */
function within(parts: readonly Structure[], limit: number): Structure[] {
  let octets = 0;
  return parts.filter(({ size }) => {
    const fits = octets < limit;
    octets += size;
    return fits;
  });
}

/** Some mail programs put a line end where a text would be. */
function firstOf(parts: readonly Structure[]): Structure | null {
  return parts.find(({ size }) => size > 4) ?? parts[0] ?? null;
}

function snippetLimit({ type }: Structure): number {
  return type === "text/html" ? SNIPPET_HTML_LIMIT : SNIPPET_TEXT_LIMIT;
}

function bodyOf(plan: Plan, octets: Sections, needs: Needs, trusted: readonly string[]): Body {
  const header = octets.get(HEADER) ?? octets.get(REFERENCES) ?? nothing;
  const traces = octets.get(HEADER) ?? octets.get(TRACES) ?? nothing;
  const cut = new Set<keyof Message>();
  const html = needs.html ? htmlOf(plan, octets, cut) : null;
  const text = needs.text ? textOf(plan, octets, cut) : null;
  const replyText = needs.replyText ? replyOf(plan, octets, cut) : null;
  if (header.length >= HEADER_LIMIT) for (const name of needs.headerFields) cut.add(name);
  return {
    text,
    html,
    headers: needs.header === "whole" ? decodeHeaders(header) : [],
    rawHeaders: needs.header === "whole" ? rawHeaders(header) : "",
    references: needs.header === "none" ? [] : referencesOf(header),
    replyText,
    authentication: needs.authentication ? authenticationOf(traces, trusted) : null,
    listUnsubscribe: needs.listUnsubscribe ? listUnsubscribeOf(traces) : null,
    calendarInvites: invitesIn(plan, octets, cut),
    truncated: [...cut],
  };
}

const nothing = new Uint8Array(0);

function replyOf(plan: Plan, octets: Sections, cut: Set<keyof Message>): string | null {
  const isCut = new Set<keyof Message>();
  const text = textOf(plan, octets, isCut);
  if (isCut.size > 0) cut.add("replyText");
  return text === null ? null : replyTextOf(text);
}

function invitesIn({ calendars }: Plan, octets: Sections, cut: Set<keyof Message>): CalendarInvite[] {
  return calendars.flatMap((part) => {
    if (part.size > CALENDAR_LIMIT) cut.add("calendarInvites");
    return invitesOf(part.part, decoded(part, octets), part.parameters.method ?? null);
  });
}

/** Each once: mail programs put the same calendar beside the text and into a file. */
function calendarsOf(structure: Structure): Structure[] {
  const found = leavesOf(structure).map((leaf) => leaf.structure);
  return found.filter(({ type }) => type === "text/calendar" || type === "application/ics").slice(0, MOST_CALENDARS);
}

function textOf({ text, isCut, limit }: Plan, octets: Sections, cut: Set<keyof Message>): string | null {
  if (text.length === 0) return null;
  if (isCut.text || text.some(({ size }) => size > limit)) cut.add("text");
  return text.map((part) => shown(part, octets)).join("\n");
}

/** HTML is shown as text where there is nothing else. */
function shown(part: Structure, octets: Sections): string {
  const text = decoded(part, octets);
  return part.type === "text/html" ? textOfHtml(text) : text;
}

function decoded(part: Structure, octets: Sections): string {
  return decodeText(octets.get(part.part) ?? new Uint8Array(0), part);
}

function htmlOf({ html, isCut, limit }: Plan, octets: Sections, cut: Set<keyof Message>): string | null {
  if (html.length === 0) return null;
  if (isCut.html || html.some(({ size }) => size > limit)) cut.add("html");
  return html
    .map((part) => {
      const text = decoded(part, octets);
      if (part.type !== "text/html") return htmlOfText(text);
      const safe = sanitizeHtml(text);
      if (safe.isCut) cut.add("html");
      return safe.html;
    })
    .join("\n");
}

/** Of the same octets whatever else was read with them: it is kept. */
function snippetFrom({ snippet }: Plan, octets: Sections): string | null {
  if (!snippet) return null;
  const start = (octets.get(snippet.part) ?? new Uint8Array(0)).subarray(0, snippetLimit(snippet));
  return snippetOf(shown(snippet, new Map([[snippet.part, start]])));
}
