import { type Call, Failure, type Input, type Message, type Output } from "@postern/protocol";
import type { Core } from "./core.ts";
import { inParallel } from "./list/in-parallel.ts";
import { openForMessages } from "./locate-message.ts";
import type { AccountRef } from "./mailboxes/registry.ts";
import { accountRef } from "./open-mailbox.ts";
import { steadily } from "./places/steadily.ts";
import { needsOf } from "./rows/needs.ts";
import { readMessages, type Wanted } from "./rows/read-messages.ts";
import type { Members } from "./threads/threads.ts";

/** Where a message is, and when it arrived there. */
interface Place {
  mailbox: number;
  uid: number;
  receivedAt: number;
}

/** A conversation over all mailboxes, oldest arrival first. */
export async function getThread(core: Core, input: Input<"getThread">, call: Call): Promise<Output<"getThread">> {
  const account = await accountRef(core, input.account);
  return steadily(core, account, null, call, () => readThread(core, account, input, call));
}

async function readThread(
  core: Core,
  account: AccountRef,
  input: Input<"getThread">,
  call: Call,
): Promise<Output<"getThread">> {
  const { thread: id, limit, fields } = input;
  const after = input.cursor === undefined ? null : readCursor(input.cursor);
  if (limit === 0) {
    const threadIds = await core.threads.names(core, account, id);
    return { id, threadIds, total: null, complete: true, nextCursor: null, hasPrevious: false, messages: [] };
  }
  const found = await core.threads.members(core, account, id, call);
  const places = placesOf(found);
  const start = after === null ? 0 : places.filter((place) => compare(place, after) <= 0).length;
  const page = places.slice(start, start + limit);
  const messages = await read(core, account, page, found, {
    fields,
    needs: needsOf(fields),
    threads: core.threadIds,
    accounts: core.accounts,
    workshop: core.workshop,
    call,
  });
  const shown = page.flatMap((place) => {
    const message = messages.get(keyOf(place));
    return message ? [{ message, place }] : [];
  });
  const last = page.at(-1);
  return {
    id,
    threadIds: found.threadIds,
    total: places.length - (page.length - shown.length),
    complete: found.complete,
    nextCursor: last && start + page.length < places.length ? writeCursor(last) : null,
    hasPrevious: start > 0,
    messages: shown.map(({ message }) => message),
    ...(input.itemCursors && { itemCursors: shown.map(({ place }) => writeCursor(place)) }),
  };
}

function placesOf({ byMailbox }: Members): Place[] {
  return [...byMailbox]
    .flatMap(([mailbox, { members }]) => [...members].map(([uid, receivedAt]) => ({ mailbox, uid, receivedAt })))
    .sort(compare);
}

function compare(one: Place, other: Place): number {
  return one.receivedAt - other.receivedAt || one.mailbox - other.mailbox || one.uid - other.uid;
}

const keyOf = ({ mailbox, uid }: Place): string => `${mailbox}.${uid}`;

async function read(
  core: Core,
  account: AccountRef,
  places: readonly Place[],
  { byMailbox }: Members,
  wanted: Wanted,
): Promise<Map<string, Message>> {
  const { call } = wanted;
  const groups = Map.groupBy(places, ({ mailbox }) => mailbox);
  const read = await inParallel([...groups], ([mailbox, group]) =>
    openForMessages(core, { account, mailbox, lane: "interactive", call }, async (open) => {
      // It was made anew since they were found: none of them is there.
      if (open.state.uidValidity !== byMailbox.get(mailbox)?.uidValidity) return [];
      const uids = group.map(({ uid }) => uid);
      const present = wanted.needs.flags ? uids : await open.session.search({ uids });
      const messages = await readMessages(core.facts, open, present, wanted);
      return [...messages].map(([uid, message]) => [`${mailbox}.${uid}`, message] as const);
    }),
  );
  return new Map(read.flat());
}

/** A place, not a number: what comes or goes meanwhile makes nothing appear twice. */
function writeCursor({ receivedAt, mailbox, uid }: Place): string {
  return [receivedAt, mailbox, uid].map((part) => part.toString(36)).join(".");
}

function readCursor(text: string): Place {
  const [, at = "", mailbox = "", uid = ""] = /^(-?[0-9a-z]{1,12})\.([0-9a-z]{1,8})\.([0-9a-z]{1,8})$/.exec(text) ?? [];
  const place = { receivedAt: parseInt(at, 36), mailbox: parseInt(mailbox, 36), uid: parseInt(uid, 36) };
  if (Object.values(place).some(Number.isNaN)) {
    throw new Failure("cursor-mismatch", { detail: "The cursor is not one of this list." });
  }
  return place;
}
