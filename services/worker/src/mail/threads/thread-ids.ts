import type { Cache, ThreadStore } from "@postern/store";
import type { OpenMailbox } from "../open-mailbox.ts";
import type { FactsPlace } from "../rows/facts.ts";
import { type Evidence, readEvidence } from "./evidence.ts";
import { wishOf } from "./wish.ts";

export interface ThreadIds {
  /** The thread of each by UID, given now where it has none. Those that are gone are missing. */
  of(open: OpenMailbox, uids: readonly number[]): Promise<Map<number, number>>;
  /** Those that are at hand without looking at a message. */
  known(place: FactsPlace, uids: readonly number[]): Promise<Map<number, number>>;
  /** As `of`, for messages that were looked at. */
  ofEvidence(open: OpenMailbox, evidence: readonly Evidence[]): Promise<Map<number, number>>;
}

const TTL_SECONDS = 30 * 24 * 3600;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A thread is given once and stays: what is cached of it is true for good. */
export function createThreadIds(threads: ThreadStore, cache: Cache): ThreadIds {
  const ofEvidence: ThreadIds["ofEvidence"] = async (open, evidence) => {
    if (evidence.length === 0) return new Map();
    const ids = await open.idsOf(evidence.map(({ uid }) => uid));
    const wishes = await Promise.all(evidence.map((each) => wishOf(each, ids.get(each.uid) ?? "")));
    const given = await threads.assign(open.account.id, wishes);
    const found = new Map(evidence.map(({ uid }, index) => [uid, given[index] ?? 0]));
    await cache.setMany(
      open.account.id,
      [...found].map(([uid, thread]) => [keyOf(open, uid), encoder.encode(String(thread))] as const),
      TTL_SECONDS,
    );
    return found;
  };
  const known: ThreadIds["known"] = async (place, uids) => {
    const keys = uids.map((uid) => keyOf(place, uid));
    const values = await cache.getMany(place.account.id, keys);
    return new Map(
      uids.flatMap((uid, index): [number, number][] => {
        const thread = numberIn(values[index]);
        return thread === null ? [] : [[uid, thread]];
      }),
    );
  };
  return {
    ofEvidence,
    known,
    of: async (open, uids) => {
      if (uids.length === 0) return new Map();
      const found = await known(open, uids);
      const missing = uids.filter((uid) => !found.has(uid));
      if (missing.length === 0) return found;
      const evidence = await readEvidence(open.session, { uids: missing });
      return new Map([...found, ...(await ofEvidence(open, evidence))]);
    },
  };
}

function numberIn(value: Uint8Array | null | undefined): number | null {
  const thread = value ? Number(decoder.decode(value)) : Number.NaN;
  return Number.isSafeInteger(thread) && thread > 0 ? thread : null;
}

/** `1`: the version of what is kept. The account's key is in it: an id given to another account is another's. */
function keyOf({ account, record, state }: FactsPlace, uid: number): string {
  return `thread1.${account.key}.${record.key}.${state.uidValidity}.${uid}`;
}
