import { Failure, type ListMessagesOutput, remark } from "@postern/protocol";
import type { Current } from "../../mirror/mirrors.ts";
import type { Core } from "../core.ts";
import { liveRecord, type OpenMailbox, openMailbox, prove } from "../open-mailbox.ts";
import { readMessagesJson } from "../rows/read-messages.ts";
import type { SortedCursor } from "./cursor.ts";
import { merge } from "./merge.ts";
import { currentMirror, firstMirror, isMirrored, mirroredParts } from "./mirrored.ts";
import { newestFirst } from "./newest-first.ts";
import { type Order, orderOf } from "./order.ts";
import { ordered } from "./ordered.ts";
import { makeQuery, newBudget, tooCostly } from "./query.ts";
import { cursorExpired, type ListRequest, packPage, type Page, pageAsRead, type PageParts } from "./request.ts";
import { markOf } from "./states.ts";
import { readStrand, type Strand } from "./strand.ts";
import { uidCursor } from "./uid-cursor.ts";

/** A page of one mailbox: out of its mirror, or in one visit to it. */
export async function listOne(core: Core, request: ListRequest, mailbox: number): Promise<ListMessagesOutput> {
  const { account, call, pageQuestion: question, ifNoneMatch } = request;
  const wish = { needs: request.needs, limit: request.span.limit, call };
  // Of a mailbox that nothing is known of yet, opening it tells as much as a proof before it would.
  const first = isMirrored(request)
    ? await firstMirror(core, account, await liveRecord(core, account, mailbox), wish)
    : null;
  const proved = first?.proved ?? (await prove(core, account, mailbox, call));
  const visit = (): Promise<Page> =>
    openMailbox(core, { account, mailbox, lane: "interactive", call, proved }, async (open) =>
      packPage(
        request,
        request.sort
          ? await sortedParts(core, request, open, orderOf(request.sort))
          : await newestParts(core, request, open),
      ),
    );
  const { explained } = call.report;
  if (proved === null) {
    remark(explained, NOTHING_TELLS);
    return pageAsRead(request, await visit());
  }
  const { asOf } = proved.proof;
  const mirror = async (): Promise<Current | null> => first?.current ?? currentMirror(core, account, proved, wish);
  let isRead = false;
  const read = async (current: Current | null): Promise<Page> => {
    isRead = true;
    const parts = await mirroredParts(core, request, proved, current);
    return parts ? packPage(request, parts) : visit();
  };
  const remarked = (answer: ListMessagesOutput): ListMessagesOutput => {
    remark(explained, isRead ? MUST_BE_READ : AT_HAND);
    return answer;
  };
  const mark = markOf(proved.record.key, proved.proof);
  if (mark !== null) {
    const asked = { question, marks: [mark], asOf, count: proved.count, ifNoneMatch };
    const make = async (): Promise<Page> => read(isMirrored(request) ? await mirror() : null);
    return remarked(await core.answers.serve(asked, make));
  }
  // Without CONDSTORE it is the mirror, fed by the connection that holds the mailbox, that tells whether anything changed.
  const current = await mirror();
  if (!current) {
    remark(explained, NOTHING_TELLS);
    return pageAsRead(request, await visit());
  }
  const { record, proof, count } = proved;
  const own = [record.key, proof.uidValidity, current.mirror.version, count].join(".");
  return remarked(await core.answers.serveAsRead(request, { mark: own, asOf }, () => read(current)));
}

const AT_HAND = "The page was at hand: by its state, the mailbox is as it was when the page was made.";
const MUST_BE_READ = "The page was put together anew: it was asked for the first time, or the mailbox has changed.";
const NOTHING_TELLS = "The page was read: nothing that this server tells proves that the mailbox is as it was.";

async function newestParts(core: Core, request: ListRequest, open: OpenMailbox): Promise<PageParts> {
  const { uidValidity } = open.state;
  const after = uidCursor(request, uidValidity);
  const query = await makeQuery(core.facts, open, request.filter, newBudget(1), request.call);
  const page = await newestFirst(open, query, after, request.span);
  const messages = await readMessagesJson(core.facts, open, page.uids, request);
  const at = (uid: number): PageParts["end"] => ({ order: "uid", uidValidity, uid });
  return {
    ...page,
    items: page.uids.flatMap((uid) => {
      const json = messages.get(uid);
      return json ? [{ json, cursor: { order: "uid", uidValidity, uid } as const }] : [];
    }),
    end: page.end === null ? null : at(page.end),
  };
}

async function sortedParts(core: Core, request: ListRequest, open: OpenMailbox, order: Order): Promise<PageParts> {
  const strand = await strandOf(core, request, open, order, 1);
  const merged = merge([strand], order, request.span);
  refuseStandstill(request, merged.items.length === 0 && merged.hasPrevious);
  const uids = merged.items.map(({ uid }) => uid);
  const messages = await readMessagesJson(core.facts, open, uids, request);
  return {
    ...merged,
    items: merged.items.flatMap(({ uid, cursor }) => {
      const json = messages.get(uid);
      return json ? [{ json, cursor }] : [];
    }),
  };
}

/** What the mailbox has to give to a sorted page. `mailboxes`: how many share the request. */
export async function strandOf(
  core: Core,
  request: ListRequest,
  open: OpenMailbox,
  order: Order,
  mailboxes: number,
): Promise<Strand> {
  const { filter, span, call } = request;
  const cursor = sortedCursor(request, open);
  const query = await makeQuery(core.facts, open, filter, newBudget(mailboxes), call);
  return readStrand(open, ordered(core.facts, open, query, order, call), { query, order, cursor, span });
}

function sortedCursor({ cursor }: ListRequest, open: OpenMailbox): SortedCursor | null {
  if (cursor === null) return null;
  if (cursor.order !== "sorted") throw new Failure("cursor-mismatch");
  const place = cursor.places.find(({ mailbox }) => mailbox === open.record.key);
  if (place && place.uidValidity !== open.state.uidValidity) throw cursorExpired();
  return cursor;
}

/** Backward there is no cursor to go on from a page without items. */
export function refuseStandstill({ span }: ListRequest, isStuck: boolean): void {
  if (span.direction === "backward" && isStuck) {
    throw tooCostly("Too many messages would have to be looked at to read this list backward.");
  }
}
