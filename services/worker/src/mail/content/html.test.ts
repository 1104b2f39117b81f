import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type DefaultTreeAdapterTypes, parseFragment } from "parse5";
import { sanitizeHtml } from "./html.ts";

const REMOTE = "tracker.example.net";

/** Each asks the network, covers the page, runs or submits something in some mail program or browser. */
const attacks = [
  `<img src=http://${REMOTE}/a.png>`,
  `<img src="//${REMOTE}/a">`,
  `<img src="https:${REMOTE}/a">`,
  `<img src="http:\\\\${REMOTE}/a">`,
  `<img src="\\\\${REMOTE}\\a">`,
  `<img src=" http://${REMOTE}">`,
  `<img src="\x01http://${REMOTE}">`,
  `<img src="ht&#9;tp://${REMOTE}">`,
  `<img src="ht&Tab;tp&colon;//${REMOTE}">`,
  `<img src="h&#x74;tp:&#x2f;/${REMOTE}">`,
  `<img src="HTTP://${REMOTE}">`,
  `<img src="ftp://${REMOTE}/a">`,
  `<img src="/a" alt="x" data-src="http://${REMOTE}">`,
  `<img src=data:image/svg+xml;base64,PHN2Zz4=>`,
  `<img src="cid:a" srcset="http://${REMOTE} 2x">`,
  `<img src="cid:a" lowsrc=http://${REMOTE} dynsrc=http://${REMOTE} longdesc=http://${REMOTE}>`,
  `<img src="cid:a" onerror="fetch('http://${REMOTE}')" usemap=#m>`,
  `<img src="cid:a" style="content:url(http://${REMOTE})">`,
  `<image src=http://${REMOTE}>`,
  `<img/src=http://${REMOTE}>`,
  `<img src=x alt=y src=http://${REMOTE}>`,
  `<img\nsrc\n=\nhttp://${REMOTE}>`,
  `<<img src=http://${REMOTE}>`,
  `<picture><source srcset=http://${REMOTE}><img src=cid:a></picture>`,
  `<div style="background:url(http://${REMOTE})">a</div>`,
  `<div style="background-image:URL('http://${REMOTE}')">a</div>`,
  `<div style="background-color:url(http://${REMOTE})">a</div>`,
  `<div style="background-image:u\\72l(http://${REMOTE})">a</div>`,
  `<div style="color:red;background/**/:url(http://${REMOTE})">a</div>`,
  `<div style="background-image:image-set('http://${REMOTE}' 1x)">a</div>`,
  `<div style="list-style:url(http://${REMOTE})">a</div>`,
  `<div style="cursor:url(http://${REMOTE}),auto">a</div>`,
  `<div style="border-image:url(http://${REMOTE})">a</div>`,
  `<div style="border:1px solid url(http://${REMOTE})">a</div>`,
  `<div style="font-family:'a',url(http://${REMOTE})">a</div>`,
  `<div style='font-family:"a&quot;;background:url(http://${REMOTE})'>a</div>`,
  `<div style="filter:url(http://${REMOTE})">a</div>`,
  `<div style="-moz-binding:url(http://${REMOTE})">a</div>`,
  `<div style="--x:url(http://${REMOTE});background:var(--x)">a</div>`,
  `<div style="color:expression(alert(1))">a</div>`,
  `<div style="border:expression(alert(1))">a</div>`,
  `<div style="behavior:url(http://${REMOTE})">a</div>`,
  `<div style="}@import 'http://${REMOTE}';{">a</div>`,
  `<style>@import "http://${REMOTE}"; * { background: url(http://${REMOTE}) }</style>a`,
  `<style><!--</style><img src=http://${REMOTE}>--></style>`,
  `<link rel=stylesheet href=http://${REMOTE}>a`,
  `<link rel=dns-prefetch href=//${REMOTE}>a`,
  `<meta http-equiv=refresh content="0;url=http://${REMOTE}">a`,
  `<base href=http://${REMOTE}><a href=x>a</a>`,
  `<script src=http://${REMOTE}></script>a`,
  `<script>fetch("http://${REMOTE}")</script>a`,
  `<form action=http://${REMOTE}><input name=a><button formaction=http://${REMOTE}>b</button></form>a`,
  `<input type=image src=http://${REMOTE}>a`,
  `<isindex action=http://${REMOTE} type=image>`,
  `<svg><image href=http://${REMOTE} /></svg>a`,
  `<svg><image xlink:href=http://${REMOTE} /></svg>a`,
  `<svg><use href=http://${REMOTE}#a /></svg>a`,
  `<svg><style>@import "http://${REMOTE}"</style></svg>a`,
  `<svg><a><animate attributeName=href values=javascript:alert(1) /></a></svg>a`,
  `<svg><foreignObject><img src=http://${REMOTE}></foreignObject></svg>a`,
  `<math href="javascript:alert(1)"><mtext>a</mtext></math>`,
  `<math><annotation-xml encoding="text/html"><img src=http://${REMOTE}></annotation-xml></math>`,
  `<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=http://${REMOTE}&gt;">`,
  `<form><math><mtext></form><form><mglyph><style></math><img src=http://${REMOTE}>`,
  `<noscript><p title="</noscript><img src=http://${REMOTE}>"></noscript>`,
  `<textarea><img src=http://${REMOTE}></textarea>`,
  `<title><img src=http://${REMOTE}></title>`,
  `<xmp><img src=http://${REMOTE}></xmp>`,
  `<noembed><img src=http://${REMOTE}></noembed>`,
  `<template><img src=http://${REMOTE}></template>`,
  `<select><img src=http://${REMOTE}></select>`,
  `<!--><img src=http://${REMOTE}>-->`,
  `<!--[if mso]><img src=http://${REMOTE}><![endif]-->`,
  `<![CDATA[<img src=http://${REMOTE}>]]>`,
  `<?xml <img src=http://${REMOTE}>?>`,
  `<table background=http://${REMOTE}><tr><td background=http://${REMOTE}>a</td></tr></table>`,
  `<body background=http://${REMOTE} onload=alert(1)>a</body>`,
  `<video src=http://${REMOTE} poster=http://${REMOTE}><track src=http://${REMOTE}></video>`,
  `<audio src=http://${REMOTE} autoplay>a</audio>`,
  `<object data=http://${REMOTE}><param name=movie value=http://${REMOTE}></object>`,
  `<embed src=http://${REMOTE}>`,
  `<applet code=http://${REMOTE}></applet>`,
  `<iframe src=http://${REMOTE} srcdoc="<img src=http://${REMOTE}>">a</iframe>`,
  `<frameset><frame src=http://${REMOTE}></frameset>`,
  `<portal src=http://${REMOTE}></portal>`,
  `<bgsound src=http://${REMOTE}>`,
  `<layer src=http://${REMOTE}></layer>`,
  `<q cite=http://${REMOTE}>a</q><blockquote cite="http://${REMOTE}">b</blockquote>`,
  `<font color="url(http://${REMOTE})" face="a;url(http://${REMOTE})">a</font>`,
  `<a href="javascript:alert(1)">a</a>`,
  `<a href="jAva&#9;script:alert(1)">a</a>`,
  `<a href="\x01javascript:alert(1)">a</a>`,
  `<a href="vbscript:x">a</a><a href="data:text/html,x">b</a><a href="file:///etc/passwd">c</a>`,
  `<a href="//${REMOTE}">a</a><a href="/v1/accounts">b</a><a href="?ticket=1">c</a>`,
  `<a href="https://example.com" ping=http://${REMOTE}>a</a>`,
  `<a href="https://example.com" target=_top rel=opener>a</a>`,
  `<p id=getElementById name=body class=admin>a</p>`,
  `<p onclick=alert(1) ONMOUSEOVER=alert(1) onfocus=alert(1) tabindex=0 autofocus>a</p>`,
  `<p contenteditable accesskey=x slot=y is=z part=w>a</p>`,
  `<details open ontoggle=alert(1)>a</details>`,
  `<dialog open>a</dialog><div popover id=x>b</div>`,
  `<div style="position:fixed;top:0;left:0;width:100%;height:100%;z-index:9999">a</div>`,
  `<div style="position:absolute;margin-top:-500px">a</div>`,
  `<div style="float:left;margin:0 0 0 -200px;transform:translate(-100px)">a</div>`,
  `<div style="height:0;line-height:0">a</div>`,
  `<marquee>a</marquee><blink>b</blink>`,
];

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
