import { type Call, isFailure, type Message } from "@postern/protocol";
import type { MailboxRecord } from "@postern/store";
import type { Core } from "../core.ts";
import { listAndLearn } from "../mailboxes/resolve.ts";
import { isSelectable } from "../mailboxes/tree.ts";
import { type OpenMailbox, openMailbox } from "../open-mailbox.ts";
import { readMessages } from "../rows/read-messages.ts";
import { inParallel } from "./in-parallel.ts";
import { merge, type MergedItem } from "./merge.ts";
import { orderOf } from "./order.ts";
import { tooCostly } from "./query.ts";
import { type ListAnswer, type ListRequest, packPage } from "./request.ts";
import { refuseStandstill, strandOf } from "./single.ts";
import { markOf, openMark, type StateMark, stateEtag } from "./states.ts";
import type { Strand } from "./strand.ts";

/** Mailboxes that one request visits. */
const MOST_MAILBOXES = 1_000;

/** A page of all selectable mailboxes: each is asked for what it has to give, and the best of all make the page. */
export async function listAll(core: Core, request: ListRequest): Promise<ListAnswer> {
  const order = orderOf(request.sort ?? "-receivedAt");
  const { filled, marks } = await mailboxesToVisit(core, request);
  if (filled.length > MOST_MAILBOXES) {
    throw tooCostly(`A list over all mailboxes visits at most ${MOST_MAILBOXES} of them; here are ${filled.length}.`);
  }
  const isMarked = filled.every(({ key }) => marks.has(key));
  const known = isMarked ? await stateEtag(request.pageQuestion, [...marks.values()]) : null;
  if (known !== null && request.ifNoneMatch.has(known)) return { notModified: true, etag: known };
  const visits = await inParallel(filled, ({ key }) =>
    visit(core, request, key, async (open): Promise<Visit> => {
      const mark = openMark(open);
      return { mark, strand: await strandOf(core, request, open, order, filled.length) };
    }),
  );
  const strands = visits.flatMap((each) => (each ? [each.strand] : []));
  for (const each of visits) if (each && !marks.has(each.strand.mailbox)) marks.set(each.strand.mailbox, each.mark);
  const etag = await stateEtag(request.pageQuestion, [...marks.values()]);
  const merged = merge(strands, order, request.span);
  refuseStandstill(request, merged.items.length === 0 && merged.hasPrevious);
  const messages = await readAll(core, request, merged.items, strands);
  const items = merged.items.flatMap(({ mailbox, uid, cursor }) => {
    const message = messages.get(mailbox)?.get(uid);
    return message ? [{ message, cursor }] : [];
  });
  return { page: await packPage(request, { ...merged, items, end: merged.end ?? request.cursor }), etag };
}

interface Visit {
  mark: StateMark;
  strand: Strand;
}

/** Mailboxes that may have messages, and the states of those whose counters came with the list. */
async function mailboxesToVisit(
  core: Core,
  { account, call }: ListRequest,
): Promise<{ filled: MailboxRecord[]; marks: Map<number, StateMark> }> {
  return core.sessions.use({ account: account.id, lane: "interactive", call }, async (session) => {
    const counters = session.abilities.listStatus;
    const { listed, records } = await listAndLearn(core, { account, session, call, counters });
    const filled: MailboxRecord[] = [];
    const marks = new Map<number, StateMark>();
    for (const mailbox of listed) {
      const record = records.get(mailbox.path);
      if (!record || !isSelectable(mailbox)) continue;
      if (mailbox.status) marks.set(record.key, markOf(record.key, mailbox.status));
      if (mailbox.status?.messages !== 0) filled.push(record);
    }
    return { filled, marks };
  });
}

/** Undefined for a mailbox that is gone since it was listed, or that the user may see but not read. */
async function visit<T>(
  core: Core,
  { account, call }: Pick<ListRequest, "account"> & { call: Call },
  mailbox: number,
  work: (open: OpenMailbox) => Promise<T>,
): Promise<T | undefined> {
  let opened = false;
  try {
    return await openMailbox(core, { account, mailbox, lane: "interactive", call }, (open) => {
      opened = true;
      return work(open);
    });
  } catch (error) {
    if (!opened && (isFailure(error, "not-found") || isDenied(error))) return undefined;
    throw error;
  }
}

function isDenied(error: unknown): boolean {
  return isFailure(error, "upstream-refused") && error.upstream?.code === "NOPERM";
}

async function readAll(
  core: Core,
  request: ListRequest,
  items: readonly MergedItem[],
  strands: readonly Strand[],
): Promise<Map<number, Map<number, Message>>> {
  const byMailbox = Map.groupBy(items, ({ mailbox }) => mailbox);
  const read = await inParallel([...byMailbox], async ([mailbox, wanted]) => {
    const uidValidity = strands.find((strand) => strand.mailbox === mailbox)?.uidValidity;
    const uids = wanted.map(({ uid }) => uid);
    const { account, call } = request;
    const messages = await visit(core, { account, call }, mailbox, (open) =>
      open.state.uidValidity === uidValidity ? readMessages(core.cache, open, uids, request) : Promise.resolve(null),
    );
    return [mailbox, messages ?? new Map<number, Message>()] as const;
  });
  return new Map(read);
}
