import { type Failure, isFailure, packMailboxId, packMessageId } from "@postern/protocol";
import type { Evidence } from "@postern/store";
import type { Copied } from "../../imap/session.ts";
import type { Core } from "../core.ts";
import { messageGone } from "../locate-message.ts";
import type { AccountRef } from "../mailboxes/registry.ts";
import { noSuchMailbox, type OpenMailbox } from "../open-mailbox.ts";
import { handleOf } from "../places/handle.ts";
import type { Destination as PlacesOf } from "../places/places.ts";
import { factsOf } from "../rows/facts.ts";
import type { Row } from "./admit.ts";
import { type Arrivals, type Destination, findArrivals, stillThere } from "./arrivals.ts";
import { lookUp, partlyDone, withOutcome } from "./look-up.ts";
import type { Chunk } from "./run.ts";

/** Messages that are being brought from one mailbox to another. */
export interface Transfer {
  kind: "move" | "copy";
  open: OpenMailbox;
  rows: Row[];
  to: Destination;
}

/** The destination just before anything is brought there. Throws `not-found` where it is no more. */
export async function destination(core: Core, chunk: Chunk, open: OpenMailbox, key: number): Promise<Destination> {
  const record = await core.registry.find(chunk.account, key);
  if (!record || record.goneAt !== null) throw noSuchMailbox();
  const { path } = record;
  // STATUS is not for the mailbox that is selected (RFC 9051 section 6.3.11).
  const status = path === open.record.path ? open.state : await open.session.status(path);
  if (!status) throw noSuchMailbox();
  const { uidValidity, uidNext } = status;
  return { mailbox: key, path, uidValidity, uidNext };
}

/** Null: COPYUID does not tell, or tells of another mailbox than the one that was there just before. */
export function arrivalsIn(copied: Copied | null, to: Destination): Arrivals | null {
  return copied && copied.uidValidity === to.uidValidity ? copied.uids : null;
}

/** The results of messages that are where they were to be brought: what was moved keeps its id, a copy has one of its own. */
export async function tellArrived(
  core: Core,
  { results, account, call }: Chunk,
  { kind, to }: Transfer,
  rows: readonly Row[],
  arrivals: Arrivals,
): Promise<void> {
  const { mailbox, uidValidity } = to;
  const uids = rows.map(({ uid }) => arrivals.get(uid) ?? 0);
  const from = rows.map(({ place }) => place);
  const place = { accountKey: account.key, mailboxKey: mailbox };
  const born = uids.map((uid) => packMessageId({ ...place, uidValidity, uid }));
  if (kind === "copy") core.causes.note(account.id, born, call);
  if (kind === "move") await core.places.noteMoved(account, from, { mailbox, uidValidity, uids }).catch(wasMoved);
  else await noteCopies(core, account, rows, { mailbox, uidValidity, uids });
  for (const [at, { target }] of rows.entries()) {
    const id = kind === "move" ? target.id : (born[at] ?? "");
    results.done(target.id, { id, mailboxId: packMailboxId(place) });
  }
}

/**
 * A copy that was given out is taken for nothing else, also when its original goes before anybody has looked at it. Where
 * that cannot be written, the copies are as those that other clients make.
 */
async function noteCopies(
  core: Core,
  account: AccountRef,
  rows: readonly Row[],
  { mailbox, uidValidity, uids }: PlacesOf,
): Promise<void> {
  const handles = await Promise.all(rows.map(({ facts }) => handleOf(factsOf(facts))));
  const copies = uids.flatMap((uid, at): Evidence[] => {
    const handle = handles[at] ?? null;
    return handle === null ? [] : [{ birth: { mailbox, uidValidity, uid }, handle }];
  });
  await core.places.evidence.note(account, copies).catch(() => undefined);
}

/** The mail server has moved them; that the table of places could not be written makes it no less done. */
function wasMoved(error: unknown): never {
  throw isFailure(error) ? error.withOutcome("done") : error;
}

/** After a refusal or a lost connection: what is in the source, and what has come to the destination. */
export async function settleTransfer(core: Core, chunk: Chunk, transfer: Transfer, failure: Failure): Promise<void> {
  if (failure.outcome === "done") throw failure;
  const { open, to } = transfer;
  const rows = transfer.rows.filter(({ target }) => !chunk.results.has(target.id));
  const uids = rows.map(({ uid }) => uid);
  const isDone = (found: Found, { uid }: Row): boolean =>
    found.arrivals.has(uid) && (transfer.kind === "copy" || found.there?.has(uid) === false);
  const seen = await lookUp(
    core,
    chunk,
    failure,
    async (session): Promise<Found | null> => {
      const there = await stillThere(session, open.record.path, open.state.uidValidity, uids);
      const arrivals = await findArrivals(session, to, rows);
      return arrivals && { there, arrivals };
    },
    (found) => found !== null && rows.every((row) => isDone(found, row)),
  );
  const done = rows.filter((row) => seen?.found && isDone(seen.found, row));
  for (const row of rows)
    if (!done.includes(row)) chunk.results.failed(row.target.id, explain(transfer, row, seen, failure));
  if (seen?.found) await tellArrived(core, chunk, transfer, done, seen.found.arrivals);
}

interface Found {
  /** Null: the source is another mailbox by now. */
  there: ReadonlySet<number> | null;
  arrivals: Arrivals;
}

function explain(
  { kind, to, open }: Transfer,
  { uid }: Row,
  seen: { found: Found | null; isFinal: boolean } | null,
  failure: Failure,
): Failure {
  if (!seen?.found?.there) return withOutcome(failure, "unknown");
  const isThere = seen.found.there.has(uid);
  if (seen.found.arrivals.has(uid)) {
    return partlyDone(`The message was copied to ${to.path} and is still in ${open.record.path}.`, failure);
  }
  if (!isThere && kind === "copy") return messageGone();
  return withOutcome(failure, isThere && seen.isFinal ? "none" : "unknown");
}
