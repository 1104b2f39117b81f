import { isFailure } from "@postern/protocol";
import type { MessagePlace } from "@postern/store";
import type { Core } from "../core.ts";
import type { OpenMailbox } from "../open-mailbox.ts";
import type { ImapSession } from "../../imap/session.ts";
import { fetchEvidence, handleOf, searchFor } from "./handle.ts";
import { textOf } from "./memory.ts";

/** Where a message was, and what it can be known again by. */
export interface Former {
  place: MessagePlace;
  handle: string;
}

/**
 * The places, as text, at which there certainly is no message any more. Of one in another mailbox that has a new UIDVALIDITY
 * since, that is so where nothing in the mailbox can be the message. The other mailboxes are opened on the session at
 * hand, and then the one that was: whoever waits for another session while they hold one may wait for ever.
 */
export async function emptyAmong(
  core: Core,
  open: Omit<OpenMailbox, "idsOf">,
  formers: readonly Former[],
): Promise<Set<string>> {
  const { session, record } = open;
  const empty = new Set<string>();
  const { writable } = session;
  // The one that is open comes first: afterwards another is selected.
  const groups = [...Map.groupBy(formers, ({ place }) => place.mailbox)];
  const [own, others] = [groups.filter(([key]) => key === record.key), groups.filter(([key]) => key !== record.key)];
  for (const [mailbox, group] of [...own, ...others]) {
    const left = await stillIn(core, open, mailbox, group);
    for (const { place } of group) if (left && !left.has(textOf.place(place))) empty.add(textOf.place(place));
  }
  if (session.selected !== record.path) await (writable ? session.select(record.path) : session.examine(record.path));
  return empty;
}

/** Null: nobody can tell right now. */
async function stillIn(
  core: Core,
  { account, session, record, state }: Omit<OpenMailbox, "idsOf">,
  mailbox: number,
  formers: readonly Former[],
): Promise<Set<string> | null> {
  const other = mailbox === record.key ? record : await core.registry.find(account, mailbox);
  if (!other || other.goneAt !== null) return new Set();
  const found = mailbox === record.key ? state : await session.examine(other.path).catch(nullWhereRefused);
  if (!found) return null;
  const isHere = ({ place }: Former): boolean => place.uidValidity === found.uidValidity;
  const here = formers.filter(isHere);
  const there = new Set(here.length === 0 ? [] : await session.search({ uids: here.map(({ place }) => place.uid) }));
  const left = here.filter(({ place }) => there.has(place.uid));
  // Where this very mailbox was reset, what is shown may be the message itself.
  if (mailbox !== record.key)
    left.push(
      ...(await maybeIn(
        session,
        formers.filter((former) => !isHere(former)),
      )),
    );
  return new Set(left.map(({ place }) => textOf.place(place)));
}

/** Those of which the selected mailbox has what may be the message. */
async function maybeIn(session: ImapSession, formers: readonly Former[]): Promise<Former[]> {
  const handles = new Set(formers.map(({ handle }) => handle));
  const found = new Set<string | null>();
  for (const handle of handles) {
    const key = searchFor(session.abilities, handle);
    const uids = key ? await session.search(key) : [];
    const facts = await fetchEvidence(session, uids);
    for (const each of facts.values()) found.add(await handleOf(each));
  }
  return formers.filter(({ handle }) => found.has(handle));
}

function nullWhereRefused(error: unknown): null {
  if (isFailure(error) && error.upstream?.status === "NO") return null;
  throw error;
}
