import { convert, type HtmlToTextOptions } from "html-to-text";
import type { Structure } from "../../imap/session.ts";
import { boundHtml } from "./bounds.ts";
import { decodeCharset } from "./charset.ts";
import { decodeTransfer } from "./transfer.ts";

/** A text part's octets as text, with LF line ends. `octets` may be its beginning only. */
export function decodeText(octets: Uint8Array, part: Structure): string {
  const decoded = decodeTransfer(octets, part.encoding);
  const text = decodeCharset(decoded, charsetOf(part, decoded)).replace(/\r\n?/g, "\n").replaceAll("\0", "");
  return isFlowed(part) ? unflow(text, part.parameters.delsp?.toLowerCase() === "yes") : text;
}

/** `<meta charset>` counts where the header says nothing, or what servers put in where it says nothing. */
function charsetOf({ type, parameters }: Structure, octets: Uint8Array): string | null {
  const { charset = "us-ascii" } = parameters;
  if (type !== "text/html" || !/^(us-)?ascii$/i.test(charset.trim())) return charset;
  return charsetInHtml(octets) ?? charset;
}

/** One that mark-up in ASCII cannot be read in is not meant. */
function charsetInHtml(octets: Uint8Array): string | null {
  const start = Buffer.from(octets.subarray(0, 2_048)).toString("latin1");
  const name = /<meta[^>]{0,200}?charset\s*=\s*["']?([\w:.-]{1,60})/i.exec(start)?.[1] ?? null;
  return name === null || /^(utf-?(7|16|32)|ucs|unicode)/i.test(name) ? null : name;
}

function isFlowed({ type, parameters }: Structure): boolean {
  return type === "text/plain" && parameters.format?.toLowerCase() === "flowed";
}

/** RFC 3676 section 4: lines that end in a space go on in the next of the same quote depth. */
export function unflow(text: string, deleteSpace: boolean): string {
  const lines: string[] = [];
  let open: { depth: number; text: string } | null = null;
  for (const line of text.split("\n")) {
    const depth = /^>*/.exec(line)?.[0].length ?? 0;
    const content = line.slice(depth).replace(/^ /, "");
    const isSignature = content === "-- ";
    if (open && (open.depth !== depth || isSignature)) {
      lines.push(quoted(open.depth, open.text));
      open = null;
    }
    const joined: string = (open?.text ?? "") + content;
    const flows = content.endsWith(" ") && !isSignature;
    open = flows ? { depth, text: deleteSpace ? joined.slice(0, -1) : joined } : null;
    if (!flows) lines.push(quoted(depth, joined));
  }
  if (open) lines.push(quoted(open.depth, open.text));
  return lines.join("\n");
}

function quoted(depth: number, text: string): string {
  return depth === 0 ? text : `${">".repeat(depth)} ${text}`;
}

const asText: HtmlToTextOptions = {
  wordwrap: false,
  limits: { maxDepth: 60, maxChildNodes: 2_000, ellipsis: "…" },
  selectors: [
    { selector: "img", format: "skip" },
    { selector: "title", format: "skip" },
    { selector: "a", options: { hideLinkHrefIfSameAsText: true, ignoreHref: true } },
    ...["h1", "h2", "h3", "h4", "h5", "h6"].map((selector) => ({ selector, options: { uppercase: false } })),
    { selector: "table", format: "block" },
  ],
};

/** For messages that come as HTML alone. */
export function textOfHtml(html: string): string {
  return convert(boundHtml(html), asText).trim();
}

/** Plain text between HTML, as it is. */
export function htmlOfText(text: string): string {
  const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return `<div style="white-space:pre-wrap">${escaped}</div>`;
}
