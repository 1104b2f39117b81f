import type { Header } from "@postern/protocol";
import { decodeWords } from "./words.ts";

/** More lines than this are nobody's header. */
const MOST = 2_000;

/** A header section as names and unfolded, decoded values in their order. What is no header line is passed over. */
export function decodeHeaders(octets: Uint8Array): Header[] {
  return fieldsOf(octets).map(({ name, value }) => ({ name, value: decodeWords(value) }));
}

/** The octets, each as one character. */
export function rawHeaders(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString("latin1");
}

/** Message ids of the References field, oldest first (RFC 5322 section 3.6.4). */
export function referencesOf(octets: Uint8Array): string[] {
  const field = fieldsOf(octets).find(({ name }) => name.toLowerCase() === "references");
  return field?.value.match(/<[^<>\s]{1,998}>/g)?.slice(0, 1_000) ?? [];
}

/** Unfolded, not decoded. */
export function fieldsOf(octets: Uint8Array): Header[] {
  const unfolded = rawHeaders(octets).replace(/\r?\n(?=[ \t])/g, "");
  return unfolded.split(/\r?\n/, MOST).flatMap((line) => {
    const match = /^([!-9;-~]+)[ \t]*:(.*)$/s.exec(line);
    return match?.[1] === undefined ? [] : [{ name: match[1], value: (match[2] ?? "").trim() }];
  });
}
