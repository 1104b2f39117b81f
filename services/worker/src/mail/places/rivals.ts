import type { MessagePlace } from "@postern/store";
import type { ImapSession } from "../../imap/session.ts";
import type { Core } from "../core.ts";
import { knownNext } from "../mailboxes/reconcile.ts";
import type { AccountRef } from "../mailboxes/registry.ts";
import { isSelectable } from "../mailboxes/tree.ts";
import type { OpenMailbox } from "../open-mailbox.ts";
import { fetchEvidence, handleOf, isOneMessage, searchFor } from "./handle.ts";

/** A message that was seen last at this count, and that something in the opened mailbox may be. */
export interface Sought {
  handle: string;
  seen: number;
}

const MOST_MAILBOXES = 300;
const NEWEST = 20_000;

/**
 * Handles of those that something in another mailbox may be just as well: it came after they were seen last, and has no id
 * of its own. Only mailboxes are looked into to which something has come since, on the session at hand.
 */
export async function soughtElsewhere(
  core: Core,
  { account, session, record }: Omit<OpenMailbox, "idsOf">,
  sought: readonly Sought[],
): Promise<Set<string>> {
  const found = new Set<string>();
  const wanted = sought.filter(({ handle }) => !isOneMessage(handle));
  if (wanted.length === 0) return found;
  const { writable } = session;
  const others = (await session.list({ counters: true })).filter((each) => each.path !== record.path);
  for (const { path, status } of others.filter(isSelectable).slice(0, MOST_MAILBOXES)) {
    const other = await core.registry.at(account, path);
    if (!status || status.messages === 0 || status.uidNext === null) continue;
    const { uidValidity, uidNext } = status;
    for (const { handle, seen } of wanted) {
      const from = Math.max(other ? knownNext(other, uidValidity, seen) : 1, uidNext - NEWEST);
      if (from >= uidNext || found.has(handle)) continue;
      const uids = await alike(session, path, handle, from);
      const places = uids.map((uid) => ({ mailbox: other?.key ?? 0, uidValidity, uid }));
      if (await hasFree(core, account, places)) found.add(handle);
    }
  }
  if (session.selected !== record.path) await (writable ? session.select(record.path) : session.examine(record.path));
  return found;
}

async function alike(session: ImapSession, path: string, handle: string, from: number): Promise<number[]> {
  const key = searchFor(session.abilities, handle);
  if (!key || (session.selected !== path && !(await session.examine(path)))) return [];
  const uids = await session.search({ and: [{ uidRange: { from, to: 0xffffffff } }, key] });
  const facts = await fetchEvidence(session, uids);
  const handles = await Promise.all(uids.map((uid) => handleOf(facts.get(uid))));
  return uids.filter((_, at) => handles[at] === handle);
}

/** Asks the store itself: to wait for moves that are under way, with a session in hand that they need, might be for ever. */
async function hasFree(core: Core, { id }: AccountRef, places: readonly MessagePlace[]): Promise<boolean> {
  if (places.length === 0) return false;
  const [given, births] = await Promise.all([core.moved.handlesOf(id, places), core.moved.birthsAt(id, places)]);
  return places.some((_, at) => given[at] === null && births[at] === null);
}
