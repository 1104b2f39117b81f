import type { Address, Message } from "@postern/protocol";

/** A message's text in one form, the other, or both. */
export interface Texts {
  text: string | null;
  html: string | null;
}

/** Under one's own text the other one's, as an answer has it. In the forms that one's own has; in plain text where it has none. */
export function quoted({ text, html }: Texts, original: Message): Texts {
  const head = `${original.sentAt ? `On ${dateOf(original.sentAt)} ` : ""}${nameOf(original.from?.[0])} wrote:`;
  const wantsText = text !== null || html === null;
  return {
    text: wantsText ? joined(text, `${head}\n${prefixed(original.text ?? "")}`) : null,
    html:
      html === null
        ? null
        : `${html}<br><p>${escaped(head)}</p><blockquote type="cite">${bodyOf(original)}</blockquote>`,
  };
}

/** Under one's own text the other one's with the lines of its header that say what it is. */
export function forwarded({ text, html }: Texts, original: Message): Texts {
  const lines = headerLines(original);
  const wantsText = text !== null || html === null;
  const plain = [RULE, ...lines.map(([name, value]) => `${name}: ${value}`), "", original.text ?? ""].join("\n");
  const head = lines.map(([name, value]) => `<b>${name}:</b> ${escaped(value)}`).join("<br>");
  return {
    text: wantsText ? joined(text, plain) : null,
    html: html === null ? null : `${html}<br><p>${RULE}<br>${head}</p>${bodyOf(original)}`,
  };
}

const RULE = "---------- Forwarded message ----------";

function joined(own: string | null, other: string): string {
  return own === null || own === "" ? other : `${own.replace(/\s+$/, "")}\n\n${other}`;
}

function prefixed(text: string): string {
  const lines = text.replace(/\r\n?/g, "\n").replace(/\n+$/, "").split("\n");
  return lines.map((line) => (line.startsWith(">") || line === "" ? `>${line}` : `> ${line}`)).join("\n");
}

function headerLines({ from, sentAt, subject, to, cc }: Message): [name: string, value: string][] {
  const all: [string, string][] = [
    ["From", namesOf(from)],
    ["Date", sentAt ? dateOf(sentAt) : ""],
    ["Subject", subject ?? ""],
    ["To", namesOf(to)],
    ["Cc", namesOf(cc)],
  ];
  return all.filter(([, value]) => value !== "");
}

/** Sanitized already, or made of the plain text. */
function bodyOf({ html, text }: Message): string {
  return html ?? `<div style="white-space: pre-wrap">${escaped(text ?? "")}</div>`;
}

function namesOf(addresses: readonly Address[] | undefined): string {
  return (addresses ?? []).map(nameAndAddress).join(", ");
}

function nameAndAddress({ name, address }: Address): string {
  if (name === null) return address ?? "";
  return address === null ? name : `${name} <${address}>`;
}

function nameOf(address: Address | undefined): string {
  return address?.name ?? address?.address ?? "somebody";
}

/** In UTC, since nobody knows where it will be read. */
function dateOf(sentAt: string): string {
  return `${sentAt.slice(0, 10)} at ${sentAt.slice(11, 16)} UTC`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
