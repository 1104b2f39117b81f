import sanitize from "sanitize-html";
import { boundHtml, MAX_LENGTH } from "./bounds.ts";
import { markBackground, markedAddress, markedBackground, MARK_SCHEME } from "./remote-images.ts";

const MAX_DEPTH = 256;
const MOST_PASSES = 5;

const colour = [/^#[0-9a-f]{3,8}$/i, /^rgba?\([\d\s.,%]{1,40}\)$/i, /^[a-z]{3,20}$/i];
/** Not negative, lest something be drawn over something else. */
const size = [/^\d{1,4}(\.\d{1,3})?(px|pt|em|rem|ex|%)?$/i, /^auto$/i];
/** Up to four of them. */
const insets = [
  /^(\d{1,4}(\.\d{1,3})?(px|pt|em|rem|ex|%)?|auto)(\s+(\d{1,4}(\.\d{1,3})?(px|pt|em|rem|ex|%)?|auto)){0,3}$/i,
];
const word = [/^[a-z-]{1,30}$/i];
const border = [
  /^([a-z0-9#.%-]{1,30}|rgba?\([\d\s.,%]{1,40}\))(\s+([a-z0-9#.%-]{1,30}|rgba?\([\d\s.,%]{1,40}\))){0,3}$/i,
];
/** Hidden is what many newsletters begin with, and what they have twice for wide and narrow screens. */
const display = [/^(none|block|inline|inline-block|table|table-row|table-cell)$/i];

/** What a text may look like, without ever leaving its place or asking the network for anything. */
const styles: Record<string, RegExp[]> = {
  color: colour,
  "background-color": colour,
  "font-size": [...size, ...word],
  "font-weight": [/^(\d{3}|[a-z]{1,10})$/i],
  "font-style": word,
  "font-family": [/^[\w\s,'"-]{1,200}$/],
  "text-align": word,
  "text-decoration": word,
  "vertical-align": [...word, ...size],
  "line-height": size,
  "white-space": word,
  display,
  width: size,
  "max-width": size,
  margin: insets,
  "margin-top": size,
  "margin-right": size,
  "margin-bottom": size,
  "margin-left": size,
  padding: insets,
  "padding-top": size,
  "padding-right": size,
  "padding-bottom": size,
  "padding-left": size,
  border,
  "border-top": border,
  "border-right": border,
  "border-bottom": border,
  "border-left": border,
  "border-collapse": word,
};

/** Elsewhere what is higher than its box would be drawn over what follows; these grow with what is in them. */
const heights = { height: size };

const tags = [
  "a",
  "abbr",
  "address",
  "article",
  "aside",
  "b",
  "bdi",
  "bdo",
  "big",
  "blockquote",
  "br",
  "caption",
  "center",
  "cite",
  "code",
  "col",
  "colgroup",
  "dd",
  "del",
  "dfn",
  "div",
  "dl",
  "dt",
  "em",
  "figcaption",
  "figure",
  "font",
  "footer",
  "h1",
  "h2",
  "h3",
  "h4",
  "h5",
  "h6",
  "header",
  "hr",
  "i",
  "img",
  "ins",
  "kbd",
  "li",
  "main",
  "mark",
  "nav",
  "ol",
  "p",
  "pre",
  "q",
  "s",
  "samp",
  "section",
  "small",
  "span",
  "strike",
  "strong",
  "sub",
  "sup",
  "table",
  "tbody",
  "td",
  "tfoot",
  "th",
  "thead",
  "time",
  "tr",
  "tt",
  "u",
  "ul",
  "var",
  "wbr",
];

const table = [
  "align",
  "valign",
  "width",
  "height",
  "bgcolor",
  "border",
  "cellpadding",
  "cellspacing",
  "colspan",
  "rowspan",
];

const absolute = /^(https?:\/\/|mailto:|tel:)/i;
const isColour = (text: string): boolean => colour.some((form) => form.test(text.trim()));

/** Links lead to a whole address or nowhere; `src` is the message's own part or nothing. */
const transformTags: NonNullable<sanitize.IOptions["transformTags"]> = {
  a: (tagName, { href = "", ...rest }) => ({
    tagName,
    attribs: {
      ...(absolute.test(href.trim()) && { href: href.trim() }),
      ...rest,
      rel: "noopener noreferrer nofollow",
      target: "_blank",
    },
  }),
  img: (tagName, { src = "", ...rest }) => ({
    tagName,
    attribs: { ...(/^cid:[^\s]{1,500}$/i.test(src) && { src }), ...rest },
  }),
  font: (tagName, { color = "", face = "", ...rest }) => ({
    tagName,
    attribs: { ...(isColour(color) && { color }), ...rest, ...(/^[\w\s,'-]{1,200}$/.test(face) && { face }) },
  }),
};

const options: sanitize.IOptions = {
  allowedTags: tags,
  allowedAttributes: {
    "*": ["style", "dir", "lang", "title", "align"],
    a: ["href", "rel", "target"],
    img: ["src", "alt", "width", "height"],
    font: ["color", "size", "face"],
    table,
    td: table,
    th: table,
    tr: table,
    col: ["span", "width"],
    ol: ["start", "type"],
  },
  allowedStyles: { "*": styles, img: heights, table: heights, tr: heights, td: heights, th: heights },
  allowedSchemes: ["http", "https", "mailto", "tel"],
  // A picture may come out of the message itself and from nowhere else.
  allowedSchemesByTag: { img: ["cid"] },
  allowedSchemesAppliedToAttributes: ["href", "src"],
  allowProtocolRelative: false,
  disallowedTagsMode: "discard",
  nonTextTags: [
    "script",
    "style",
    "textarea",
    "option",
    "noscript",
    "title",
    "head",
    "template",
    "svg",
    "math",
    "xmp",
    "noembed",
    "noframes",
    "iframe",
  ],
  nestingLimit: MAX_DEPTH,
  transformTags,
  // Relative addresses mean nothing in a mail; a picture without a source is what is left of a remote one.
  exclusiveFilter: ({ tag, attribs }) => tag === "img" && !attribs.src && !attribs.alt,
};

/** The same with remote images, of `src`, `srcset`, `background` and style: only what is shown of them, marked. */
const marking: sanitize.IOptions = {
  ...options,
  allowedStyles: {
    ...options.allowedStyles,
    "*": { ...styles, "background-image": [markedBackground] },
  },
  allowedSchemesByTag: { img: ["cid", MARK_SCHEME] },
  transformTags: {
    ...transformTags,
    img: (tagName, { src = "", ...rest }) => {
      const address = /^cid:[^\s]{1,500}$/i.test(src) ? src : markedAddress(src, rest.srcset);
      return { tagName, attribs: { ...(address !== null && { src: address }), ...rest } };
    },
    "*": (tagName, attribs) => ({ tagName, attribs: markBackground(attribs) }),
  },
};

export interface SafeHtml {
  html: string;
  /** Whether it was too long or too deep and has been cut. */
  isCut: boolean;
}

/** HTML that can be shown: nothing in it runs, submits, covers the page or asks the network for anything by itself. */
export function sanitizeHtml(html: string): SafeHtml {
  return clean(html, options);
}

/** The same, but its remote images are marked with `REMOTE_IMAGE`, and do not load before the mark is taken away. */
export function sanitizeMarking(html: string): SafeHtml {
  return clean(html, marking);
}

function clean(html: string, as: sanitize.IOptions): SafeHtml {
  const bounded = boundHtml(html);
  let safe = sanitize(bounded, as);
  // What is left out between tags changes how the rest is read: it is read again until it stays as it is.
  for (let pass = 1; pass < MOST_PASSES && safe.length <= MAX_LENGTH; pass += 1) {
    const again = sanitize(safe, as);
    if (again === safe) break;
    safe = again;
  }
  return { html: safe, isCut: bounded.length < html.length };
}
