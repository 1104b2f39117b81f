import { type Message, type MessageField, REMOTE_IMAGE, type RemoteImages } from "@postern/protocol";
import type { FastifyRequest } from "fastify";
import type { Access, Identity } from "../access/index.ts";
import { publicPath } from "./addresses.ts";

/** The message's HTML as it is shown, and whether it carries addresses that expire. */
export type ShowHtml = (
  account: string,
  message: Message,
  remote: RemoteImages,
) => { html: string | null; expires: boolean };

/** What the core is to be asked for, to show this field so: which part a picture in the HTML is, the attachments tell. */
export function fieldsForHtml(remote: RemoteImages): MessageField[] {
  return [remote === "block" ? "html" : "markedHtml", "attachments"];
}

/** Sanitized HTML has its attributes in double quotes, with everything in them escaped: nothing else looks like this. */
const picture = /(<img(?: [a-z-]+(?:="[^"]*")?)*? src=")cid:([^"]*)(?=")/g;
const tag = /<[a-z][a-z0-9]*(?: [a-z-]+(?:="[^"]*")?)*/g;
const markedSource = new RegExp(` src="${REMOTE_IMAGE}([^"]*)"`);
const markedStyle = new RegExp(`( style="[^"]*url\\()${REMOTE_IMAGE}([^")]*)`);

/** More pictures than anybody looks at stay marked: each address that is signed takes its room. */
const MOST_PROXIED = 500;

/**
 * Gives pictures of the message itself addresses that an `<img>` can load without a header: each carries a ticket for that
 * part alone. A picture that the message does not have keeps what it says. Remote ones are as marked by the core, which
 * nothing loads, until they are given their own addresses back, or ones of the proxy.
 */
export function htmlShower(
  access: Access,
  publicUrl: string | undefined,
  request: FastifyRequest,
  identity: Identity,
): ShowHtml {
  const { origin } = new URL(publicUrl ?? `${request.protocol}://${request.host}`);
  return (account, { id, html: blocked = null, markedHtml = null, attachments = [] }, remote) => {
    const html = remote === "block" ? blocked : markedHtml;
    if (html === null) return { html, expires: false };
    const parts = new Map(attachments.map(({ contentId, part }) => [bare(contentId ?? ""), part]));
    let expires = false;
    let proxied = 0;
    const ticketed = (path: string, query = ""): string => {
      expires = true;
      const ticket = access.partTicket(identity, account, path);
      return `${origin}${publicPath(publicUrl, path)}?${query}ticket=${ticket}`;
    };
    const proxy = (escaped: string): string => {
      proxied += 1;
      if (proxied > MOST_PROXIED) return REMOTE_IMAGE;
      const url = unescaped(escaped);
      return ticketed(`/v1/accounts/${account}/images/${access.signImage(url)}`, `url=${inQuery(url)}&amp;`);
    };
    const own = html.replace(picture, (all: string, before: string, cid: string) => {
      const part = parts.get(bare(cidOf(cid)));
      return part === undefined || cid === ""
        ? all
        : before + ticketed(`/v1/accounts/${account}/messages/${id}/parts/${part}`);
    });
    const shown = remote === "block" ? own : own.replace(tag, (each) => unmark(each, remote === "keep" ? null : proxy));
    return { html: shown, expires };
  };
}

/** A tag with its remote pictures. Nobody is told where they are shown, where that can be said. */
function unmark(text: string, proxy: ((escaped: string) => string) | null): string {
  if (!text.includes(REMOTE_IMAGE)) return text;
  return text
    .replace(markedSource, (_, url: string) =>
      proxy ? ` src="${proxy(url)}"` : ` referrerpolicy="no-referrer" src="${url}"`,
    )
    .replace(markedStyle, (_, before: string, url: string) => before + (proxy ? proxy(url) : url));
}

/** Also within `url()`, where brackets and quotes would end it. */
function inQuery(url: string): string {
  return encodeURIComponent(url).replace(/['()]/g, (each) => `%${each.charCodeAt(0).toString(16)}`);
}

function unescaped(text: string): string {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&amp;", "&");
}

const bare = (contentId: string): string => contentId.trim().replace(/^<|>$/g, "");

/** RFC 2392 section 2: percent-encoded, here within an attribute. */
function cidOf(text: string): string {
  const plain = unescaped(text);
  try {
    return decodeURIComponent(plain);
  } catch {
    return plain;
  }
}
