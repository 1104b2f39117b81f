import { isFailure } from "@postern/protocol";
import type { MessagePlace } from "@postern/store";
import type { Core } from "../core.ts";
import type { OpenMailbox } from "../open-mailbox.ts";
import { textOf } from "./memory.ts";

/**
 * The places, as text, at which there certainly is no message any more. The other mailboxes are opened on the session at
 * hand, and then the one that was: whoever waits for another session while they hold one may wait for ever.
 */
export async function emptyAmong(
  core: Core,
  open: Omit<OpenMailbox, "idsOf">,
  places: readonly MessagePlace[],
): Promise<Set<string>> {
  const { session, record } = open;
  const empty = new Set<string>();
  const { writable } = session;
  // The one that is open comes first: afterwards another is selected.
  const groups = [...Map.groupBy(places, (place) => place.mailbox)];
  const [own, others] = [groups.filter(([key]) => key === record.key), groups.filter(([key]) => key !== record.key)];
  for (const [mailbox, group] of [...own, ...others]) {
    const left = await stillIn(core, open, mailbox, group);
    for (const place of group) if (left && !left.has(textOf.place(place))) empty.add(textOf.place(place));
  }
  if (session.selected !== record.path) await (writable ? session.select(record.path) : session.examine(record.path));
  return empty;
}

/** Null: nobody can tell right now. */
async function stillIn(
  core: Core,
  { account, session, record, state }: Omit<OpenMailbox, "idsOf">,
  mailbox: number,
  places: readonly MessagePlace[],
): Promise<Set<string> | null> {
  const other = mailbox === record.key ? record : await core.registry.find(account, mailbox);
  if (!other || other.goneAt !== null) return new Set();
  const found = mailbox === record.key ? state : await session.examine(other.path).catch(nullWhereRefused);
  if (!found) return null;
  const here = places.filter(({ uidValidity }) => uidValidity === found.uidValidity);
  if (here.length === 0) return new Set();
  const there = new Set(await session.search({ uids: here.map(({ uid }) => uid) }));
  return new Set(here.filter(({ uid }) => there.has(uid)).map(textOf.place));
}

function nullWhereRefused(error: unknown): null {
  if (isFailure(error) && error.upstream?.status === "NO") return null;
  throw error;
}
