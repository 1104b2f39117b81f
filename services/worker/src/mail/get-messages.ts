import {
  type Call,
  Failure,
  type Input,
  isFailure,
  type Message,
  type MessageResult,
  type Output,
} from "@postern/protocol";
import type { Core } from "./core.ts";
import { canonical } from "./list/question.ts";
import { markOf } from "./list/states.ts";
import { inParallel } from "./list/in-parallel.ts";
import {
  absence,
  follow,
  messageGone,
  noSuchMessage,
  openForMessages,
  type Place,
  placesOf,
} from "./locate-message.ts";
import { accountRef, type OpenMailbox, prove } from "./open-mailbox.ts";
import type { AccountRef } from "./mailboxes/registry.ts";
import { needsOf } from "./rows/needs.ts";
import { readMessages, type Wanted } from "./rows/read-messages.ts";

/** Messages by id, in the order asked, each or why it is not there. Every mailbox in which they are is visited once. */
export async function getMessages(core: Core, input: Input<"getMessages">, call: Call): Promise<Output<"getMessages">> {
  const account = await accountRef(core, input.account);
  const wanted: Wanted = {
    fields: input.fields,
    needs: needsOf(input.fields),
    threads: core.threadIds,
    accounts: core.accounts,
    workshop: core.workshop,
    call,
  };
  const results = new Map<string, MessageResult>();
  const places: Group = [];
  const missing: { id: string; place: Place | null }[] = [];
  for (const [id, place] of await placesOf(core, account, input.ids)) {
    if (!(place instanceof Failure)) places.push({ id, place });
    else {
      results.set(id, { failure: place.toJSON() });
      if (place.code === "message-gone") missing.push({ id, place: null });
    }
  }
  for (const [id, result] of await readPlaces(core, account, places, wanted)) results.set(id, result);
  missing.push(...places.filter(({ id }) => isGone(results.get(id))));
  const moved = missing.length === 0 ? [] : [...(await follow(core, account, missing, call))];
  const again = moved.map(([id, place]) => ({ id, place }));
  for (const [id, result] of await readPlaces(core, account, again, wanted)) results.set(id, result);
  return { results: input.ids.map((id) => results.get(id) ?? { failure: noSuchMessage().toJSON() }) };
}

function isGone(result: MessageResult | undefined): boolean {
  return result !== undefined && "failure" in result && result.failure.code === "message-gone";
}

async function readPlaces(
  core: Core,
  account: AccountRef,
  places: Group,
  wanted: Wanted,
): Promise<[string, MessageResult][]> {
  const byMailbox = Map.groupBy(places, ({ place }) => place.mailbox);
  const read = await inParallel([...byMailbox], ([mailbox, group]) => readGroup(core, account, mailbox, group, wanted));
  return read.flat();
}

type Group = { id: string; place: Place }[];

async function readGroup(
  core: Core,
  account: AccountRef,
  mailbox: number,
  group: Group,
  wanted: Wanted,
): Promise<[string, MessageResult][]> {
  const { call, fields } = wanted;
  const proved = await prove(core, account, mailbox, call).catch(nullWhereNotFound);
  const request = { account, mailbox, lane: "interactive", call, proved } as const;
  const read = (): Promise<[string, MessageResult][]> =>
    openForMessages(core, request, (open) => readOpen(core, open, group, wanted));
  const mark = proved && markOf(mailbox, proved.proof);
  // With where each is: a message that was not there may have been found under another UID since.
  const ids = group.map(({ id, place: { uidValidity, uid } }) => [id, uidValidity, uid]);
  const question = canonical({ account: account.key, ids, fields: [...fields].sort() });
  const results = await orFailure(
    proved === null || mark === null
      ? read()
      : core.read.recall(question, { mark: `${mark} ${proved.count}`, asOf: proved.proof.asOf }, read),
  );
  return "failure" in results ? group.map(({ id }) => [id, results]) : results;
}

/** Opening it tells whether it is gone or never was. */
function nullWhereNotFound(error: unknown): null {
  if (isFailure(error, "not-found")) return null;
  throw error;
}

async function readOpen(
  core: Core,
  open: OpenMailbox,
  group: Group,
  wanted: Wanted,
): Promise<[string, MessageResult][]> {
  const results = new Map<string, MessageResult>();
  const possible = group.filter(({ id, place }) => {
    const failure = absence(place, open);
    if (failure) results.set(id, { failure: failure.toJSON() });
    return failure === null;
  });
  const uids = possible.map(({ place }) => place.uid);
  // Flags are fetched of every message and tell by themselves which are there; without them that is asked.
  const present = wanted.needs.flags ? uids : await existing(open, uids);
  const messages = await readMessages(core.facts, open, present, wanted);
  for (const { id, place } of possible) results.set(id, resultOf(messages.get(place.uid)));
  return [...results];
}

async function existing({ session }: OpenMailbox, uids: readonly number[]): Promise<number[]> {
  if (uids.length === 0) return [];
  const found = new Set((await session.fetch({ uids }, {})).map(({ uid }) => uid));
  return uids.filter((uid) => found.has(uid));
}

function resultOf(message: Message | undefined): MessageResult {
  return message ? { message } : { failure: messageGone().toJSON() };
}

/** What is wrong with one message or mailbox fails those; anything else, such as an account out of reach, fails all. */
async function orFailure<T>(promise: Promise<T>): Promise<T | Extract<MessageResult, { failure: unknown }>> {
  try {
    return await promise;
  } catch (error) {
    if (isFailure(error, "not-found") || isFailure(error, "message-gone")) return { failure: error.toJSON() };
    throw error;
  }
}
