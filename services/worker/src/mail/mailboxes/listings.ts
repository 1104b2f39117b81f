import { type Call, type MailboxRole, noteProof } from "@postern/protocol";
import type { MailboxRecord } from "@postern/store";
import type { ImapSession, ListedMailbox } from "../../imap/session.ts";
import type { SharedWork } from "../../mirror/shared-work.ts";
import type { Sessions } from "../ports.ts";
import { withMailboxIds } from "./object-ids.ts";
import type { AccountRef, Registry } from "./registry.ts";
import { assignRoles } from "./roles.ts";

/** What an account has, as of one LIST. */
export interface Listing {
  /** In the server's order. */
  listed: readonly ListedMailbox[];
  /** By path. */
  records: ReadonlyMap<string, MailboxRecord>;
  /** By path. */
  roles: ReadonlyMap<string, MailboxRole>;
  /** Epoch milliseconds just before the command was sent. */
  asOf: number;
}

/** `all`: counters of all; `offered`: where they come with the list; `none`: unless something is new. */
export type Counters = "all" | "offered" | "none";

export interface Listings {
  /** LIST, sent after this is called, and what it shows taken into the registry. Shared like any proof. */
  current(account: AccountRef, counters: Counters, call: Call): Promise<Listing>;
}

export function createListings(sessions: Sessions, registry: Registry, shared: SharedWork): Listings {
  return {
    current: (account, counters, call) =>
      shared.ask(`list ${account.key} ${account.id} ${counters}`, call, async (own) => {
        for (;;) {
          await registry.settled(account, own);
          const listing = await sessions.use({ account: account.id, lane: "interactive", call: own }, (session) => {
            const wanted = counters === "all" || (counters === "offered" && session.abilities.listStatus);
            return listAndLearn(registry, account, session, own, wanted);
          });
          if (listing) return { ...listing, roles: assignRoles(listing.listed) };
        }
      }),
  };
}

/** Null: Postern changed paths meanwhile. */
async function listAndLearn(
  registry: Registry,
  account: AccountRef,
  session: ImapSession,
  call: Call,
  counters: boolean,
): Promise<Omit<Listing, "roles"> | null> {
  // A connection does not notice that its selected mailbox was made anew, not even by STATUS: selecting again does.
  if (counters && session.selected !== null) await session.examine(session.selected);
  const asOf = Date.now();
  noteProof(call.report, asOf);
  const turn = registry.turn(account);
  const listed = await session.list({ counters });
  if (counters) {
    const named = await withMailboxIds(session, listed, await registry.live(account));
    const records = await registry.learn(account, named, turn);
    return records && { listed, asOf, records };
  }
  const known = await registry.live(account);
  const paths = new Set(known.map(({ path }) => path));
  const hasNews = paths.size !== listed.length || listed.some(({ path }) => !paths.has(path));
  if (hasNews) return listAndLearn(registry, account, session, call, true);
  return { listed, asOf, records: new Map(known.map((record) => [record.path, record])) };
}
