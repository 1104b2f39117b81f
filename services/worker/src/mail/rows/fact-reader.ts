import type { Call } from "@postern/protocol";
import type { ImapSession } from "../../imap/session.ts";
import type { MirrorPlace } from "../../mirror/mirrors.ts";
import type { SharedWork } from "../../mirror/shared-work.ts";
import type { Sessions } from "../ports.ts";
import type { FactStore } from "./fact-store.ts";
import {
  complete,
  type FactKind,
  type Facts,
  type FactsPlace,
  fetchFacts,
  keep,
  lackingOf,
  noteHits,
} from "./facts.ts";
import type { Known } from "./known.ts";

/** Facts of messages that are known to be there, without a visit to their mailbox where they are at hand. */
export class FactReader {
  private readonly sessions: Sessions;
  private readonly shared: SharedWork;
  private readonly store: FactStore;
  /** What is to be fetched with the next FETCH: pages that are asked for at one time share it. */
  private readonly wanted = new Map<string, Set<number>>();

  constructor(sessions: Sessions, shared: SharedWork, store: FactStore) {
    this.sessions = sessions;
    this.shared = shared;
    this.store = store;
  }

  /** By UID; those that are gone by now are missing. */
  async read(
    mailbox: MirrorPlace,
    uidValidity: number,
    uids: readonly number[],
    kinds: readonly FactKind[],
    call: Call,
  ): Promise<Map<number, Known>> {
    const place = placeOf(mailbox, uidValidity);
    const known = await this.store.recall(place, uids);
    const lacking = lackingOf(known, uids, kinds);
    noteHits(call, uids.length, lacking.length, kinds);
    if (lacking.length > 0) {
      complete(known, lacking, await this.fetch(mailbox, uidValidity, lacking, kinds, call), kinds);
      keep(this.store, place, lacking, known);
    }
    return known;
  }

  private fetch(
    mailbox: MirrorPlace,
    uidValidity: number,
    uids: readonly number[],
    kinds: readonly FactKind[],
    call: Call,
  ): Promise<Map<number, Facts>> {
    const { account, path } = mailbox;
    const key = `fetch ${account.key} ${mailbox.mailbox} ${uidValidity} ${path} ${[...kinds].sort().join("+")}`;
    const wanted = this.wanted.get(key) ?? new Set<number>();
    this.wanted.set(key, wanted);
    for (const uid of uids) wanted.add(uid);
    return this.shared.ask(key, call, (own) => {
      const all = [...(this.wanted.get(key) ?? [])];
      this.wanted.delete(key);
      return this.sessions.use({ account: account.id, mailbox: path, lane: "interactive", call: own }, (session) =>
        fetchFrom(session, path, uidValidity, all, kinds),
      );
    });
  }
}

export function placeOf({ account, mailbox }: MirrorPlace, uidValidity: number): FactsPlace {
  return { account, record: { key: mailbox }, state: { uidValidity } };
}

/** Nothing where the mailbox is another one by now. */
async function fetchFrom(
  session: ImapSession,
  path: string,
  uidValidity: number,
  uids: readonly number[],
  kinds: readonly FactKind[],
): Promise<Map<number, Facts>> {
  // Facts never change: it makes no difference how long ago the mailbox was opened …
  const isOpen = session.selected === path && session.selectedUidValidity === uidValidity;
  if (!isOpen && (await session.examine(path))?.uidValidity !== uidValidity) return new Map();
  const found = await fetchFacts(session, uids, kinds);
  const missing = uids.filter((uid) => !found.has(uid));
  if (!isOpen || missing.length === 0) return found;
  // … but of what has come since, a connection knows nothing before it is told (RFC 9051 section 5.2).
  await session.noop();
  return new Map([...found, ...(await fetchFacts(session, missing, kinds))]);
}
