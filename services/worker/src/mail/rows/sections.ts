import type { ImapSession } from "../../imap/session.ts";

export interface SectionRequest {
  section: string;
  /** Octets from the beginning. */
  limit: number;
  /** Octets that there are, where it is known. */
  size?: number;
}

/** Octets by section, as asked. */
export type Sections = Map<string, Uint8Array>;

/** Octets that one FETCH may bring. */
const BATCH = 8 << 20;

/** Sections of many messages: those that want the same ones share a FETCH. Messages that are gone are missing. */
export async function fetchSections(
  session: ImapSession,
  requests: ReadonlyMap<number, readonly SectionRequest[]>,
): Promise<Map<number, Sections>> {
  const result = new Map<number, Sections>();
  for (const [wanted, uids] of groups(requests)) {
    if (wanted === "") {
      for (const uid of uids) result.set(uid, new Map());
      continue;
    }
    for (const batch of batches(uids, requests)) await fetchBatch(session, batch, requests, result);
  }
  return result;
}

function groups(requests: ReadonlyMap<number, readonly SectionRequest[]>): Map<string, number[]> {
  return Map.groupBy(requests.keys(), (uid) =>
    (requests.get(uid) ?? []).map(({ section, limit }) => `${section}<${limit}>`).join(" "),
  );
}

function* batches(
  uids: readonly number[],
  requests: ReadonlyMap<number, readonly SectionRequest[]>,
): Generator<number[]> {
  let batch: number[] = [];
  let octets = 0;
  for (const uid of uids) {
    const own = (requests.get(uid) ?? []).reduce((sum, { limit, size }) => sum + Math.min(limit, size ?? limit), 0);
    if (batch.length > 0 && octets + own > BATCH) {
      yield batch;
      batch = [];
      octets = 0;
    }
    batch.push(uid);
    octets += own;
  }
  if (batch.length > 0) yield batch;
}

async function fetchBatch(
  session: ImapSession,
  uids: readonly number[],
  requests: ReadonlyMap<number, readonly SectionRequest[]>,
  result: Map<number, Sections>,
): Promise<void> {
  const sections = (requests.get(uids[0] ?? 0) ?? []).map(({ section, limit }) => ({ section, limit }));
  const asked = new Set(uids);
  for (const row of await session.fetch({ uids }, { sections })) {
    if (!row.sections || !asked.has(row.uid)) continue;
    const octets = sections.flatMap(({ section }): [string, Uint8Array][] => {
      const value = row.sections?.get(section.toUpperCase()) ?? row.sections?.get(section);
      return value ? [[section, value]] : [];
    });
    result.set(row.uid, new Map(octets));
  }
}
