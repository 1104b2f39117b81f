import { type Call, Failure, isFailure, noteProof } from "@postern/protocol";
import type { MailboxRecord } from "@postern/store";
import type { ImapSession, ListedMailbox, MailboxStatus, SelectedMailbox, WritableMailbox } from "../imap/session.ts";
import type { Core } from "./core.ts";
import { withMailboxIds } from "./mailboxes/object-ids.ts";
import type { AccountRef } from "./mailboxes/registry.ts";
import { identify } from "./places/identify.ts";
import type { Facts } from "./rows/facts.ts";

/** A mailbox that is selected on a borrowed session, in a state proved after the request arrived. */
export interface OpenMailbox {
  account: AccountRef;
  session: ImapSession;
  /** UIDVALIDITY in it is the selected one's. */
  record: MailboxRecord;
  state: SelectedMailbox | WritableMailbox;
  /** Of the account's sightings, before anything was asked: what is read is seen at it. */
  count: number;
  /** The only maker of ids for messages that are shown: of those with these UIDs, which must have been read before. */
  idsOf(uids: readonly number[], factsOf?: (uid: number) => Facts | undefined): Promise<Map<number, string>>;
}

export interface OpenRequest {
  account: AccountRef;
  /** The mailbox's key. */
  mailbox: number;
  lane: "interactive" | "bulk";
  call: Call;
  /** Its state as proved after the request arrived: then a connection that holds it need not open it anew. */
  proved?: Proved | null;
  /** To change what is in it: by SELECT. */
  write?: boolean;
}

export interface Proved {
  record: MailboxRecord;
  proof: MailboxStatus;
  /** As of an opened mailbox. */
  count: number;
}

/** Null where the mailbox is not, or not surely, the one that was known under its path: opening it tells what it is. */
export async function prove(core: Core, account: AccountRef, mailbox: number, call: Call): Promise<Proved | null> {
  const record = await liveRecord(core, account, mailbox);
  const count = await core.registry.count(account);
  const proof = await core.proofs.mailbox(account.id, record.path, call);
  if (!proof || !isKnown(record, proof)) return null;
  return { record: await sighted(core, account, record, proof), proof, count };
}

/** Takes note of what came. Where that cannot be written now, less will be known of copies that come to light later. */
async function sighted(
  core: Core,
  account: AccountRef,
  record: MailboxRecord,
  state: MailboxStatus | SelectedMailbox,
): Promise<MailboxRecord> {
  if ((state.uidNext ?? 0) <= (record.uidNext ?? 0)) return record;
  try {
    return await core.registry.see(account, record.key, state);
  } catch (error) {
    if (!isFailure(error, "unavailable")) throw error;
    return record;
  }
}

/**
 * The one door to what is in a mailbox. `work` must not keep the session and may run a second time on another one.
 * Throws `not-found` when there is no such mailbox any more; a mailbox renamed elsewhere is found where it is now.
 *
 * Without a proof every opening sends EXAMINE or SELECT, even of the mailbox that is selected already: a connection does not notice
 * that its mailbox was deleted and made anew.
 */
export async function openMailbox<T>(
  core: Core,
  { account, mailbox, lane, call, proved, write }: OpenRequest,
  work: (open: OpenMailbox) => Promise<T>,
): Promise<T> {
  for (;;) {
    const record = await liveRecord(core, account, mailbox);
    const count = await core.registry.count(account);
    const done = await core.sessions.use({ account: account.id, mailbox: record.path, lane, call }, async (session) => {
      const selected =
        (proved && (await hold(session, proved))) ?? (await select(core, account, mailbox, session, write ?? false));
      if (!selected) return null;
      const { record: found, state } = selected;
      noteProof(call.report, state.asOf);
      const opened = { account, session, record: found, state, count };
      const idsOf: OpenMailbox["idsOf"] = (uids, factsOf) =>
        identify(core, opened, uids, factsOf ?? nothingKnown, call);
      return { value: await work({ ...opened, idsOf }) };
    });
    if (done) return done.value;
    await core.registry.settled(account, call);
  }
}

const nothingKnown = (): undefined => undefined;

/** A connection that has the proved mailbox selected is told by NOOP what others did to it; null: it has not. */
async function hold(session: ImapSession, { record, proof }: Proved): Promise<Selected | null> {
  const view = await session.refresh(record.path);
  if (!view || view.uidValidity !== proof.uidValidity || proof.uidNext === null) return null;
  const { highestModseq, uidNext, asOf } = proof;
  return { record, state: { ...view, highestModseq, uidNext, asOf } };
}

export async function liveRecord(core: Core, account: AccountRef, key: number): Promise<MailboxRecord> {
  const record = await core.registry.find(account, key);
  if (!record || record.goneAt !== null) throw noSuchMailbox();
  return record;
}

type Selected = Pick<OpenMailbox, "record" | "state">;

/** Null: Postern changes paths right now; when it has, it is to be tried again. */
async function select(
  core: Core,
  account: AccountRef,
  key: number,
  session: ImapSession,
  write: boolean,
): Promise<Selected | null> {
  const open = (path: string): Promise<SelectedMailbox | WritableMailbox | null> =>
    write ? session.select(path) : session.examine(path);
  const record = await liveRecord(core, account, key);
  const state = await open(record.path).catch(nullWhereRefused);
  const same = state && (await asSeen(core, account, record, state));
  if (same) return { record: same, state };
  // Renamed, made anew, reset or gone: only the list of all tells which.
  const turn = core.registry.turn(account);
  const listed = await session.list({ counters: true });
  const told = state === null ? listed : listed.map((mailbox) => withIdOf(mailbox, record.path, state));
  const named = await withMailboxIds(session, told, await core.registry.live(account));
  if (!(await core.registry.learn(account, named, turn))) return null;
  const now = await liveRecord(core, account, key);
  const stateNow = await open(now.path);
  if (!stateNow) throw noSuchMailbox();
  return { record: await core.registry.see(account, key, stateNow), state: stateNow };
}

/** Opening a mailbox tells its MAILBOXID, which LIST does not: one made anew may have the UIDVALIDITY of the one before. */
function withIdOf(mailbox: ListedMailbox, path: string, { mailboxId, uidValidity }: SelectedMailbox): ListedMailbox {
  const { status } = mailbox;
  if (mailbox.path !== path || status?.uidValidity !== uidValidity || mailboxId === null) return mailbox;
  return { ...mailbox, status: { ...status, mailboxId } };
}

/** What is known of a mailbox after it was opened in this state. Null: it is not, or not surely, the one that was known. */
export async function asSeen(
  core: Core,
  account: AccountRef,
  record: MailboxRecord,
  state: MailboxStatus | SelectedMailbox,
): Promise<MailboxRecord | null> {
  if (isKnown(record, state)) return sighted(core, account, record, state);
  return mayBeAdopted(record, state) ? core.registry.see(account, record.key, state) : null;
}

/** Dovecot refuses for a moment to open what was deleted and made anew ("deleted under us"). */
function nullWhereRefused(error: unknown): null {
  if (isFailure(error, "upstream-refused") && error.upstream?.code === null) return null;
  throw error;
}

export function isKnown(record: MailboxRecord, state: Pick<MailboxStatus, "uidValidity" | "mailboxId">): boolean {
  const sameObject = state.mailboxId === null || record.mailboxId === state.mailboxId;
  return record.uidValidity === state.uidValidity && sameObject;
}

/** Never selected before, or the server has only now told its MAILBOXID. */
function mayBeAdopted(record: MailboxRecord, state: Pick<MailboxStatus, "uidValidity" | "mailboxId">): boolean {
  const sameObject = state.mailboxId === null || record.mailboxId === null || record.mailboxId === state.mailboxId;
  return sameObject && (record.uidValidity === null || record.uidValidity === state.uidValidity);
}

export function noSuchMailbox(): Failure {
  return new Failure("not-found", { detail: "There is no such mailbox." });
}

/** The account as the core knows it. Throws `not-found`. */
export async function accountRef(core: Core, account: string): Promise<AccountRef> {
  return { id: account, key: await core.accounts.keyOf(account) };
}
