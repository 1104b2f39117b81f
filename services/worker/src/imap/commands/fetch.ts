import type { Connection } from "../connection.ts";
import { readEnvelope } from "../envelope.ts";
import { bigintOf, type DataResponse, listOf, numberOf, octetsOf, type Value } from "../response.ts";
import type { Abilities, FetchedMessage, FetchItems, FetchRange } from "../session.ts";
import { readStructure } from "../structure.ts";
import { packSets } from "../uid-set.ts";

/** FETCH and UID FETCH (RFC 9051 section 6.4.5), always with PEEK. Rows that carry no UID are news of something else. */
export async function fetch(
  connection: Connection,
  abilities: Abilities,
  range: FetchRange,
  items: FetchItems,
): Promise<FetchedMessage[]> {
  const rows = new Map<number, FetchedMessage>();
  const names = itemNames(abilities, items);
  for (const { command, set } of sets(range)) {
    await connection.run({
      name: "FETCH",
      parts: [`${command} ${set} (${names})`],
      onData: (response) => {
        if (response.name === "FETCH") takeRow(rows, response, items);
      },
    });
  }
  return [...rows.values()];
}

function sets(range: FetchRange): { command: string; set: string }[] {
  if ("sequence" in range) return [{ command: "FETCH", set: `${range.sequence.from}:${range.sequence.to}` }];
  if ("uidRange" in range) return [{ command: "UID FETCH", set: `${range.uidRange.from}:${range.uidRange.to}` }];
  return packSets(range.uids).map((set) => ({ command: "UID FETCH", set }));
}

function itemNames(abilities: Abilities, items: FetchItems): string {
  const names = ["UID"];
  if (items.flags) names.push("FLAGS");
  if (items.flags && abilities.condstore) names.push("MODSEQ");
  if (items.internalDate) names.push("INTERNALDATE");
  if (items.size) names.push("RFC822.SIZE");
  if (items.envelope) names.push("ENVELOPE");
  if (items.structure) names.push("BODYSTRUCTURE");
  for (const { section, limit } of items.sections ?? []) {
    names.push(`BODY.PEEK[${section}]${limit === undefined ? "" : `<0.${limit}>`}`);
  }
  return names.join(" ");
}

/**
 * Servers may cut one message's items into several responses, and tell of flags changed meanwhile in responses of their
 * own, with a UID or without: items are put together by UID, and what was not asked for is left out.
 */
function takeRow(rows: Map<number, FetchedMessage>, response: DataResponse, items: FetchItems): void {
  const values = listOf(response.values[0]);
  const uid = findUid(values);
  if (uid === null || response.number === null) return;
  const row = rows.get(uid) ?? { uid, sequence: response.number };
  rows.set(uid, row);
  for (let at = 0; at + 1 < values.length; at += 2)
    takeItem(row, octetsOf(values[at]) ?? "", values[at + 1] ?? null, items);
}

function findUid(values: Value[]): number | null {
  for (let at = 0; at + 1 < values.length; at += 2) {
    const name = values[at];
    if (typeof name === "string" && name.toUpperCase() === "UID") return numberOf(values[at + 1]) || null;
  }
  return null;
}

function takeItem(row: FetchedMessage, name: string, value: Value, items: FetchItems): void {
  switch (name.toUpperCase()) {
    case "FLAGS":
      if (items.flags) row.flags = listOf(value).flatMap((flag) => octetsOf(flag) ?? []);
      break;
    case "MODSEQ":
      if (items.flags) row.modseq = bigintOf(listOf(value)[0]);
      break;
    case "INTERNALDATE":
      if (items.internalDate) row.internalDate = readInternalDate(octetsOf(value));
      break;
    case "RFC822.SIZE":
      if (items.size) row.size = numberOf(value) ?? 0;
      break;
    case "ENVELOPE":
      if (items.envelope) row.envelope = readEnvelope(value);
      break;
    case "BODYSTRUCTURE":
      if (items.structure) takeStructure(row, value);
      break;
    default:
      takeSection(row, name, value);
  }
}

function takeStructure(row: FetchedMessage, value: Value): void {
  const structure = readStructure(value);
  if (structure) row.structure = structure;
}

function takeSection(row: FetchedMessage, name: string, value: Value): void {
  const match = /^BODY\[([^\]]*)\](?:<\d+>)?$/i.exec(name);
  if (!match?.[1] && match?.[1] !== "") return;
  row.sections ??= new Map();
  row.sections.set(match[1].toUpperCase(), sectionOctets(value));
}

export function sectionOctets(value: Value): Uint8Array | null {
  if (Buffer.isBuffer(value)) return value;
  return typeof value === "string" ? Buffer.from(value, "latin1") : null;
}

/** `"17-Jul-1996 02:44:25 -0700"` (RFC 9051 section 9, date-time); null for anything else. */
export function readInternalDate(text: string | null): Date | null {
  const match = /^ ?(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d\d:\d\d:\d\d) ([+-]\d{4})$/.exec(text ?? "");
  if (!match) return null;
  const [, day, month, year, time, zone] = match;
  const date = new Date(`${day} ${month} ${year} ${time} ${zone}`);
  return Number.isNaN(date.getTime()) ? null : date;
}
