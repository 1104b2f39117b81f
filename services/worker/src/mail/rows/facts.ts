import type { Call } from "@postern/protocol";
import type { Cache } from "@postern/store";
import type { Envelope, FetchedMessage, ImapSession, Structure } from "../../imap/session.ts";
import type { OpenMailbox } from "../open-mailbox.ts";

/** What never changes of a message under its mailbox, UIDVALIDITY and UID. Only what was needed so far is there. */
export interface Facts {
  envelope?: EnvelopeFacts;
  /** Epoch milliseconds. */
  internalDate?: number | null;
  size?: number;
  structure?: Structure;
  /** The text's beginning. Null: the message has no text. */
  snippet?: string | null;
}

/** `date` in epoch milliseconds. */
export type EnvelopeFacts = Omit<Envelope, "date"> & { date: number | null };

export type FactKind = "envelope" | "internalDate" | "size" | "structure";

const TTL_SECONDS = 30 * 24 * 3600;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * The facts of these kinds by UID, from the cache where they are and by one FETCH of what is missing. What could not be
 * had is absent: its message is gone. One that was cached may be gone too.
 */
export async function readFacts(
  cache: Cache,
  open: OpenMailbox,
  uids: readonly number[],
  kinds: readonly FactKind[],
  call: Call,
): Promise<Map<number, Facts>> {
  if (uids.length === 0) return new Map();
  const known = await recall(cache, open, uids);
  const lacking = uids.filter((uid) => kinds.some((kind) => known.get(uid)?.[kind] === undefined));
  if (kinds.length > 0) call.report.cacheHits += uids.length - lacking.length;
  call.report.cacheMisses += lacking.length;
  if (lacking.length > 0) {
    const missing = kinds.filter((kind) => lacking.some((uid) => known.get(uid)?.[kind] === undefined));
    const fetched = await fetchFacts(open.session, lacking, missing);
    for (const uid of lacking) {
      const facts = { ...known.get(uid), ...fetched.get(uid) };
      // A gone message has no row; one whose item the server leaves out is as good as gone.
      if (kinds.every((kind) => facts[kind] !== undefined)) known.set(uid, facts);
      else known.delete(uid);
    }
    await keep(cache, open, lacking, known);
  }
  return known;
}

/** Adds to what is cached of messages. */
export async function keep(
  cache: Cache,
  open: OpenMailbox,
  uids: readonly number[],
  facts: ReadonlyMap<number, Facts>,
): Promise<void> {
  const entries = uids.flatMap((uid): [string, Uint8Array][] => {
    const value = facts.get(uid);
    return value ? [[keyOf(open, uid), encoder.encode(JSON.stringify(value))]] : [];
  });
  if (entries.length > 0) await cache.setMany(open.account.id, entries, TTL_SECONDS);
}

async function recall(cache: Cache, open: OpenMailbox, uids: readonly number[]): Promise<Map<number, Facts>> {
  const values = await cache.getMany(
    open.account.id,
    uids.map((uid) => keyOf(open, uid)),
  );
  const known = new Map<number, Facts>();
  for (const [index, uid] of uids.entries()) {
    const value = values[index];
    const facts = value ? parse(value) : null;
    if (facts) known.set(uid, facts);
  }
  return known;
}

/** `1`: the version of what is kept. The account's key is in it: an id given to another account is another's. */
function keyOf({ account, record, state }: OpenMailbox, uid: number): string {
  return `facts1.${account.key}.${record.key}.${state.uidValidity}.${uid}`;
}

function parse(value: Uint8Array): Facts | null {
  try {
    return JSON.parse(decoder.decode(value)) as Facts;
  } catch {
    return null;
  }
}

/** Straight from the server, past the cache: for scans that would only wash other things out of it. */
export async function fetchFacts(
  session: ImapSession,
  uids: readonly number[],
  kinds: readonly FactKind[],
): Promise<Map<number, Facts>> {
  const rows = await session.fetch({ uids }, Object.fromEntries(kinds.map((kind) => [kind, true])));
  const asked = new Set(uids);
  return new Map(rows.filter(({ uid }) => asked.has(uid)).map((row) => [row.uid, factsOf(row)]));
}

function factsOf({ envelope, internalDate, size, structure }: FetchedMessage): Facts {
  return {
    ...(envelope && { envelope: { ...envelope, date: envelope.date?.getTime() ?? null } }),
    ...(internalDate !== undefined && { internalDate: internalDate?.getTime() ?? null }),
    ...(size !== undefined && { size }),
    ...(structure && { structure }),
  };
}
