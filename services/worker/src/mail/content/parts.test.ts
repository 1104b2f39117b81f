import assert from "node:assert/strict";
import { test } from "node:test";
import type { Structure } from "../../imap/session.ts";
import { attachmentsOf, chooseBody, filenameOf, partsOf } from "./parts.ts";
import { multipart, partOf } from "./testing.ts";

const text = partOf("text/plain");
const html = partOf("text/html");
const image = partOf("image/png", { contentId: "<logo@example.org>" });
const file = (type: string, filename: string, disposition = "attachment"): Structure =>
  partOf(type, { disposition, dispositionParameters: { filename } });

const roles = (structure: Structure): string[] => partsOf(structure).map(({ part, role }) => `${part} ${role}`);
const body = (structure: Structure): Record<string, string[]> => {
  const chosen = chooseBody(structure);
  return { text: chosen.text.map(({ part }) => part), html: chosen.html.map(({ part }) => part) };
};

test("a message of one part is its text", () => {
  assert.deepEqual(roles(text), ["1 text"]);
  assert.deepEqual(body(html), { text: ["1"], html: ["1"] });
  assert.deepEqual(body(partOf("application/pdf")), { text: [], html: [] });
  assert.deepEqual(roles(partOf("application/pdf")), ["1 attachment"]);
});

test("of two forms each is shown as itself", () => {
  const both = multipart("alternative", [text, html]);
  assert.deepEqual(roles(both), ["1 text", "2 html"]);
  assert.deepEqual(body(both), { text: ["1"], html: ["2"] });
});

test("pictures that HTML refers to are inline, whatever else they say", () => {
  const named = partOf("image/png", { contentId: "<b@example.org>", disposition: "attachment" });
  const stray = partOf("application/pdf");
  const letter = multipart("related", [multipart("alternative", [text, html]), image, named, stray]);
  assert.deepEqual(roles(letter), ["1.1 text", "1.2 html", "2 inline", "3 inline", "4 attachment"]);
  assert.deepEqual(
    attachmentsOf(letter).map(({ part, inline }) => [part, inline]),
    [
      ["2", true],
      ["3", true],
      ["4", false],
    ],
  );
});

test("the root of related parts is the one that is named, or the first", () => {
  const root = partOf("text/html", { contentId: "<root@example.org>" });
  const named = multipart("related", [image, root], { parameters: { start: "<root@example.org>" } });
  assert.deepEqual(body(named).html, ["2"]);
  assert.deepEqual(body(multipart("related", [root, image])).html, ["1"]);
});

test("files are attachments, also where they are of text", () => {
  const letter = multipart("mixed", [
    text,
    file("text/plain", "notes.txt"),
    file("text/html", "page.html", "inline"),
    file("application/pdf", "a.pdf"),
  ]);
  assert.deepEqual(roles(letter), ["1 text", "2 attachment", "3 attachment", "4 attachment"]);
  assert.deepEqual(body(letter), { text: ["1"], html: ["1"] });
});

test("what a message begins with is its text, though it has a name", () => {
  const page = partOf("text/html", { disposition: "inline", dispositionParameters: { filename: "filename.html" } });
  assert.deepEqual(body(page), { text: ["1"], html: ["1"] });
  const named = partOf("text/plain", { parameters: { name: "letter.txt" } });
  const letter = multipart("mixed", [multipart("alternative", [named, html]), named]);
  assert.deepEqual(roles(letter), ["1.1 text", "1.2 html", "2 attachment"]);
  assert.deepEqual(roles(multipart("mixed", [file("text/plain", "a.txt"), text])), ["1 attachment", "2 text"]);
  assert.deepEqual(roles(multipart("related", [html, named])), ["1 html", "2 attachment"]);
});

test("a picture between texts is inline", () => {
  const letter = multipart("mixed", [text, file("image/jpeg", "photo.jpg", "inline"), text]);
  assert.deepEqual(roles(letter), ["1 text", "2 inline", "3 text"]);
  assert.deepEqual(body(letter).text, ["1", "3"]);
});

test("files that only one of two forms carries are attachments all the same", () => {
  const apple = multipart("alternative", [
    text,
    multipart("mixed", [html, file("application/pdf", "a.pdf", "inline"), html]),
  ]);
  assert.deepEqual(roles(apple), ["1 text", "2.1 html", "2.2 attachment", "2.3 html"]);
  assert.deepEqual(body(apple), { text: ["1"], html: ["2.1", "2.3"] });
});

test("other forms of the same are no attachments", () => {
  const invitation = multipart("alternative", [text, html, partOf("text/calendar")]);
  assert.deepEqual(roles(invitation), ["1 text", "2 html", "3 alternative"]);
  assert.deepEqual(attachmentsOf(invitation), []);
});

test("a mailing list's lines below HTML are below it in both forms, and not all there is", () => {
  const listed = multipart("mixed", [html, text]);
  assert.deepEqual(body(listed), { text: ["1", "2"], html: ["1", "2"] });
  const signed = multipart("mixed", [multipart("alternative", [text, html]), text]);
  assert.deepEqual(body(signed), { text: ["1.1", "2"], html: ["1.2", "2"] });
});

test("an alternative of HTML alone is the text as well", () => {
  assert.deepEqual(body(multipart("alternative", [html])), { text: ["1"], html: ["1"] });
  assert.deepEqual(body(multipart("alternative", [])), { text: [], html: [] });
});

test("a message within is one attachment, and what is in it no part of this one", () => {
  const within = partOf("message/rfc822", { children: [multipart("alternative", [text, html])] });
  const letter = multipart("mixed", [text, within]);
  assert.deepEqual(roles(letter), ["1 text", "2 attachment"]);
  assert.deepEqual(body(letter).text, ["1"]);
});

test("a report's parts for machines are attachments", () => {
  const report = multipart("report", [text, partOf("message/delivery-status"), partOf("message/rfc822")]);
  assert.deepEqual(roles(report), ["1 text", "2 attachment", "3 attachment"]);
});

test("a file's name holds no path and nothing that cannot be seen", () => {
  const names: [string, string | null][] = [
    ["a.pdf", "a.pdf"],
    ["../../etc/passwd", "passwd"],
    ["C:\\Users\\x\\a.exe", "a.exe"],
    ["a\r\nb.txt", "ab.txt"],
    ["evil\u202efdp.exe", "evilfdp.exe"],
    ["...", null],
    [".bashrc", "bashrc"],
    ["dir/", null],
    ["", null],
    ["名前 ☂.txt", "名前 ☂.txt"],
  ];
  for (const [given, name] of names) assert.equal(filenameOf(file("application/pdf", given)), name, given);
  assert.equal(filenameOf(partOf("application/pdf", { parameters: { name: "b.pdf" } })), "b.pdf");
  assert.equal(filenameOf(file("application/pdf", "😀".repeat(200)))?.isWellFormed(), true);
});
