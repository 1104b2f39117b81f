import { type Call, remark } from "@postern/protocol";
import type { Structure } from "../../imap/session.ts";
import { chooseBody, leavesOf, mayHaveMoreParts } from "../content/index.ts";
import type { OpenMailbox } from "../open-mailbox.ts";
import type { Workshop } from "../ports.ts";
import type { FactStore } from "./fact-store.ts";
import { type Facts, keep } from "./facts.ts";
import type { Known } from "./known.ts";
import type { Needs } from "./needs.ts";
import {
  type Body,
  CALENDAR_LIMIT,
  HEADER,
  HEADER_LIMIT,
  type Made,
  makeBeginning,
  makeBody,
  type Makings,
  type Plan,
  REFERENCES,
  snippetLimit,
  TRACES,
} from "./make-body.ts";
import { fetchSections, type Sections } from "./sections.ts";

/** Encoded octets of one part that one message gives; several messages share what a page may hold. */
const PART_LIMIT = 1 << 20;
const PAGE_LIMIT = 16 << 20;
const LEAST_LIMIT = 64 << 10;
/** Calendars of one message. */
const MOST_CALENDARS = 4;
/**
 * Octets from which on a message is made where it holds nobody up. The worst that was found of this size took 60 ms of
 * this thread's time, while giving it away takes one.
 */
const LARGE = 32 << 10;
/** Octets after which everything else has its turn. */
const TURN = 64 << 10;

export interface Making {
  workshop: Workshop;
  needs: Needs;
  trusted: readonly string[];
  call: Call;
}

/** The bodies by UID, in as few FETCHes as there are shapes of messages. Adds snippets to the facts, and keeps them. */
export async function readBodies(
  store: FactStore,
  open: OpenMailbox,
  known: Map<number, Known>,
  making: Making,
): Promise<Map<number, Body>> {
  const limit = Math.max(LEAST_LIMIT, Math.min(PART_LIMIT, Math.floor(PAGE_LIMIT / Math.max(1, known.size))));
  const plans = new Map([...known].map(([uid, { facts }]) => [uid, planOf(facts, making.needs, limit)]));
  const requests = new Map([...plans].map(([uid, plan]) => [uid, plan.sections]));
  const made = await makeAll(plans, await fetchSections(open.session, requests), making);
  const bodies = new Map<number, Body>();
  const snippets: number[] = [];
  for (const [uid, each] of known) {
    const { body, snippet } = made.get(uid) ?? {};
    if (!body) continue;
    bodies.set(uid, body);
    if (snippet === undefined) continue;
    known.set(uid, each.with({ snippet }));
    snippets.push(uid);
  }
  keep(store, open, snippets, known);
  return bodies;
}

/** Small ones here, one after another; large ones at the same time, elsewhere. */
async function makeAll(
  plans: ReadonlyMap<number, Plan>,
  sections: ReadonlyMap<number, Sections>,
  { workshop, needs, trusted, call }: Making,
): Promise<Map<number, Made>> {
  const made = new Map<number, Made>();
  const large: Promise<unknown>[] = [];
  let sinceTurn = 0;
  for (const [uid, plan] of plans) {
    const octets = sections.get(uid);
    if (!octets) continue;
    const makings: Makings = { plan, octets, needs, trusted };
    const size = [...octets.values()].reduce((sum, { length }) => sum + length, 0);
    // What a calendar asks of the library that reads it, its size does not tell.
    if (size > LARGE || plan.calendars.length > 0) {
      large.push(makeElsewhere(workshop, makings, call).then((each) => made.set(uid, each)));
      continue;
    }
    sinceTurn += size;
    if (sinceTurn > TURN) {
      await workshop.turn();
      sinceTurn = size;
    }
    made.set(uid, makeBody(makings));
  }
  await Promise.all(large);
  return made;
}

async function makeElsewhere(workshop: Workshop, makings: Makings, call: Call): Promise<Made> {
  const made = await workshop.make(makings, call.signal);
  if (made) return made;
  remark(call.report.explained, "A message takes too much time to make: its beginning is given.");
  return makeBeginning(makings);
}

function planOf({ structure, snippet }: Facts, needs: Needs, limit: number): Plan {
  const body = structure ? chooseBody(structure) : { text: [], html: [] };
  const text = within(body.text, limit);
  const html = body.html.some(({ type }) => type === "text/html") ? within(body.html, limit) : [];
  const makesSnippet = needs.snippet && snippet === undefined;
  const isCut = {
    text: text.length < body.text.length,
    html: html.length > 0 && html.length < body.html.length,
    parts: needs.partFields.length > 0 && structure !== undefined && mayHaveMoreParts(structure),
  };
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
  const read = new Set([
    ...(needs.text || needs.replyText ? text : []),
    ...(needs.html || needs.markedHtml ? html : []),
  ]);
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

/** Each once: mail programs put the same calendar beside the text and into a file. */
function calendarsOf(structure: Structure): Structure[] {
  const found = leavesOf(structure).map((leaf) => leaf.structure);
  return found.filter(({ type }) => type === "text/calendar" || type === "application/ics").slice(0, MOST_CALENDARS);
}
