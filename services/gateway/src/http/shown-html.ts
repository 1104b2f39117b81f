import type { Message } from "@postern/protocol";
import type { FastifyRequest } from "fastify";
import type { Access } from "../access/index.ts";
import { publicPath } from "./addresses.ts";

/** The message with its HTML as it is shown, and whether it carries addresses that expire. */
export type ShowHtml = (account: string, message: Message) => { html: string | null; expires: boolean };

/** Sanitized HTML has its attributes in double quotes, with everything in them escaped: nothing else looks like this. */
const picture = /(<img(?: [a-z-]+(?:="[^"]*")?)*? src=")cid:([^"]*)(?=")/g;

/**
 * Gives pictures of the message itself addresses that an `<img>` can load without a header: each carries a ticket for that
 * part alone. A picture that the message does not have keeps what it says.
 */
export function htmlShower(access: Access, publicUrl: string | undefined, request: FastifyRequest): ShowHtml {
  const { origin } = new URL(publicUrl ?? `${request.protocol}://${request.host}`);
  return (account, { id, html = null, attachments = [] }) => {
    if (html === null || request.identity === null) return { html, expires: false };
    const { identity } = request;
    const parts = new Map(attachments.map(({ contentId, part }) => [bare(contentId ?? ""), part]));
    let expires = false;
    const shown = html.replace(picture, (all: string, before: string, cid: string) => {
      const part = parts.get(bare(cidOf(cid)));
      if (part === undefined || cid === "") return all;
      expires = true;
      const path = `/v1/accounts/${account}/messages/${id}/parts/${part}`;
      return `${before}${origin}${publicPath(publicUrl, path)}?ticket=${access.partTicket(identity, account, path)}`;
    });
    return { html: shown, expires };
  };
}

const bare = (contentId: string): string => contentId.trim().replace(/^<|>$/g, "");

/** RFC 2392 section 2: percent-encoded, here within an attribute. */
function cidOf(text: string): string {
  const plain = text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&amp;", "&");
  try {
    return decodeURIComponent(plain);
  } catch {
    return plain;
  }
}
