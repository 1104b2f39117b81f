import type { Address, CalendarInvite } from "@postern/protocol";
import ICAL from "ical.js";

/** Of one part. */
const MOST_EVENTS = 20;
const MOST_ATTENDEES = 200;
const MOST_TEXT = 2_000;

/** The events of a text/calendar part (RFC 5545, RFC 5546); none where it cannot be read. `declared`: the part's method. */
export function invitesOf(part: string, text: string, declared: string | null): CalendarInvite[] {
  try {
    const calendar = new ICAL.Component(ICAL.parse(text));
    const root = calendar.name === "vcalendar" ? calendar : null;
    const method = textOf(root?.getFirstPropertyValue("method")) ?? declared;
    const events = root?.getAllSubcomponents("vevent").slice(0, MOST_EVENTS) ?? [];
    return events.flatMap((event) => eventOf(part, event, method));
  } catch {
    return [];
  }
}

function eventOf(part: string, component: ICAL.Component, method: string | null): CalendarInvite[] {
  const uid = textOf(component.getFirstPropertyValue("uid"));
  if (uid === null) return [];
  const event = new ICAL.Event(component);
  const start = timeOf(component.getFirstPropertyValue("dtstart"));
  const end = timeOf(component.hasProperty("dtstart") ? event.endDate : null);
  const organizer = component.getFirstProperty("organizer");
  return [
    {
      part,
      method: method?.toUpperCase() ?? null,
      uid,
      sequence: Number(component.getFirstPropertyValue("sequence")) || 0,
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

/** In UTC where the time zone is told; a day, or a time without a zone, as it stands. */
function timeOf(value: unknown): { at: string; zone: string | null } | null {
  if (!(value instanceof ICAL.Time)) return null;
  const zone = value.zone;
  const isFloating = zone === ICAL.Timezone.localTimezone || zone === null;
  const tzid = textOf(value.zone?.tzid);
  if (value.isDate || (isFloating && tzid === "floating")) return { at: value.toString(), zone: null };
  return { at: value.toJSDate().toISOString(), zone: tzid === "UTC" ? null : tzid };
}

function personOf(property: ICAL.Property): Address {
  const text = textOf(property.getFirstValue()) ?? "";
  const address = /^mailto:(.{3,320})$/i.exec(text)?.[1] ?? null;
  return { name: textOf(property.getFirstParameter("cn")), address };
}

function textOf(value: unknown): string | null {
  if (typeof value !== "string") return null;
  const text = value.trim().slice(0, MOST_TEXT).toWellFormed();
  return text === "" ? null : text;
}
