import { Failure } from "@postern/protocol";
import type { Value } from "../response.ts";

const number = "[1-9]\\d{0,8}(?:\\.[1-9]\\d{0,8})*";
const fields = "HEADER\\.FIELDS(?:\\.NOT)? \\([!-'*-9;-z|}~]+(?: [!-'*-9;-z|}~]+)*\\)";
const valid = new RegExp(`^(?:|${number}|(?:${number}\\.)?(?:HEADER|TEXT|${fields})|${number}\\.MIME)$`, "i");

/** `BODY.PEEK[section]<offset.length>`. Throws `invalid-request` for what is no section (RFC 9051 section 9, section-spec). */
export function sectionItem(section: string, partial?: { offset: number; length: number }): string {
  if (!valid.test(section)) throw new Failure("invalid-request", { detail: "There is no such section of a message." });
  return `BODY.PEEK[${section}]${partial ? `<${partial.offset}.${partial.length}>` : ""}`;
}

export interface SectionName {
  /** To be compared: in capitals, without quotes. */
  section: string;
  /** Of `<origin>`; null where the whole section was sent. */
  origin: number | null;
}

/** From the name of a FETCH item, `BODY[1.MIME]<0>`. Null: another item. */
export function readSectionName(name: string): SectionName | null {
  const match = /^BODY\[([^\]]*)\](?:<(\d{1,15})>)?$/i.exec(name);
  if (!match) return null;
  return { section: comparable(match[1] ?? ""), origin: match[2] === undefined ? null : Number(match[2]) };
}

export function comparable(section: string): string {
  return section.replaceAll('"', "").replace(/ +/g, " ").toUpperCase();
}

/** Null: NIL. */
export function sectionOctets(value: Value): Uint8Array | null {
  if (Buffer.isBuffer(value)) return value;
  return typeof value === "string" ? Buffer.from(value, "latin1") : null;
}
