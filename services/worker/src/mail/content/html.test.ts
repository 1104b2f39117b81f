import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type DefaultTreeAdapterTypes, parseFragment } from "parse5";
import { attacks, REMOTE } from "./hostile-html.ts";
import { sanitizeHtml, sanitizeMarking } from "./html.ts";

const attributes = new Set(
  "style dir lang title align href rel target src alt width height color size face valign bgcolor border".split(" "),
);
for (const name of ["cellpadding", "cellspacing", "colspan", "rowspan", "span", "start", "type"]) attributes.add(name);
const never =
  /^(script|style|link|meta|base|form|input|button|select|textarea|svg|math|iframe|frame|object|embed|video)$/;

/** Fails on anything that does more than show text, and pictures of the message itself, when a browser reads it. */
function assertHarmless(html: string): void {
  for (const { tagName, attrs } of elementsOf(parseFragment(html))) {
    assert.doesNotMatch(tagName, never, html);
    for (const { name, value } of attrs) {
      assert.ok(attributes.has(name), `${name} in ${html}`);
      if (name === "src") assert.match(value, /^cid:\S+$/i, html);
      if (name === "href") assert.match(value, /^(https?:\/\/|mailto:|tel:)/i, html);
      if (tagName !== "a" && name !== "title" && name !== "alt") assert.ok(!value.includes(REMOTE), html);
      if (name === "style") assert.doesNotMatch(value, /url|expression|position|-\d|@|\\|z-index|var\(/i, html);
    }
    if (tagName === "a")
      assert.ok(
        attrs.some(({ value }) => value === "noopener noreferrer nofollow"),
        html,
      );
  }
}

function* elementsOf(node: DefaultTreeAdapterTypes.Node): Generator<DefaultTreeAdapterTypes.Element> {
  const open = [node];
  for (let next = open.pop(); next; next = open.pop()) {
    assert.ok(next.nodeName !== "#comment");
    if ("tagName" in next) yield next;
    if ("childNodes" in next) open.push(...next.childNodes);
  }
}

for (const attack of attacks) {
  test(`harmless: ${attack.slice(0, 100).replaceAll(/[\n\x01]/g, " ")}`, () => {
    const { html } = sanitizeHtml(attack);
    assertHarmless(html);
    assert.equal(sanitizeHtml(html).html, html);
  });

  test(`harmless with its images marked: ${attack.slice(0, 100).replaceAll(/[\n\x01]/g, " ")}`, () => {
    const { html } = sanitizeMarking(attack);
    assertHarmless(withoutMarked(html));
    assert.equal(sanitizeMarking(html).html, html);
  });
}

/** What is left of remote images, which load no more than `cid:` does, as if it were that. */
function withoutMarked(html: string): string {
  return html
    .replace(/ src="x-postern-remote:https?:\/\/[^\s"]+"/g, ' src="cid:x"')
    .replace(/( style="[^"]*?);?background-image:url\(x-postern-remote:https?:\/\/[^\s"'()\\;]+\)/g, "$1");
}

test("attacks within one another stay harmless, and cleaning twice changes nothing", () => {
  const wrapper = fc.constantFrom(
    "<div>",
    "<table><tr><td>",
    "<svg>",
    "<math><mtext>",
    "<b",
    "<!--",
    "<style>",
    "<a href='",
    "</p>",
    '"',
    "'",
    ">",
    "&lt;",
    "<p style='color:red;",
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(wrapper, fc.constantFrom(...attacks)), { maxLength: 8 }), (pieces) => {
      const { html } = sanitizeHtml(pieces.join(""));
      assertHarmless(html);
      assert.equal(sanitizeHtml(html).html, html);
      const marked = sanitizeMarking(pieces.join("")).html;
      assertHarmless(withoutMarked(marked));
      assert.equal(sanitizeMarking(marked).html, marked);
    }),
    { numRuns: 500 },
  );
});

test("what an ordinary message looks like stays", () => {
  const kept = [
    '<p style="color:#333333;font-size:14px">Dear <b>Bob</b>,</p>',
    "<ul><li>one</li><li>two &amp; three</li></ul>",
    '<table width="600" border="0"><tr><td style="padding:10px 5px;height:20px" align="center">x</td></tr></table>',
    '<a href="https://example.com/?a=1&amp;b=2" rel="noopener noreferrer nofollow" target="_blank">link</a>',
    '<img src="cid:logo@example.org" alt="Logo" width="10" />',
    "<blockquote>quoted<br />text</blockquote>",
    '<font color="#ff0000" size="2" face="Arial, sans-serif">red</font>',
    '<div style="display:none">preview</div>',
    '<p dir="rtl" lang="he">שלום</p>',
    '<div style="border:1px solid rgb(1, 2, 3)">box</div>',
  ];
  for (const html of kept) assert.equal(sanitizeHtml(html).html, html);
});

test("a page's own title, styles and comments are no part of the text", () => {
  const page = "<html><head><title>T</title><style>p{}</style></head><body><!-- c --><p>Text</p></body></html>";
  assert.equal(sanitizeHtml(page).html, "<p>Text</p>");
});

test("five thousand nested tags are cut down to a depth that programs can bear, and the text in them stays", () => {
  const { html, isCut } = sanitizeHtml(`${"<div>".repeat(5_000)}deep${"</div>".repeat(5_000)}`);
  assert.ok(html.includes("deep"));
  assert.ok((html.match(/<div>/g) ?? []).length <= 256);
  assert.equal(isCut, false);
});

test("tags that are opened without end are cut, and said to be", () => {
  for (const tags of ["<div>", "<b><i>", "<table><tr><td>", "<p><li>", "<b></x>"]) {
    const { html, isCut } = sanitizeHtml(tags.repeat((1 << 20) / tags.length));
    assert.equal(isCut, true, tags);
    assertHarmless(html);
  }
});

test("a long table of rows that are all closed is not cut", () => {
  const html = "<tr><td>x</td></tr>".repeat(25_000);
  assert.equal(sanitizeHtml(html).isCut, false);
});

test("what is longer than one mebi of characters is cut, and said to be", () => {
  const { html, isCut } = sanitizeHtml(`<p>${"x".repeat(1 << 20)}</p>`);
  assert.equal(isCut, true);
  assert.ok(html.length <= (1 << 20) + 10);
});
