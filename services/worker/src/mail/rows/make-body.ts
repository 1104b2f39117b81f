import type { Authentication, CalendarInvite, Header, ListUnsubscribe, Message } from "@postern/protocol";
import type { Structure } from "../../imap/session.ts";
import {
  authenticationOf,
  decodeHeaders,
  decodeText,
  htmlOfText,
  invitesOf,
  listUnsubscribeOf,
  rawHeaders,
  referencesOf,
  replyTextOf,
  sanitizeHtml,
  sanitizeMarking,
  snippetOf,
  textOfHtml,
} from "../content/index.ts";
import type { Needs } from "./needs.ts";
import type { SectionRequest, Sections } from "./sections.ts";

/** What is made of a message's octets; empty where it was not asked for. */
export interface Body {
  text: string | null;
  html: string | null;
  markedHtml: string | null;
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

export const HEADER_LIMIT = 256 << 10;
export const CALENDAR_LIMIT = 256 << 10;
/** Enough for a line of text, behind the quotes and mark-up that it may start with. */
const SNIPPET_TEXT_LIMIT = 4 << 10;
const SNIPPET_HTML_LIMIT = 32 << 10;

export const HEADER = "HEADER";
export const REFERENCES = "HEADER.FIELDS (REFERENCES)";
export const TRACES = "HEADER.FIELDS (AUTHENTICATION-RESULTS RECEIVED LIST-UNSUBSCRIBE LIST-UNSUBSCRIBE-POST)";

/** Which parts of a message are read. */
export interface Plan {
  text: Structure[];
  /** Empty where there is no HTML. */
  html: Structure[];
  makesSnippet: boolean;
  /** What the snippet is made of, if there is anything. */
  snippet: Structure | null;
  /** Parts that are left out altogether. */
  isCut: { text: boolean; html: boolean; parts: boolean };
  calendars: Structure[];
  sections: SectionRequest[];
  limit: number;
}

/** All that a message is made of. Nothing else is looked at, so that it can be made anywhere. */
export interface Makings {
  plan: Plan;
  octets: Sections;
  needs: Needs;
  trusted: readonly string[];
}

/** What came of it; `snippet` is there where the plan says so. */
export interface Made {
  body: Body;
  snippet?: string | null;
}

export function makeBody(makings: Makings): Made {
  const { plan, octets } = makings;
  return { body: bodyOf(makings), ...(plan.makesSnippet && { snippet: snippetFrom(plan, octets) }) };
}

/** Octets of each section of what takes too long to make whole: as little as never does. */
const SURE_LIMIT = 8 << 10;

/** Of the beginnings alone, without calendars, and marked so. */
export function makeBeginning(makings: Makings): Made {
  const { plan, needs } = makings;
  const octets = new Map([...makings.octets].map(([name, each]) => [name, each.subarray(0, SURE_LIMIT)]));
  const { body } = makeBody({ ...makings, plan: { ...plan, makesSnippet: false, calendars: [] }, octets });
  const made = ["text", "html", "replyText", "calendarInvites"] as const;
  const cut = [
    ...made.filter((field) => needs[field]),
    ...(needs.markedHtml ? ["html" as const] : []),
    ...needs.headerFields,
  ];
  return {
    body: { ...body, truncated: [...new Set([...body.truncated, ...cut])] },
    ...(plan.makesSnippet && { snippet: snippetFrom(plan, makings.octets) }),
  };
}

export function snippetLimit({ type }: Structure): number {
  return type === "text/html" ? SNIPPET_HTML_LIMIT : SNIPPET_TEXT_LIMIT;
}

function bodyOf({ plan, octets, needs, trusted }: Makings): Body {
  const header = octets.get(HEADER) ?? octets.get(REFERENCES) ?? nothing;
  const traces = octets.get(HEADER) ?? octets.get(TRACES) ?? nothing;
  const cut = new Set<keyof Message>();
  const html = needs.html ? htmlOf(plan, octets, cut, sanitizeHtml) : null;
  const markedHtml = needs.markedHtml ? htmlOf(plan, octets, cut, sanitizeMarking) : null;
  const text = needs.text ? textOf(plan, octets, cut) : null;
  const replyText = needs.replyText ? replyOf(plan, octets, cut) : null;
  if (plan.isCut.parts) for (const name of needs.partFields) cut.add(name);
  if (header.length >= HEADER_LIMIT) for (const name of needs.headerFields) cut.add(name);
  return {
    text,
    html,
    markedHtml,
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

function htmlOf(
  { html, isCut, limit }: Plan,
  octets: Sections,
  cut: Set<keyof Message>,
  sanitize: typeof sanitizeHtml,
): string | null {
  if (html.length === 0) return null;
  if (isCut.html || html.some(({ size }) => size > limit)) cut.add("html");
  return html
    .map((part) => {
      const text = decoded(part, octets);
      if (part.type !== "text/html") return htmlOfText(text);
      const safe = sanitize(text);
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
