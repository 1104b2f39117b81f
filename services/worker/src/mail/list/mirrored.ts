import type { Call } from "@postern/protocol";
import type { MailboxRecord } from "@postern/store";
import type { FetchItems } from "../../imap/session.ts";
import type { Alongside, Current, MirrorPlace, MirrorWish } from "../../mirror/mirrors.ts";
import type { MirroredMessage, MirroredPage } from "../../mirror/mirror.ts";
import type { Core } from "../core.ts";
import type { AccountRef } from "../mailboxes/registry.ts";
import { asSeen, type Proved } from "../open-mailbox.ts";
import { idsUnvisited } from "../places/identify.ts";
import { keysOf } from "../rows/fact-store.ts";
import { placeOf } from "../rows/fact-reader.ts";
import {
  complete,
  type FactKind,
  type Facts,
  factsOf,
  type FactsPlace,
  itemsOf,
  keep,
  lackingOf,
} from "../rows/facts.ts";
import { messageEtag } from "../rows/flags.ts";
import { Known } from "../rows/known.ts";
import { messageJson, noBody } from "../rows/shape.ts";
import type { Needs } from "../rows/needs.ts";
import type { ListRequest, PageParts } from "./request.ts";
import { uidCursor } from "./uid-cursor.ts";

/** What is to be had with a mirror. */
export interface MirrorAsk {
  needs: Needs;
  limit: number;
  call: Call;
}

/** The mailbox's mirror as it is now; null: it is to be read past it. */
export function currentMirror(
  core: Core,
  account: AccountRef,
  proved: Proved,
  ask: MirrorAsk,
): Promise<Current | null> {
  const place = mirrorPlace(account, proved.record);
  const { proof } = proved;
  const { wish, alongside } = wishes(core, place, proof.uidValidity, proof.uidNext, ask);
  return core.mirrors.current(place, proof, wish, ask.call, alongside);
}

/** The same of a mailbox of which nothing is known yet, with what opening it proves; null: it has to be proved first. */
export async function firstMirror(
  core: Core,
  account: AccountRef,
  record: MailboxRecord,
  ask: MirrorAsk,
): Promise<{ current: Current; proved: Proved } | null> {
  if (record.uidValidity === null || core.mirrors.knows(account.key, record.key, record.uidValidity)) return null;
  const place = mirrorPlace(account, record);
  const { wish, alongside } = wishes(core, place, record.uidValidity, record.uidNext, ask);
  const count = await core.registry.count(account);
  const current = await core.mirrors.first(place, record.uidValidity, wish, ask.call, alongside);
  const now = current && (await asSeen(core, account, record, current.proof));
  return now && { current, proved: { record: now, proof: current.proof, count } };
}

function wishes(
  core: Core,
  place: MirrorPlace,
  uidValidity: number,
  uidNext: number | null,
  { needs, limit }: MirrorAsk,
): { wish: MirrorWish; alongside: Alongside } {
  const facts = placeOf(place, uidValidity);
  // Most mailboxes have few gaps at their end: what is likely to be on the first page comes with the mirror.
  const likely = Array.from({ length: limit }, (_, at) => (uidNext ?? 0) - 1 - at).filter((uid) => uid > 0);
  const take = (values: readonly (Uint8Array | null)[]): void => void core.facts.take(facts, likely, values);
  const alongside = { keys: keysOf(facts, likely), take };
  const items = (isNew: boolean): FetchItems =>
    isNew ? itemsOf(kindsOf(needs)) : unlessKnown(core, facts, likely, needs);
  return { wish: { rows: limit, items }, alongside };
}

/** What is to be fetched of messages that probably have these UIDs: nothing where most of them are known. */
function unlessKnown(core: Core, place: FactsPlace, likely: readonly number[], needs: Needs): FetchItems {
  const lacking = lackingOf(core.facts.atHand(place, likely), likely, kindsOf(needs));
  return lacking.length === 0 || lacking.length < likely.length / 2 ? {} : itemsOf(kindsOf(needs));
}

/** With the server's own id, which costs nothing beside the rest: a message that is shown may have been shown elsewhere. */
function kindsOf({ facts }: Needs): FactKind[] {
  return facts.includes("guid") ? facts : [...facts, "guid"];
}

function mirrorPlace(account: AccountRef, record: MailboxRecord): MirrorPlace {
  return { account, mailbox: record.key, path: record.path };
}

/** A page of all of one mailbox's messages by UID, out of its mirror and what is known of them. Null: not all is known. */
export async function mirroredParts(
  core: Core,
  request: ListRequest,
  proved: Proved,
  current: Current | null,
): Promise<PageParts | null> {
  const { account, call, needs } = request;
  if (!current || !isMirrored(request)) return null;
  const page = await pageOf(core, request, proved, current);
  if (!page) return null;
  const { uidValidity } = proved.proof;
  const uids = page.messages.map(({ uid }) => uid);
  const place = mirrorPlace(account, proved.record);
  const known = await knownOf(core, place, uidValidity, uids, needs, call);
  if (!known) return null;
  const threads = needs.thread ? await core.threadIds.known(placeOf(place, uidValidity), uids) : null;
  // To be given a thread, a message has to be looked at.
  if (threads && uids.some((uid) => !threads.has(uid))) return null;
  const sight = { here: { mailbox: proved.record.key, uidValidity }, count: proved.count };
  const evidence = (news: readonly number[]): Promise<Map<number, Facts>> =>
    evidenceOf(core, place, uidValidity, news, call);
  const ids = await idsUnvisited(core, account, sight, uids, evidence, call);
  if (!ids) return null;
  const show = (message: MirroredMessage): ReturnType<typeof shown> =>
    shown(request, proved, message, {
      known: known.get(message.uid),
      id: ids.get(message.uid),
      thread: threads?.get(message.uid) ?? null,
    });
  const items = await Promise.all(page.messages.map(show));
  const end = uids.at(-1);
  return {
    hasNext: page.hasNext,
    hasPrevious: page.hasPrevious,
    total: page.total,
    items: items.flatMap((item) => item ?? []),
    end: end === undefined ? null : { order: "uid", uidValidity, uid: end },
  };
}

/** Whether a mirror can give it: all messages in the order of their UIDs, and nothing that is in their octets. */
export function isMirrored({ filter, sort, needs }: ListRequest): boolean {
  const { text, html, header, replyText, authentication, listUnsubscribe, calendarInvites } = needs;
  const readsOctets = text || html || replyText || authentication || listUnsubscribe || calendarInvites;
  return filter === null && sort === null && !readsOctets && header === "none";
}

/** What lies just below what is held is fetched; what lies far below is not. */
async function pageOf(
  core: Core,
  request: ListRequest,
  proved: Proved,
  current: Current,
): Promise<MirroredPage | null> {
  const { account, needs, call, span } = request;
  const { mirror } = current;
  const { uidValidity } = proved.proof;
  const place = mirrorPlace(account, proved.record);
  learn(core, place, uidValidity, current, needs);
  const cursor = uidCursor(request, uidValidity);
  const page = mirror.page({ ...span, cursor });
  if (page || span.direction === "backward" || (cursor !== null && cursor < mirror.floor)) return page;
  const facts = placeOf(place, uidValidity);
  const likely = Array.from({ length: span.limit }, (_, at) => mirror.floor - 1 - at).filter((uid) => uid > 0);
  await core.facts.recall(facts, likely);
  const wish = { rows: span.limit, items: () => unlessKnown(core, facts, likely, needs) };
  const extended = await core.mirrors.extend(place, mirror, wish, call);
  if (!extended) return null;
  learn(core, place, uidValidity, extended, needs);
  return mirror.page({ ...span, cursor });
}

/** Takes in what was fetched beside flags. */
function learn(core: Core, place: MirrorPlace, uidValidity: number, { fetched }: Current, needs: Needs): void {
  if (fetched.length === 0) return;
  const facts = new Map(fetched.map((row) => [row.uid, factsOf(row)]));
  const uids = [...facts.keys()];
  const at = placeOf(place, uidValidity);
  const known = core.facts.atHand(at, uids);
  complete(known, uids, facts, kindsOf(needs));
  keep(core.facts, at, uids, known);
}

/** Null: a snippet is still to be made, for which the text has to be read. */
async function knownOf(
  core: Core,
  place: MirrorPlace,
  uidValidity: number,
  uids: readonly number[],
  needs: Needs,
  call: Call,
): Promise<Map<number, Known> | null> {
  if (needs.facts.length === 0 && !needs.snippet) return new Map(uids.map((uid) => [uid, nothing]));
  const known = await core.factReader.read(place, uidValidity, uids, needs.facts, call);
  if (needs.snippet && uids.some((uid) => known.get(uid)?.has("snippet") !== true)) return null;
  return known;
}

const nothing = new Known({});

/** What messages can be known again by: the server's own id of them, else what does not change when they are moved. */
async function evidenceOf(
  core: Core,
  place: MirrorPlace,
  uidValidity: number,
  uids: readonly number[],
  call: Call,
): Promise<Map<number, Facts>> {
  const read = (of: readonly number[], kinds: readonly FactKind[]): Promise<Map<number, Known>> =>
    core.factReader.read(place, uidValidity, of, kinds, call);
  const known = await read(uids, ["guid"]);
  const without = uids.filter((uid) => known.get(uid)?.facts.guid === null);
  if (without.length > 0) {
    const others = await read(without, ["envelope", "internalDate", "size"]);
    for (const [uid, each] of others) known.set(uid, each);
  }
  return new Map([...known].map(([uid, { facts }]) => [uid, facts]));
}

async function shown(
  request: ListRequest,
  { record, proof }: Proved,
  { uid, flags, modseq }: MirroredMessage,
  { known, id, thread }: { known: Known | undefined; id: string | undefined; thread: number | null },
): Promise<PageParts["items"][number] | null> {
  if (!known || id === undefined) return null;
  const open = { account: request.account, record, state: proof };
  const state = { flags, modseq };
  const etag = request.fields.includes("etag") ? await messageEtag(open, uid, state) : null;
  const json = messageJson(open, { id, uid, known, flags: state, etag, thread, body: noBody }, request.fields);
  return { json, cursor: { order: "uid", uidValidity: proof.uidValidity, uid } };
}
