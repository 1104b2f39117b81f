import { type Message, unpackMessageId } from "@postern/protocol";
import type { MessagePlace } from "@postern/store";
import type { Abilities, FetchItems, ImapSession, SearchKey } from "../../imap/session.ts";
import { fingerprint } from "../../digest.ts";
import { type FactKind, type Facts, fetchFacts, itemsOf } from "../rows/facts.ts";

type Identity = NonNullable<Message["identity"]>;

const PRINT: FactKind[] = ["envelope", "internalDate", "size"];

/** By what messages are known again: the server's own id of them, else what does not change when they are moved. */
export function evidenceKinds({ guid }: Abilities): FactKind[] {
  return guid === null ? PRINT : ["guid"];
}

/** Whether everything is there that the message can be known again by. */
export function isEvident({ guid }: Abilities, facts: Facts | undefined): boolean {
  if (facts?.guid != null) return true;
  return (guid === null || facts?.guid === null) && PRINT.every((kind) => facts?.[kind] !== undefined);
}

/** What messages of the selected mailbox can be known again by; of one without an id of the server's, its fingerprint. */
export async function fetchEvidence(session: ImapSession, uids: readonly number[]): Promise<Map<number, Facts>> {
  const found = await fetchFacts(session, uids, evidenceKinds(session.abilities));
  const nameless = uids.filter((uid) => found.get(uid)?.guid === null && session.abilities.guid !== null);
  for (const [uid, facts] of await fetchFacts(session, nameless, PRINT)) found.set(uid, { ...facts, guid: null });
  return found;
}

/** The same, to be fetched beside something else. */
export function evidenceItems(abilities: Abilities): FetchItems {
  return itemsOf(evidenceKinds(abilities));
}

/**
 * What a message can be known again by, as one text; the same on copies. Null: nothing. A fingerprint is made of
 * Message-ID, INTERNALDATE and size, and its parts that IMAP can search for stand in it.
 */
export async function handleOf(facts: Facts | undefined): Promise<string | null> {
  if (!facts) return null;
  if (facts.guid) return facts.guid;
  const { envelope, internalDate, size } = facts;
  if (!envelope?.messageId || typeof internalDate !== "number" || size === undefined) return null;
  const name = await fingerprint(`${envelope.messageId} ${envelope.subject ?? ""}`);
  return `print:${(internalDate / 1000).toString(36)}:${size.toString(36)}:${name}`;
}

/** What an id rests on that was given with these facts. */
export function identityOf({ guid, envelope, internalDate, size }: Facts): Identity {
  const source = guid ? sourceOf(guid) : null;
  const hasPrint = Boolean(envelope?.messageId) && typeof internalDate === "number" && size !== undefined;
  const isKnown = source !== null || hasPrint;
  return { source: source ?? (hasPrint ? "fingerprint" : "uid"), survivesMove: isKnown, survivesReset: isKnown };
}

function sourceOf(guid: string): Identity["source"] {
  const kind = guid.slice(0, guid.indexOf(":"));
  return kind === "emailId" || kind === "gmail" ? kind : "guid";
}

const DAY_MS = 86_400_000;

/** What finds messages that a handle may be of; null for one that this server knows nothing of. */
export function searchFor({ guid }: Abilities, handle: string): SearchKey | null {
  const [kind = "", first = "", second = ""] = handle.split(":");
  if (kind !== "print") return kind === guid ? { guid: handle.slice(kind.length + 1) } : null;
  const [at, size] = [Number.parseInt(first, 36) * 1000, Number.parseInt(second, 36)];
  // Days are counted in the server's own time zone.
  return {
    and: [
      { day: "since", date: dayOf(at - DAY_MS) },
      { day: "before", date: dayOf(at + 2 * DAY_MS) },
      { larger: size - 1 },
      { smaller: size + 1 },
    ],
  };
}

function dayOf(at: number): { year: number; month: number; day: number } {
  const date = new Date(at);
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() };
}

/** Where the message of an id was born. */
export function birthIn(id: string): MessagePlace | null {
  const unpacked = unpackMessageId(id);
  return unpacked && { mailbox: unpacked.mailboxKey, uidValidity: unpacked.uidValidity, uid: unpacked.uid };
}

/**
 * Whether one that is known by the same handle as a message, and had arrived by this count of sightings, is a copy of it for
 * certain: the message was seen in its place when the other had arrived. What Gmail shows in several mailboxes is one message.
 */
export function wasBeside(handle: string, arrivedBy: number, seenAt: number): boolean {
  return !isOneMessage(handle) && arrivedBy <= seenAt;
}

/** Whether all that is known by it is one message, in however many mailboxes it is shown. */
export function isOneMessage(handle: string): boolean {
  return handle.startsWith("gmail:");
}
