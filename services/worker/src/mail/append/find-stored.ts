import type { Call } from "@postern/protocol";
import type { ImapSession, SearchKey } from "../../imap/session.ts";
import type { Core } from "../core.ts";
import type { MessagePlace } from "@postern/store";
import type { AccountRef } from "../mailboxes/registry.ts";
import { openMailbox } from "../open-mailbox.ts";
import type { Spooled } from "../ports.ts";
import { messageIdOf } from "./message-id.ts";
import type { Before, NewMessage } from "./store-message.ts";

const HIGHEST_UID = 0xffffffff;
/** So many of the same size and Message-ID are looked into. */
const MOST_CANDIDATES = 20;
const PIECE = 1 << 20;

/**
 * Where messages are that may have been stored, in their order: each is among what is new one that is the same to the last
 * octet, and none is the same as another's. Null: it is not there.
 */
export async function findStored(
  core: Core,
  account: AccountRef,
  before: Before,
  messages: readonly Pick<NewMessage, "spooled">[],
  call: Call,
): Promise<(MessagePlace | null)[]> {
  const request = { account, mailbox: before.record.key, lane: "interactive", call } as const;
  return openMailbox(core, request, async ({ session, state }) => {
    const taken = new Set<number>();
    const places: (MessagePlace | null)[] = [];
    for (const { spooled } of messages) {
      const isSame = state.uidValidity === before.uidValidity;
      const uid = isSame ? await findOne(session, before, spooled, taken) : null;
      if (uid !== null) taken.add(uid);
      places.push(uid === null ? null : { mailbox: before.record.key, uidValidity: state.uidValidity, uid });
    }
    return places;
  });
}

/** Copies of one message come in their order, so that the first that nobody has is this one. */
async function findOne(
  session: ImapSession,
  before: Before,
  spooled: Spooled,
  taken: ReadonlySet<number>,
): Promise<number | null> {
  const uids = await session.search(await searchKey(before, spooled));
  const free = uids.filter((uid) => uid >= before.uidNext && !taken.has(uid));
  const sizes = await session.fetch({ uids: free }, { size: true });
  const candidates = sizes.filter(({ size }) => size === spooled.size).map(({ uid }) => uid);
  for (const uid of candidates.toSorted((a, b) => a - b).slice(0, MOST_CANDIDATES)) {
    if (await isSame(session, uid, spooled)) return uid;
  }
  return null;
}

async function searchKey({ uidNext }: Before, spooled: Spooled): Promise<SearchKey> {
  const isNew: SearchKey = { uidRange: { from: uidNext, to: HIGHEST_UID } };
  const messageId = await messageIdOf(spooled.octets());
  return messageId === null ? isNew : { and: [isNew, { header: "Message-ID", value: messageId }] };
}

async function isSame(session: ImapSession, uid: number, spooled: Spooled): Promise<boolean> {
  let offset = 0;
  for await (const expected of pieces(spooled)) {
    const stored = await session.fetchPiece(uid, "", offset, expected.length);
    if (stored === null || !equal(stored, expected)) return false;
    offset += expected.length;
  }
  return true;
}

/** The octets in pieces that are worth a command each. */
async function* pieces(spooled: Spooled): AsyncGenerator<Uint8Array> {
  let piece = new Uint8Array(Math.min(PIECE, spooled.size));
  let filled = 0;
  let left = spooled.size;
  for await (const chunk of spooled.octets()) {
    for (let from = 0; from < chunk.length; ) {
      const part = chunk.subarray(from, from + piece.length - filled);
      piece.set(part, filled);
      filled += part.length;
      from += part.length;
      if (filled < piece.length) continue;
      yield piece;
      left -= filled;
      piece = new Uint8Array(Math.min(PIECE, left));
      filled = 0;
    }
  }
}

function equal(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((octet, index) => octet === other[index]);
}
