import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { allMessageFields, type Message } from "@postern/protocol";
import { type CoreHouse, newCall, startCoreHouse } from "../testing/core-house.ts";

const MEGABYTE = 1 << 20;

function lines(...all: string[]): string {
  return `${all.join("\r\n")}\r\n`;
}

function filled(text: string, octets: number): string {
  return text.repeat(Math.ceil(octets / text.length)).slice(0, octets);
}

function html(body: string): string {
  return lines("Subject: html", "MIME-Version: 1.0", "Content-Type: text/html; charset=utf-8", "", body);
}

function plain(body: string, ...fields: string[]): string {
  return lines("Subject: plain", ...fields, "", body);
}

/** A line of mail is at most so long, for servers that insist (RFC 5322 section 2.1.1). */
function folded(text: string): string {
  return (text.match(/.{1,900}/gs) ?? []).join("\r\n ");
}

function manyParts(count: number): string {
  const part = "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n";
  return lines(
    "Subject: parts",
    "MIME-Version: 1.0",
    "Content-Type: multipart/mixed; boundary=b",
    "",
    part.repeat(count),
  );
}

function nested(depth: number): string {
  let text = lines("Subject: nested", "MIME-Version: 1.0");
  for (let level = 0; level < depth; level += 1)
    text += lines(`Content-Type: multipart/mixed; boundary=b${level}`, "", `--b${level}`);
  return text + lines("Content-Type: text/plain", "", "innermost");
}

function messagesInMessages(depth: number): string {
  return (
    lines("Subject: outer", "MIME-Version: 1.0") +
    lines("Content-Type: message/rfc822", "").repeat(depth) +
    lines("", "x")
  );
}

/** Each with the fields that must be marked as cut. */
const bombs: Record<string, { source: string; cut?: (keyof Message)[] }> = {
  "ten thousand parts": { source: manyParts(10_000), cut: ["attachments", "parts"] },
  "multiparts five hundred deep": { source: nested(500), cut: ["attachments", "parts"] },
  "messages in messages five hundred deep": { source: messagesInMessages(500) },
  "ten megabytes of header": {
    source: plain("x", ...Array.from({ length: 10_000 }, (_, index) => `X-${index}: ${"v".repeat(1_000)}`)),
    cut: ["headers", "rawHeaders"],
  },
  "one field of two megabytes": { source: plain("x", `X-Long: ${folded("v".repeat(2 * MEGABYTE))}`), cut: ["headers"] },
  "a giant encoded word": {
    source: plain("x", `X-W: ${folded(`=?utf-8?q?${"=e9".repeat(300_000)}?=`)}`),
    cut: ["headers"],
  },
  "encoded words without an end": {
    source: plain("x", `X-W: ${folded(filled("=?utf-8?q?", MEGABYTE))}`),
    cut: ["headers"],
  },
  "octets of every charset in turn": {
    source: plain("x", `X-W: ${folded(filled("\u00e9a", MEGABYTE))}`),
    cut: ["headers"],
  },
  "twenty thousand addresses": {
    source: plain("x", `To: ${Array.from({ length: 20_000 }, (_, index) => `a${index}@example.com`).join(",\r\n ")}`),
    cut: ["to"],
  },
  "a million addresses": {
    source: plain("x", `Cc: ${Array.from({ length: 1_000_000 }, (_, index) => `a${index}@b.example`).join(",\r\n ")}`),
    cut: ["cc", "headers"],
  },
  "a subject of a megabyte": {
    source: lines(`Subject: ${folded("word ".repeat(200_000))}`, "", "x"),
    cut: ["subject", "headers"],
  },
  "parameters in a hundred thousand pieces": {
    source: lines(
      "Subject: r",
      "MIME-Version: 1.0",
      `Content-Type: text/plain; ${Array.from({ length: 100_000 }, (_, index) => `name*${index}*=utf-8''%41`).join(";\r\n ")}`,
      "",
      "x",
    ),
    cut: ["headers"],
  },
  "a boundary of two hundred thousand letters": {
    source: lines(
      "Subject: b",
      "MIME-Version: 1.0",
      `Content-Type: multipart/mixed; boundary="${"b".repeat(200_000)}"`,
      "",
      `--${"b".repeat(200_000)}\r\n\r\nx`,
    ),
  },
  "boundaries that begin like one another": {
    source: lines(
      "Subject: b",
      "MIME-Version: 1.0",
      "Content-Type: multipart/mixed; boundary=b",
      "",
      ...Array.from({ length: 90 }, (_, index) => [
        `--${"b".repeat(index + 1)}`,
        `Content-Type: multipart/mixed; boundary=${"b".repeat(index + 2)}`,
        "",
      ]).flat(),
      "--b--",
    ),
  },
  "a charset of a megabyte": {
    source: lines(
      "Subject: =?" + "x".repeat(10_000) + "?q?=e9?=",
      "MIME-Version: 1.0",
      `Content-Type: text/plain; charset="${"utf-8 ".repeat(170_000)}"`,
      "",
      filled("\u00e9a", MEGABYTE - 100),
    ),
  },
  "escapes of Japanese without an end": {
    source: lines(
      "Subject: j",
      "MIME-Version: 1.0",
      "Content-Type: text/plain; charset=iso-2022-jp",
      "",
      filled("\x1b$B\x1b(B", MEGABYTE - 100),
    ),
  },
  "thirty thousand references": {
    source: plain(
      "x",
      `References: ${Array.from({ length: 30_000 }, (_, index) => `<${index}@example.com>`).join("\r\n ")}`,
    ),
  },
  "a verdict that never comes": {
    source: plain("x", `Authentication-Results: mx.trusted.example; ${"a".repeat(200_000)}`),
  },
  "tags one hundred thousand deep": { source: html("<div>".repeat(100_000)), cut: ["html"] },
  "tags of different kinds, deep": { source: html("<b><i><u><p><table><td>".repeat(40_000)), cut: ["html"] },
  "half a million tags that never end": { source: html("<a ".repeat(300_000)) },
  "a megabyte of less-than signs": { source: html("<".repeat(MEGABYTE - 100)) },
  "links in links": { source: html('<a href="http://x/">'.repeat(50_000)), cut: ["html"] },
  "one style of a megabyte": { source: html(`<p style="${"color:red;".repeat(90_000)}">x</p>`) },
  "three megabytes of html": { source: html("<p>hello <b>world</b></p>\r\n".repeat(120_000)), cut: ["html", "text"] },
  "one line of base64, four megabytes": {
    source: lines("Subject: b", "Content-Transfer-Encoding: base64", "", "QUFB".repeat(MEGABYTE)),
    cut: ["text", "replyText"],
  },
  "base64 that is one sign": {
    source: lines("Subject: b", "Content-Transfer-Encoding: base64", "", "=".repeat(MEGABYTE - 10)),
  },
  "quoted-printable of line ends alone": {
    source: lines("Subject: q", "Content-Transfer-Encoding: quoted-printable", "", "=\r\n".repeat(300_000)),
  },
  "quotes without an end": { source: plain("> > >\r\n".repeat(140_000)) },
  "headings of answers without an end": {
    source: plain("On Monday, Ada\r\nof the house wrote:\r\n> x\r\n".repeat(25_000)),
  },
  "headings of Outlook without an end": { source: plain("From: a\r\n".repeat(100_000)) },
  "spaces without an end": { source: plain(" ".repeat(MEGABYTE - 100)) },
  "flowed lines without an end": {
    source: plain("> a \r\n".repeat(150_000), "MIME-Version: 1.0", "Content-Type: text/plain; format=flowed"),
  },
  "a calendar in a calendar": {
    source: lines(
      "Subject: c",
      "MIME-Version: 1.0",
      "Content-Type: text/calendar",
      "",
      "BEGIN:VCALENDAR\r\n".repeat(15_000),
    ),
  },
  "a calendar whose time changes every second": {
    source: lines(
      "Subject: c",
      "MIME-Version: 1.0",
      "Content-Type: text/calendar",
      "",
      "BEGIN:VCALENDAR",
      "BEGIN:VTIMEZONE\r\nTZID:x\r\nBEGIN:STANDARD\r\nDTSTART:16010101T000000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200",
      "RRULE:FREQ=SECONDLY\r\nEND:STANDARD\r\nEND:VTIMEZONE",
      "BEGIN:VEVENT\r\nUID:x\r\nDTSTART;TZID=x:20260101T000000\r\nDURATION:P99999999999D\r\nEND:VEVENT",
      "END:VCALENDAR",
    ),
  },
  "a calendar of ten thousand events": {
    source: lines(
      "Subject: c",
      "MIME-Version: 1.0",
      "Content-Type: text/calendar",
      "",
      `BEGIN:VCALENDAR\r\n${"BEGIN:VEVENT\r\nUID:x\r\nEND:VEVENT\r\n".repeat(10_000)}END:VCALENDAR`,
    ),
    cut: ["calendarInvites"],
  },
};

describe("messages that were made to do harm", () => {
  let house: CoreHouse;
  const names = Object.keys(bombs);
  const ids = new Map<string, string>();

  before(async () => {
    house = await startCoreHouse();
    const client = await house.otherClient("bombs");
    for (const name of names)
      await client.append("INBOX", [{ source: Buffer.from(bombs[name]?.source ?? "", "latin1") }]);
    const page = await house.core.listMessages(
      { account: "bombs", mailbox: "inbox", limit: 100, fields: ["id"] },
      newCall(),
    );
    assert.ok(!page.notModified);
    for (const [index, { id }] of [...page.items].reverse().entries()) ids.set(names[index] ?? "", id);
    assert.equal(ids.size, names.length);
  });
  after(() => house.stop());

  const read = async (wanted: string[]) => {
    const input = { account: "bombs", ids: wanted, fields: [...allMessageFields] };
    return (await house.core.getMessages(input, newCall())).results;
  };

  for (const name of names)
    it(`${name}: shown, or cut and marked so`, async () => {
      const [result] = await read([ids.get(name) ?? ""]);
      assert.ok(result && "message" in result, JSON.stringify(result));
      const { message } = result;
      for (const field of bombs[name]?.cut ?? []) assert.ok(message.truncated?.includes(field), field);
      assert.ok(JSON.stringify(message).length < 8 * MEGABYTE);
      assert.ok((message.parts ?? []).length <= 2_000);
    });

  it("all of them at once: everything else goes on", async () => {
    let turns = 0;
    let isRead = false;
    const reading = read([...ids.values()]).finally(() => (isRead = true));
    while (!isRead) {
      await house.parts.workshop.turn();
      turns += 1;
    }
    for (const result of await reading) assert.ok("message" in result);
    assert.ok(turns > 100, `${turns} turns`);
  });

  it("a list that shows all of them can be given", async () => {
    const fields = ["id", "snippet", "subject", "to", "attachments", "hasAttachments"] as const;
    const page = await house.core.listMessages(
      { account: "bombs", mailbox: "inbox", limit: 100, fields: [...fields] },
      newCall(),
    );
    assert.ok(!page.notModified);
    assert.equal(page.items.length, names.length);
  });
});
