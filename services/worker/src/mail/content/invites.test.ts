import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { invitesOf } from "./invites.ts";

const calendar = (...lines: string[]): string =>
  ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//x//y", ...lines, "END:VCALENDAR", ""].join("\r\n");

test("an invitation says what, when, where, and who is asked", () => {
  const text = calendar(
    "METHOD:REQUEST",
    "BEGIN:VTIMEZONE",
    "TZID:W. Europe Standard Time",
    "BEGIN:STANDARD",
    "DTSTART:16010101T030000",
    "TZOFFSETFROM:+0200",
    "TZOFFSETTO:+0100",
    "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10",
    "END:STANDARD",
    "BEGIN:DAYLIGHT",
    "DTSTART:16010101T020000",
    "TZOFFSETFROM:+0100",
    "TZOFFSETTO:+0200",
    "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3",
    "END:DAYLIGHT",
    "END:VTIMEZONE",
    "BEGIN:VEVENT",
    "UID:1@example.org",
    "SEQUENCE:2",
    "SUMMARY:Lunch\\, with Grace",
    "LOCATION:At the corner",
    "DTSTART;TZID=W. Europe Standard Time:20260702T120000",
    "DURATION:PT1H30M",
    "ORGANIZER;CN=Ada:mailto:ada@example.org",
    "ATTENDEE;CN=Bob;PARTSTAT=ACCEPTED:mailto:bob@example.com",
    "ATTENDEE:urn:x",
    "RRULE:FREQ=WEEKLY",
    "END:VEVENT",
  );
  assert.deepEqual(invitesOf("2", text, null), [
    {
      part: "2",
      method: "REQUEST",
      uid: "1@example.org",
      sequence: 2,
      summary: "Lunch, with Grace",
      location: "At the corner",
      start: "2026-07-02T10:00:00.000Z",
      end: "2026-07-02T11:30:00.000Z",
      timeZone: "W. Europe Standard Time",
      recurring: true,
      status: null,
      organizer: { name: "Ada", address: "ada@example.org" },
      attendees: [
        { name: "Bob", address: "bob@example.com", status: "ACCEPTED" },
        { name: null, address: null, status: null },
      ],
    },
  ]);
});

test("a whole day is a date, UTC is UTC, and no zone is no zone", () => {
  const of = (start: string): string | null | undefined =>
    invitesOf("1", calendar("BEGIN:VEVENT", "UID:a", start, "END:VEVENT"), "cancel")[0]?.start;
  assert.equal(of("DTSTART;VALUE=DATE:20260702"), "2026-07-02");
  assert.equal(of("DTSTART:20260702T100000Z"), "2026-07-02T10:00:00.000Z");
  assert.equal(of("DTSTART:20260702T100000"), "2026-07-02T10:00:00");
  assert.equal(of("SUMMARY:no time"), null);
});

test("what is no calendar has no events, whatever it is", () => {
  for (const text of ["", "BEGIN:VCALENDAR", "BEGIN:VEVENT\r\nUID:x\r\nEND:VEVENT", "\0", "BEGIN:".repeat(10_000)])
    assert.deepEqual(invitesOf("1", text, null), []);
  fc.assert(fc.property(fc.string(), (noise) => void invitesOf("1", calendar(noise), null)));
});

test("more events and people than anybody asks are cut", () => {
  const people = Array.from({ length: 1_000 }, (_, at) => `ATTENDEE:mailto:p${at}@example.org`);
  const events = Array.from({ length: 100 }, (_, at) => [
    "BEGIN:VEVENT",
    `UID:${at}`,
    ...people.slice(0, at === 0 ? 1_000 : 1),
    "END:VEVENT",
  ]).flat();
  const found = invitesOf("1", calendar(...events), null);
  assert.deepEqual([found.length, found[0]?.attendees.length], [20, 200]);
});
