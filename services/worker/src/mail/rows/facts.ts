import type { Call } from "@postern/protocol";
import type { Envelope, FetchedMessage, ImapSession, Structure } from "../../imap/session.ts";
import type { OpenMailbox } from "../open-mailbox.ts";
import type { FactStore } from "./fact-store.ts";
import { Known } from "./known.ts";

/** What never changes of a message under its mailbox, UIDVALIDITY and UID. Only what was needed so far is there. */
export interface Facts {
  envelope?: EnvelopeFacts;
  /** Epoch milliseconds. */
  internalDate?: number | null;
  size?: number;
  structure?: Structure;
  /** The server's own id of it; null: it gives none. */
  guid?: string | null;
  /** The text's beginning. Null: the message has no text. */
  snippet?: string | null;
}

/** `date` in epoch milliseconds. */
export type EnvelopeFacts = Omit<Envelope, "date"> & { date: number | null };

export type FactKind = "envelope" | "internalDate" | "size" | "structure" | "guid";

/** Where messages with these UIDs are. */
export type FactsPlace = Pick<OpenMailbox, "account"> & { record: { key: number }; state: { uidValidity: number } };

/**
 * The facts of these kinds by UID, from the cache where they are and by one FETCH of what is missing. What could not be
 * had is absent: its message is gone. One that was cached may be gone too.
 */
export async function readFacts(
  store: FactStore,
  open: OpenMailbox,
  uids: readonly number[],
  kinds: readonly FactKind[],
  call: Call,
): Promise<Map<number, Facts>> {
  const known = await readKnown(store, open, uids, kinds, call);
  return new Map([...known].map(([uid, each]) => [uid, each.facts]));
}

/** The same, with what is ready to be sent of them. */
export async function readKnown(
  store: FactStore,
  open: OpenMailbox,
  uids: readonly number[],
  kinds: readonly FactKind[],
  call: Call,
): Promise<Map<number, Known>> {
  if (uids.length === 0) return new Map();
  const known = await store.recall(open, uids);
  const lacking = lackingOf(known, uids, kinds);
  noteHits(call, uids.length, lacking.length, kinds);
  if (lacking.length > 0) {
    const missing = kinds.filter((kind) => lacking.some((uid) => known.get(uid)?.facts[kind] === undefined));
    const fetched = await fetchFacts(open.session, lacking, missing);
    complete(known, lacking, fetched, kinds);
    keep(store, open, lacking, known);
  }
  return known;
}

/** Those of which something of these kinds is not known. */
export function lackingOf(
  known: ReadonlyMap<number, Known>,
  uids: readonly number[],
  kinds: readonly FactKind[],
): number[] {
  return uids.filter((uid) => kinds.some((kind) => known.get(uid)?.has(kind) !== true));
}

export function noteHits(call: Call, asked: number, lacking: number, kinds: readonly FactKind[]): void {
  if (kinds.length > 0) call.report.cacheHits += asked - lacking;
  call.report.cacheMisses += lacking;
}

/** Takes in what was fetched. A gone message has no row; one whose item the server leaves out is as good as gone. */
export function complete(
  known: Map<number, Known>,
  uids: readonly number[],
  fetched: ReadonlyMap<number, Facts>,
  kinds: readonly FactKind[],
): void {
  for (const uid of uids) {
    const facts = { ...known.get(uid)?.facts, ...fetched.get(uid) };
    if (kinds.every((kind) => facts[kind] !== undefined))
      known.set(uid, known.get(uid)?.with(facts) ?? new Known(facts));
    else known.delete(uid);
  }
}

/** Adds to what is kept of messages. */
export function keep(
  store: FactStore,
  place: FactsPlace,
  uids: readonly number[],
  known: ReadonlyMap<number, Known>,
): void {
  store.keep(
    place,
    uids.flatMap((uid): [number, Known][] => {
      const value = known.get(uid);
      return value ? [[uid, value]] : [];
    }),
  );
}

/** Straight from the server, past the cache: for scans that would only wash other things out of it. */
export async function fetchFacts(
  session: ImapSession,
  uids: readonly number[],
  kinds: readonly FactKind[],
): Promise<Map<number, Facts>> {
  const rows = await session.fetch({ uids }, itemsOf(kinds));
  const asked = new Set(uids);
  return new Map(rows.filter(({ uid }) => asked.has(uid)).map((row) => [row.uid, factsOf(row)]));
}

export function itemsOf(kinds: readonly FactKind[]): Partial<Record<FactKind, true>> {
  return Object.fromEntries(kinds.map((kind) => [kind, true]));
}

export function factsOf({ envelope, internalDate, size, structure, guid }: FetchedMessage): Facts {
  return {
    ...(envelope && { envelope: { ...envelope, date: envelope.date?.getTime() ?? null } }),
    ...(internalDate !== undefined && { internalDate: internalDate?.getTime() ?? null }),
    ...(size !== undefined && { size }),
    ...(structure && { structure }),
    ...(guid !== undefined && { guid }),
  };
}
