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

/** A time zone that changes by this rule, and an event in it. */
const inZone = (rule: string, start = "20260101T120000"): string =>
  calendar(
    "BEGIN:VTIMEZONE",
    "TZID:Made up",
    "BEGIN:STANDARD",
    "DTSTART:16010101T000000",
    "TZOFFSETFROM:+0200",
    "TZOFFSETTO:+0100",
    rule,
    "END:STANDARD",
    "END:VTIMEZONE",
    "BEGIN:VEVENT",
    "UID:a",
    `DTSTART;TZID=Made up:${start}`,
    "END:VEVENT",
  );

test("a time zone that would take for ever to go through is no zone of this world", () => {
  for (const rule of [
    "RRULE:FREQ=SECONDLY",
    "RRULE:FREQ=HOURLY",
    "RRULE:FREQ=DAILY",
    "RRULE:FREQ=YEARLY;BYSECOND=1,2,3;BYMINUTE=1,2,3;BYHOUR=1,2,3",
    "RRULE:FREQ=YEARLY;BYDAY=SU",
    "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
    "RRULE:FREQ=YEARLY;BYMONTH=1;INTERVAL=0",
    "RRULE:FREQ=YEARLY;BYMONTH=1,2,3,4,5,6,7,8,9,10,11,12",
    "RRULE:nonsense",
  ])
    assert.ok(invitesOf("1", inZone(rule), null).length <= 1, rule);
  assert.equal(invitesOf("1", inZone("RRULE:FREQ=SECONDLY"), null)[0]?.start, "2026-01-01T11:00:00.000Z");
  assert.equal(invitesOf("1", inZone("RRULE:FREQ=YEARLY;BYMONTH=1", "99991231T000000"), null)[0]?.start, null);
  assert.equal(
    invitesOf("1", inZone(Array.from({ length: 5_000 }, () => "RRULE:FREQ=DAILY").join("\r\n")), null).length,
    1,
  );
});

test("what cannot be is left out, and the other events stay", () => {
  const event = (...lines: string[]): string[] => ["BEGIN:VEVENT", "UID:a", ...lines, "END:VEVENT"];
  const first = (...lines: string[]) => invitesOf("1", calendar(...event(...lines)), null)[0];
  assert.equal(first("DTSTART:20260101T000000Z", "DURATION:P99999999999D")?.end, null);
  assert.equal(first("DTSTART:00000000T000000Z")?.start, null);
  for (const [sequence, number] of [
    ["1e999", 1],
    ["99999999999999", 0],
    ["-3", 0],
    ["x", 0],
  ] as const)
    assert.equal(first(`SEQUENCE:${sequence}`)?.sequence, number, sequence);
  assert.equal(first("SUMMARY:a\0b\x1b[31m")?.summary, "a b [31m");
  for (const address of ["a@b%0d%0aBcc:x@y", "x y@z", "a@b,c@d", "a@b%20c", "%", "a", "@", "<a@b>"])
    assert.equal(first(`ORGANIZER:mailto:${address}`)?.organizer?.address, null, address);
  assert.equal(first("ORGANIZER:MAILTO:a%2Bb@example.org?subject=x")?.organizer?.address, "a+b@example.org");
  const mixed = calendar(...event("DTSTART:x", "DTEND:y"), ...event("DTSTART;VALUE=DATE:20260101"));
  assert.equal(invitesOf("1", mixed, null).at(-1)?.end, "2026-01-02");
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
