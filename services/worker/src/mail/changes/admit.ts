import { Failure, type Message, packMailboxId } from "@postern/protocol";
import type { FetchedMessage, FetchItems } from "../../imap/session.ts";
import { absence, messageGone } from "../locate-message.ts";
import type { OpenMailbox } from "../open-mailbox.ts";
import { type FlagState, messageEtag } from "../rows/flags.ts";
import type { Chunk, Wish } from "./run.ts";

/** A message that is there and may be changed, as it was just before. */
export interface Row extends Wish {
  uid: number;
  state: FlagState;
  /** What was fetched beside its flags. */
  facts: FetchedMessage;
}

/**
 * The messages of a chunk that are there, in a state that their `ifMatch` names; the others' results are told. A STORE or
 * MOVE passes over what is gone without a word, so that it has to be looked at.
 */
export async function admit(open: OpenMailbox, chunk: Chunk, items: FetchItems = {}): Promise<Row[]> {
  const present = await rowsOf(open, chunk, items);
  const admitted: Row[] = [];
  for (const row of present) {
    if (await matches(open, row)) admitted.push(row);
    else chunk.results.failed(row.target.id, await preconditionFailed(open, row.target.id, row.uid, row.state));
  }
  return admitted;
}

async function rowsOf(open: OpenMailbox, { wishes, results }: Chunk, items: FetchItems): Promise<Row[]> {
  const possible = wishes.filter(({ target, place }) => {
    const failure = absence(place, open);
    if (failure) results.failed(target.id, failure.withOutcome("none"));
    return !failure;
  });
  if (possible.length === 0) return [];
  const uids = possible.map(({ place }) => place.uid);
  const fetched = new Map((await open.session.fetch({ uids }, { ...items, flags: true })).map((row) => [row.uid, row]));
  return possible.flatMap((wish) => {
    const facts = fetched.get(wish.place.uid);
    if (facts?.flags) return [{ ...wish, uid: wish.place.uid, state: flagState(facts), facts }];
    results.failed(wish.target.id, messageGone().withOutcome("none"));
    return [];
  });
}

/** `\Recent` is of a session, not of the message. */
export function flagState({ flags = [], modseq }: FetchedMessage): FlagState {
  return { flags: flags.filter((flag) => !/^\\recent$/i.test(flag)), modseq: modseq ?? null };
}

/** `flag` in lower case. */
export function hasFlag({ flags }: FlagState, flag: string): boolean {
  return flags.some((each) => each.toLowerCase() === flag);
}

async function matches(open: OpenMailbox, { target, uid, state }: Row): Promise<boolean> {
  if (target.ifMatch === undefined || target.ifMatch.includes("*")) return true;
  return target.ifMatch.includes(await messageEtag(open, uid, state));
}

/** Whether the server itself can hold a change to a state (RFC 7162). */
export function isConditional({ state, session }: OpenMailbox): boolean {
  return session.abilities.condstore && state.highestModseq !== null;
}

export async function preconditionFailed(
  open: OpenMailbox,
  id: string,
  uid: number,
  state: FlagState,
): Promise<Failure> {
  const weaker = isConditional(open)
    ? ""
    : " The mail server keeps no MODSEQ: flags were compared just before, which is weaker.";
  return new Failure("precondition-failed", {
    detail: `The message is not as If-Match says.${weaker}`,
    outcome: "none",
    current: await shown(open, id, uid, state),
  });
}

/** The message as a change leaves it. */
export async function shown(open: OpenMailbox, id: string, uid: number, state: FlagState): Promise<Message> {
  return {
    id,
    mailboxId: packMailboxId({ accountKey: open.account.key, mailboxKey: open.record.key }),
    flags: [...state.flags],
    modseq: state.modseq?.toString() ?? null,
    etag: `"${await messageEtag(open, uid, state)}"`,
  };
}
