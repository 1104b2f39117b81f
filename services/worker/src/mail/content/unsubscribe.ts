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
    addresses.filter((text) => scheme.test(text) && URL.canParse(text)).slice(0, MOST);
  const [urls, mailto] = [of(/^https?:\/\//i), of(/^mailto:/i)];
  if (urls.length === 0 && mailto.length === 0) return null;
  const isOffered = /^\s*List-Unsubscribe\s*=\s*One-Click\s*$/i.test(valueOf("list-unsubscribe-post"));
  return { urls, mailto, oneClick: isOffered && urls.some((url) => /^https:/i.test(url)) };
}
