import assert from "node:assert/strict";
import { test } from "node:test";
import { sanitizeHtml, sanitizeMarking } from "./html.ts";

const MARK = "x-postern-remote:";
const image = (address: string): string => `<img src="${MARK}${address}" />`;
const behind = (address: string): string => `background-image:url(${MARK}${address})`;

const found: Record<string, string> = {
  '<img src="http://a.example/x.png?b=1&amp;c=2#d">': image("http://a.example/x.png?b=1&amp;c=2"),
  '<img src=" HTTPS://A.example/ü (1).png ">': image("https://a.example/%C3%BC%20(1).png"),
  '<img src="https:a.example/x"><img src="http:\\\\a.example\\x">':
    image("https://a.example/x") + image("http://a.example/x"),
  '<img srcset="http://a.example/1,2.png 1x, http://b.example/ 2x">': image("http://a.example/1,2.png"),
  '<picture><source srcset="http://a.example/"><img src="http://b.example/"></picture>': image("http://b.example/"),
  '<img src="cid:own" srcset="http://a.example/ 2x">': '<img src="cid:own" />',
  '<table background="http://a.example/x"><tr><td>x</td></tr></table>': `<table style="${behind("http://a.example/x")}"><tr><td>x</td></tr></table>`,
  "<p style=\"background:#fff url('http://a.example/;x') no-repeat;color:red\">x</p>": `<p style="color:red;${behind("http://a.example/%3Bx")}">x</p>`,
  '<p style="background-image:url(http://a.example/),url(http://b.example/)">x</p>': `<p style="${behind("http://b.example/")}">x</p>`,
  '<p style="background:url(http://a.example/1);background-image:URL( &quot;http://a.example/(2)&quot; )">x</p>': `<p style="${behind("http://a.example/%282%29")}">x</p>`,
};

for (const [html, marked] of Object.entries(found)) {
  test(`marked: ${html}`, () => {
    assert.equal(sanitizeMarking(html).html, marked);
    assert.equal(sanitizeMarking(marked).html, marked);
  });
}

const nothing = [
  '<img src="/a.png" alt="a">',
  '<img src="//a.example/x" alt="a">',
  '<img src="http://user:secret@a.example/" alt="a">',
  '<img src="ftp://a.example/x" alt="a">',
  '<img src="data:image/png;base64,AAAA" alt="a">',
  '<img src="javascript:alert(1)" alt="a">',
  '<img src="x-postern-remote:javascript:alert(1)" alt="a">',
  '<img src="x-postern-remote:data:text/html,x" alt="a">',
  `<img src="http://a.example/${"x".repeat(3_000)}" alt="a">`,
];

for (const html of nothing)
  test(`not marked: ${html.slice(0, 80)}`, () => assert.equal(sanitizeMarking(html).html, '<img alt="a" />'));

test("videos, stylesheets, lists and pointers are no images", () => {
  for (const html of [
    '<video poster="http://a.example/x">x</video>',
    '<style>@import "http://a.example/"; p { background: url(http://a.example/) }</style>x',
    '<div style="list-style:url(http://a.example/)">x</div>',
    '<div style="cursor:url(http://a.example/),auto;content:url(http://a.example/)">x</div>',
    '<div style="border-image:url(http://a.example/);mask:url(http://a.example/);filter:url(http://a.example/)">x</div>',
    '<div style="--a:url(http://a.example/);background:var(--a)">x</div>',
    '<div style="background:u\\72l(http://a.example/)">x</div>',
    '<input type="image" src="http://a.example/">x',
    '<object data="http://a.example/">x</object>',
  ])
    assert.match(sanitizeMarking(html).html, /^(<div>x<\/div>|x)$/, html);
});

test("where images are blocked, what a message writes as a mark is left out as well", () => {
  const html = `<img src="${MARK}http://a.example/" alt="a"><p style="${behind("http://a.example/")}">x</p>`;
  assert.equal(sanitizeHtml(html).html, '<img alt="a" /><p>x</p>');
});

test("a style of blanks and brackets without an end is read in time", () => {
  for (const style of [
    `background:url(${" ".repeat(900_000)}`,
    "background:url(".repeat(60_000),
    "background:a(b)".repeat(60_000),
  ])
    assert.ok(sanitizeMarking(`<p style="${style}">x</p>`).html.includes("x"));
});
