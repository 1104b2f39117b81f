import { isFailure } from "@postern/protocol";
import type { Connection } from "../connection.ts";
import { readEnvelope } from "../envelope.ts";
import { bigintOf, type DataResponse, listOf, numberOf, octetsOf, uidOf, type Value } from "../response.ts";
import type { Abilities, FetchedMessage, FetchItems, FetchRange } from "../session.ts";
import { readStructure } from "../structure.ts";
import { packSets } from "../uid-set.ts";
import { readGuid, readObjectId } from "../object-id.ts";
import { comparable, readSectionName, sectionItem, sectionOctets } from "./section.ts";

/** FETCH and UID FETCH (RFC 9051 section 6.4.5), always with PEEK. Rows that were not asked for are news of something else. */
export async function fetch(
  connection: Connection,
  abilities: Abilities,
  range: FetchRange,
  items: FetchItems,
): Promise<FetchedMessage[]> {
  const rows = new Map<number, FetchedMessage>();
  const names = itemNames(abilities, items);
  const wanted = isWanted(range);
  for (const { command, set } of sets(range)) {
    const since = items.changedSince === undefined ? "" : ` (CHANGEDSINCE ${items.changedSince})`;
    await runFetch(connection, `${command} ${set} (${names})${since}`, (response) =>
      takeRow(rows, response, items, wanted),
    );
  }
  if (items.guid) for (const row of rows.values()) row.guid ??= null;
  return [...rows.values()];
}

/** One FETCH command. That some of its messages are gone by now is no failure of it. */
export async function runFetch(
  connection: Connection,
  command: string,
  onRow: (response: DataResponse) => void,
): Promise<void> {
  try {
    await connection.run({
      name: "FETCH",
      parts: [command],
      onData: (response) => {
        if (response.name === "FETCH") onRow(response);
      },
    });
  } catch (error) {
    // RFC 5530: "some of the messages … no longer exist"; what remains has been sent.
    if (!isFailure(error) || error.upstream?.code !== "EXPUNGEISSUED" || !connection.usable) throw error;
  }
}

function sets(range: FetchRange): { command: string; set: string }[] {
  // A range that is upside down would mean the same as the right way up.
  if ("sequence" in range) return inclusive(range.sequence).map((set) => ({ command: "FETCH", set }));
  if ("uidRange" in range) return inclusive(range.uidRange).map((set) => ({ command: "UID FETCH", set }));
  return packSets(range.uids).map((set) => ({ command: "UID FETCH", set }));
}

function inclusive({ from, to }: { from: number; to: number }): string[] {
  const first = Math.max(1, from);
  const last = Math.min(to, 0xffffffff);
  return first <= last ? [`${first}:${last}`] : [];
}

function isWanted(range: FetchRange): (uid: number, sequence: number) => boolean {
  if ("sequence" in range) return (_, sequence) => sequence >= range.sequence.from && sequence <= range.sequence.to;
  if ("uidRange" in range) return (uid) => uid >= range.uidRange.from && uid <= range.uidRange.to;
  const uids = new Set(range.uids);
  return (uid) => uids.has(uid);
}

/** RFC 8474 section 5.1, and what Gmail and Dovecot have of the kind. */
const guidItems = { emailId: "EMAILID", gmail: "X-GM-MSGID", dovecot: "X-GUID" } as const;

function itemNames(abilities: Abilities, items: FetchItems): string {
  const names = ["UID"];
  if (items.flags) names.push("FLAGS");
  if (items.flags && abilities.condstore) names.push("MODSEQ");
  if (items.internalDate) names.push("INTERNALDATE");
  if (items.size) names.push("RFC822.SIZE");
  if (items.envelope) names.push("ENVELOPE");
  if (items.structure) names.push("BODYSTRUCTURE");
  if (items.threadId && abilities.objectId) names.push("THREADID");
  else if (items.threadId && abilities.gmail) names.push("X-GM-THRID");
  if (items.guid && abilities.guid) names.push(guidItems[abilities.guid]);
  for (const { section, limit } of items.sections ?? []) {
    names.push(sectionItem(section, limit === undefined ? undefined : { offset: 0, length: limit }));
  }
  return names.join(" ");
}

/**
 * Servers may cut one message's items into several responses, and tell of flags changed meanwhile in responses of their
 * own, with a UID or without: items are put together by UID, and what was not asked for is left out.
 */
export function takeRow(
  rows: Map<number, FetchedMessage>,
  response: DataResponse,
  items: FetchItems,
  wanted: (uid: number, sequence: number) => boolean,
): void {
  const values = listOf(response.values[0]);
  const uid = findUid(values);
  if (uid === null || response.number === null || !wanted(uid, response.number)) return;
  const row = rows.get(uid) ?? { uid, sequence: response.number };
  rows.set(uid, row);
  for (let at = 0; at + 1 < values.length; at += 2)
    takeItem(row, octetsOf(values[at]) ?? "", values[at + 1] ?? null, items);
}

export function findUid(values: Value[]): number | null {
  for (let at = 0; at + 1 < values.length; at += 2) {
    const name = values[at];
    if (typeof name === "string" && name.toUpperCase() === "UID") return uidOf(values[at + 1]);
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
    case "EMAILID":
      if (items.guid) row.guid = named("emailId", readObjectId(octetsOf(listOf(value)[0])));
      break;
    case "X-GM-MSGID":
      if (items.guid) row.guid = named("gmail", readGuid(octetsOf(value)));
      break;
    case "X-GUID":
      if (items.guid) row.guid = named("dovecot", readGuid(octetsOf(value)));
      break;
    case "BODYSTRUCTURE":
      if (items.structure) row.structure = readStructure(value);
      break;
    case "THREADID":
    case "X-GM-THRID":
      if (items.threadId) row.threadId = readThreadId(value);
      break;
    default:
      takeSection(row, name, value, items);
  }
}

/** An objectid (RFC 8474 section 7) in parentheses, or a number; what is neither is of no use as a name. */
function readThreadId(value: Value): string | null {
  const text = octetsOf(Array.isArray(value) ? value[0] : value);
  return text !== null && /^[A-Za-z0-9_-]{1,255}$/.test(text) && !/^nil$/i.test(text) ? text : null;
}

function named(kind: NonNullable<Abilities["guid"]>, guid: string | null): string | null {
  return guid === null ? null : `${kind}:${guid}`;
}

function takeSection(row: FetchedMessage, name: string, value: Value, items: FetchItems): void {
  const answered = readSectionName(name);
  if (!answered) return;
  for (const { section, limit } of items.sections ?? []) {
    if (comparable(section) !== answered.section || (answered.origin ?? 0) !== 0) continue;
    row.sections ??= new Map();
    row.sections.set(section, sectionOctets(value)?.subarray(0, limit) ?? null);
  }
}

/** `"17-Jul-1996 02:44:25 -0700"` (RFC 9051 section 9, date-time); null for anything else. */
export function readInternalDate(text: string | null): Date | null {
  const match = /^ ?(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d\d:\d\d:\d\d) ([+-]\d{4})$/.exec(text ?? "");
  if (!match) return null;
  const [, day, month, year, time, zone] = match;
  const date = new Date(`${day} ${month} ${year} ${time} ${zone}`);
  return Number.isNaN(date.getTime()) ? null : date;
}
