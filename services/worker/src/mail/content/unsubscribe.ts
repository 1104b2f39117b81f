import type { ListUnsubscribe } from "@postern/protocol";
import { fieldsOf } from "./headers.ts";

const MOST = 10;

/** RFC 2369 section 3.2 and, for one click, RFC 8058 section 3.1. Null: the message offers no way. */
export function listUnsubscribeOf(header: Uint8Array): ListUnsubscribe | null {
  const fields = fieldsOf(header);
  const valueOf = (wanted: string): string =>
    fields.find(({ name }) => name.toLowerCase() === wanted)?.value.slice(0, 8_000) ?? "";
  const addresses = [...valueOf("list-unsubscribe").matchAll(/<\s*([^<>]{1,2000}?)\s*>/g)].map(([, text = ""]) =>
    text.replace(/\s/g, ""),
  );
  const of = (scheme: RegExp): string[] =>
    [...new Set(addresses.flatMap((text) => (scheme.test(text) ? (addressIn(text) ?? []) : [])))].slice(0, MOST);
  const [urls, mailto] = [of(/^https?:\/\//i), of(/^mailto:/i)];
  if (urls.length === 0 && mailto.length === 0) return null;
  const isOffered = /^\s*List-Unsubscribe\s*=\s*One-Click\s*$/i.test(valueOf("list-unsubscribe-post"));
  return { urls, mailto, oneClick: isOffered && urls.some((url) => /^https:/i.test(url)) };
}

/** As browsers spell it. Null for what would log somebody in, or break out of a line of the mail that it asks for. */
function addressIn(text: string): string | null {
  const url = URL.parse(text);
  if (!url || url.username !== "" || url.password !== "") return null;
  return url.protocol === "mailto:" && /%0[ad]/i.test(url.href) ? null : url.href;
}
