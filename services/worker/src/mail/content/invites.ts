import type { Address, CalendarInvite } from "@postern/protocol";
import ICAL from "ical.js";
import { boundedZones } from "./time-zones.ts";

/** Of one part. */
const MOST_EVENTS = 20;
const MOST_ATTENDEES = 200;
const MOST_TEXT = 2_000;
/** Days that an event takes: the library counts them one by one. */
const MOST_DAYS = 3_660;
/** It computes time zones year by year. */
const YEARS = { first: 1900, last: 2099 };
/** RFC 5545 section 3.3.8. */
const MOST_SEQUENCE = 2 ** 31 - 1;

/** The events of a text/calendar part (RFC 5545, RFC 5546); none where it cannot be read. `declared`: the part's method. */
export function invitesOf(part: string, text: string, declared: string | null): CalendarInvite[] {
  try {
    const calendar = new ICAL.Component(boundedZones(ICAL.parse(text)));
    const root = calendar.name === "vcalendar" ? calendar : null;
    const method = textOf(root?.getFirstPropertyValue("method")) ?? declared;
    const events = root?.getAllSubcomponents("vevent").slice(0, MOST_EVENTS) ?? [];
    return events.flatMap((event) => orNothing(() => eventOf(part, event, method)));
  } catch {
    return [];
  }
}

/** One event that cannot be read does not take the others with it. */
function orNothing(read: () => CalendarInvite[]): CalendarInvite[] {
  try {
    return read();
  } catch {
    return [];
  }
}

function eventOf(part: string, component: ICAL.Component, method: string | null): CalendarInvite[] {
  const uid = textOf(component.getFirstPropertyValue("uid"));
  if (uid === null) return [];
  const start = timeOf(component.getFirstPropertyValue("dtstart"));
  const end = start && timeOf(endOf(component));
  const organizer = component.getFirstProperty("organizer");
  return [
    {
      part,
      method: method?.toUpperCase() ?? null,
      uid,
      sequence: sequenceOf(component.getFirstPropertyValue("sequence")),
      summary: textOf(component.getFirstPropertyValue("summary")),
      location: textOf(component.getFirstPropertyValue("location")),
      start: start?.at ?? null,
      end: end?.at ?? null,
      timeZone: start?.zone ?? null,
      recurring: component.hasProperty("rrule") || component.hasProperty("rdate"),
      status: textOf(component.getFirstPropertyValue("status"))?.toUpperCase() ?? null,
      organizer: organizer ? personOf(organizer) : null,
      attendees: component
        .getAllProperties("attendee")
        .slice(0, MOST_ATTENDEES)
        .map((attendee) => ({
          ...personOf(attendee),
          status: textOf(attendee.getFirstParameter("partstat"))?.toUpperCase() ?? null,
        })),
    },
  ];
}

/** RFC 5545 section 3.6.1: as it says, or after as long as it says, or a whole day, or at once. */
function endOf(component: ICAL.Component): unknown {
  const end = component.getFirstPropertyValue("dtend");
  const start = component.getFirstPropertyValue("dtstart");
  if (end !== null || !(start instanceof ICAL.Time)) return end;
  const duration = component.getFirstPropertyValue("duration");
  const after = start.clone();
  if (duration instanceof ICAL.Duration) {
    if (Math.abs(duration.toSeconds()) > MOST_DAYS * 86_400) return null;
    after.addDuration(duration);
  } else if (start.isDate) after.adjust(1, 0, 0, 0);
  return after;
}

function sequenceOf(value: unknown): number {
  const number = Math.trunc(Number(value));
  return number >= 0 && number <= MOST_SEQUENCE ? number : 0;
}

/** In UTC where the time zone is told; a day, or a time without a zone, as it stands. */
function timeOf(value: unknown): { at: string; zone: string | null } | null {
  if (!(value instanceof ICAL.Time) || !(value.year >= YEARS.first && value.year <= YEARS.last)) return null;
  const zone = value.zone;
  const isFloating = zone === ICAL.Timezone.localTimezone || zone === null;
  const tzid = textOf(value.zone?.tzid);
  if (value.isDate || (isFloating && tzid === "floating")) return { at: value.toString(), zone: null };
  return { at: value.toJSDate().toISOString(), zone: tzid === "UTC" ? null : tzid };
}

function personOf(property: ICAL.Property): Address {
  const text = textOf(property.getFirstValue()) ?? "";
  return { name: textOf(property.getFirstParameter("cn")), address: addressIn(text) };
}

/** RFC 6068 section 2. Null for what is no address, or would be more than one. */
function addressIn(text: string): string | null {
  const encoded = /^mailto:([^?]{3,320})/i.exec(text)?.[1] ?? "";
  try {
    return /^[^\s\p{Cc}@,<>]+@[^\s\p{Cc}@,<>]+$/u.exec(decodeURIComponent(encoded))?.[0] ?? null;
  } catch {
    return null;
  }
}

function textOf(value: unknown): string | null {
  if (typeof value !== "string") return null;
  const text = value
    .slice(0, MOST_TEXT * 2)
    .replace(/\p{Cc}+/gu, " ")
    .trim()
    .slice(0, MOST_TEXT)
    .toWellFormed();
  return text === "" ? null : text;
}
